"""What one has paid for another can replay, and no key to a service goes along."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from assay.errors import DataError, FormatError
from assay.judging.capabilities import Capabilities, Finding
from assay.judging.cassette import (
    UNFENCED,
    export_cassette,
    import_capabilities,
    import_cassette,
    known_secrets,
    looks_like_a_key,
    read_cassette,
)
from assay.judging.known_capabilities import ASSUMED, known, remember
from assay.judging.secret import nonce
from assay.judging.store import ReplyStore
from assay.samples import Reason
from tests.judged import key_of, reply


def _written(folder: Path, *replies: object, **options: object) -> Path:
    path = folder / "replies.jsonl"
    with ReplyStore(folder / "judge") as store:
        for each in replies:
            store.keep(each).result()  # type: ignore[arg-type]
        export_cassette(store, path, secrets=(), **options)  # type: ignore[arg-type]
    return path


def test_what_was_written_is_read_anywhere_without_cost_and_scope(tmp_path: Path) -> None:
    odd = "half a letter \ud83d, a line \u2028\n"
    first = reply(1, response=odd, prompt_tokens=5, cached_tokens=1, outcome=Reason.TOO_LONG)
    paid = reply(2, cost=7, scope="pass", latency_ms=9, attempts=3, created=4)

    path = _written(tmp_path, first, paid)

    with ReplyStore(tmp_path / "other") as store:
        assert import_cassette(store, path) == 2
        assert store.find([key_of(1), key_of(2)]) == {key_of(1): first, key_of(2): reply(2)}
        assert import_cassette(store, path) == 0


def test_the_same_replies_give_the_same_bytes_in_whatever_order_they_came(tmp_path: Path) -> None:
    one = _written(tmp_path / "a", reply(1), reply(2, created=5, cost=1))
    other = _written(tmp_path / "b", reply(2), reply(1))

    assert one.read_bytes() == other.read_bytes()


def test_some_keys_are_written_and_missing_ones_told(tmp_path: Path) -> None:
    path = _written(tmp_path, reply(1), reply(2), keys=[key_of(2), key_of(2)])
    assert [each.key for each in read_cassette(path)] == [key_of(2)]

    with pytest.raises(DataError, match="of 2 requests, 1 have no reply"):
        _written(tmp_path, keys=[key_of(2), key_of(3)])


def test_a_reply_of_ones_own_stands_before_one_that_was_handed_on(tmp_path: Path) -> None:
    path = _written(tmp_path, reply(1, response="theirs"))
    with ReplyStore(tmp_path / "other") as store:
        store.keep(reply(1, response="own", created=1)).result()
        import_cassette(store, path)

        assert store.find([key_of(1)])[key_of(1)].response == "own"


def test_a_nonce_that_a_response_repeats_is_taken_out(tmp_path: Path) -> None:
    fence = nonce(b"secret", key_of(1))
    path = _written(tmp_path, reply(1, response=f"between {fence} marks"), secret=b"secret")

    assert fence not in path.read_text()
    assert [each.response for each in read_cassette(path)] == [f"between {UNFENCED} marks"]


def test_a_nonce_in_a_request_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="without its nonce"):
        _written(tmp_path, reply(1, request=nonce(b"s", key_of(1))), secret=b"s")


_KEYS = [
    "sk-" + "proj-a1B2c3D4e5F6g7H8",
    "hf_" + "abcdefghijklmnopqrstuvwxyz",
    "AKIA" + "ABCDEFGHIJKLMNOP",
    "AIza" + "SyA-1234567890_abcdefghijklmnopqrs",
    "Authorization: Bearer " + "abcdefghijklmnopqrstuvwx",
    "-----BEGIN RSA " + "PRIVATE KEY-----",
    '{"api_key": "' + "0123456789abcdef0123" + '"}',
]


@pytest.mark.parametrize("text", _KEYS)
def test_what_looks_like_a_key_is_not_handed_on(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="looks like the key to a service") as told:
        _written(tmp_path, reply(1), reply(2, request=json.dumps({"asked": text})))

    assert key_of(2).hex()[:12] in told.value.message
    assert not (tmp_path / "replies.jsonl").exists()
    path = _written(tmp_path, leave_out=True)
    assert [each.key for each in read_cassette(path)] == [key_of(1)]


@pytest.mark.parametrize(
    "text",
    ["the sk-learn library", "a bearer of good news", "api_key = os.environ[name]", "hf_token",
     "Use task-oriented-dialogue-systems-for-this", "secret_key: str"],
)  # fmt: skip
def test_words_of_every_day_are_no_keys(text: str) -> None:
    assert not looks_like_a_key(text)


def test_the_value_of_a_key_of_the_environment_is_not_handed_on(tmp_path: Path) -> None:
    secrets = known_secrets({"MY_API_KEY": "plain words", "HOME": "/somewhere", "A_TOKEN": "x"})
    assert secrets == {"plain words"}
    with ReplyStore(tmp_path) as store:
        store.keep(reply(1, response="here: plain words")).result()

        with pytest.raises(DataError, match="looks like"):
            export_cassette(store, tmp_path / "out", secrets=secrets)


@pytest.mark.parametrize(
    ("cut", "line"),
    [(lambda text: text[:-1], 3), (lambda text: text[:-9], 3), (lambda text: "", 0),
     (lambda text: text.partition("\n")[2], 0),
     (lambda text: text.replace('"OK"', '"TRANSIENT"'), 2),
     (lambda text: text.replace('"key":"', '"key":"00'), 2),
     (lambda text: text.replace("[null,", "[-1,"), 2), (lambda text: text + "[]\n", 4)],
)  # fmt: skip
def test_a_file_that_is_wrong_is_told_and_nothing_of_it_kept(
    tmp_path: Path, cut: object, line: int
) -> None:
    path = _written(tmp_path, reply(1), reply(2))
    path.write_text(cut(path.read_text()))  # type: ignore[operator]

    with ReplyStore(tmp_path / "other") as store:
        with pytest.raises(FormatError, match=f"line {line}" if line else "no file of replies"):
            import_cassette(store, path)
        assert store.keys() == []


def _probed(choice: str = "grammar") -> Capabilities:
    yes = {name: Finding.yes("seen") for name in ASSUMED.findings()}
    return replace(ASSUMED, **yes, choice=choice, requests=20)  # type: ignore[arg-type]


def test_what_was_found_of_a_judge_goes_along_with_its_replies(tmp_path: Path) -> None:
    kept = reply(1)
    remember(tmp_path / "judge", kept.judge, _probed())
    path = _written(tmp_path, kept)

    with ReplyStore(tmp_path / "other") as store:
        assert import_cassette(store, path) == 1
        assert import_capabilities(store, path) == ([kept.judge], [])
        assert known(store.folder, kept.judge) == _probed()
        assert import_capabilities(store, path) == ([], [])


def test_what_was_found_here_stays(tmp_path: Path) -> None:
    kept = reply(1)
    remember(tmp_path / "judge", kept.judge, _probed())
    path = _written(tmp_path, kept)
    own, alike = _probed("guided_choice"), replace(_probed(), requests=3)

    with ReplyStore(tmp_path / "other") as store:
        remember(store.folder, kept.judge, own)
        assert import_capabilities(store, path) == ([], [kept.judge])
        assert known(store.folder, kept.judge) == own
        # How much a probe took says nothing of how a judge is asked.
        remember(store.folder, kept.judge, alike)
        assert import_capabilities(store, path) == ([], [])


def test_wrong_findings_are_told_by_their_line(tmp_path: Path) -> None:
    path = _written(tmp_path, reply(1))
    head, *lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([head, '{"judge":"j","capabilities":{"chat":1}}\n', *lines]))

    with ReplyStore(tmp_path / "other") as store, pytest.raises(FormatError, match="line 2"):
        import_capabilities(store, path)
