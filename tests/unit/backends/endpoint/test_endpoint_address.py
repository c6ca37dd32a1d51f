"""Addresses of models behind HTTP: what they say, and what of them counts."""

from pathlib import Path

import pytest

from assay.backends.endpoint.endpoint_address import Address, parse_address, pin_address
from assay.backends.pins import folder_digest
from assay.components.references import identity_of, is_endpoint, name_of, short_name
from assay.errors import ModelLoadError
from assay.features.log_probs import ResponseLogProbs


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("http://host:8000/v1#tiny", ("http://host:8000/v1", "tiny", "unpinned")),
        ("http://host:8000/v1/#tiny@v2", ("http://host:8000/v1", "tiny", "v2")),
        ("http://host:8000#org/name", ("http://host:8000/v1", "org/name", "unpinned")),
        ("HTTPS://Host/api/v1#m@2026-11-21", ("https://host/api/v1", "m", "2026-11-21")),
        ("http://[::1]:8000/v1#m", ("http://[::1]:8000/v1", "m", "unpinned")),
        ("http://h/v1?tokenizer=my/tok+1&window=512#m",
         ("http://h/v1", "m", "unpinned", "my/tok+1", 512)),
    ],
)  # fmt: skip
def test_an_address_says_where_which_and_what_version(text: str, parts: tuple[str, ...]) -> None:
    assert parse_address(text) == Address(*parts)  # type: ignore[arg-type]
    assert parse_address(str(parse_address(text))) == Address(*parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("http://host:8000/v1", "does not say which model"),
        ("http://host:8000/v1#@v1", "does not say which model"),
        ("http://host:8000/v1#tiny@", "does not say which model"),
        ("http:///v1#tiny", "names no machine"),
        ("http://host:99999/v1#tiny", "is no address"),
        ("http://host/v1?tokeniser=a#tiny", "'tokeniser' is no option"),
        ("http://host/v1?window=big#tiny", "window=big is no number"),
        ("http://host/v1?window#tiny", "is no address"),
        ("http://user:secret@host/v1#tiny", "holds a name or a password"),
        ("http://user:secret@host:99999/v1#tiny", "is no address"),
    ],
)
def test_an_address_of_another_form_is_refused(text: str, error: str) -> None:
    with pytest.raises(ModelLoadError, match=error) as found:
        parse_address(text)

    assert "secret" not in f"{found.value} {found.value.hint}"


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("localhost", True), ("[::1]", True), ("127.8.8.8", True),
     ("10.0.0.2", False), ("gpu-box", False), ("localhost.example.org", False)],
)  # fmt: skip
def test_offline_only_this_machine_is_asked(host: str, local: bool) -> None:
    text = f"http://{host}:8000/v1#tiny"

    assert parse_address(text).is_local == local
    if local:
        assert pin_address(text, offline=True) == f"{text}@unpinned"
    else:
        with pytest.raises(ModelLoadError, match="on another machine"):
            pin_address(text, offline=True)


def test_a_model_without_a_label_is_called_unpinned_in_every_result() -> None:
    pinned = pin_address("http://host:8000/v1#org/name", offline=False)

    assert pinned == "http://host:8000/v1#org/name@unpinned"
    assert short_name(pinned) == "org/name@unpinned"
    assert name_of(pinned) == "http://host:8000/v1#org/name"
    assert "unpinned" in ResponseLogProbs(model=pinned).label()


def test_a_label_counts_and_is_never_taken_for_a_digest_of_weights() -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    served, local = f"http://host:8000/v1#tiny@{commit}", f"org/name@{commit}"

    assert pin_address(served, offline=False) == served
    assert identity_of(served) == served
    assert name_of(served) == served
    keys = {ResponseLogProbs(model=model).key for model in (served, local, f"{served[:-1]}8")}
    assert len(keys) == 3


def test_a_tokenizer_at_hand_is_pinned_by_its_content(tmp_path: Path) -> None:
    folder = tmp_path / "tok"
    folder.mkdir()
    (folder / "tokenizer.json").write_text("{}")
    text = f"http://host:8000/v1?tokenizer={folder}#tiny@v1"

    pinned = pin_address(text, offline=False)

    assert pinned == f"http://host:8000/v1?tokenizer={folder}@{folder_digest(folder)}#tiny@v1"
    assert pin_address(pinned, offline=False) == pinned
    assert name_of(pinned) == text
    with pytest.raises(ModelLoadError, match="no tokenizer is found"):
        pin_address("http://host/v1?tokenizer=./nowhere/at/all#tiny", offline=False)


@pytest.mark.parametrize("text", ["gpt2", "org/name", "./http", "http", "assay:lm", "a#b"])
def test_other_names_are_no_addresses(text: str) -> None:
    assert not is_endpoint(text)
