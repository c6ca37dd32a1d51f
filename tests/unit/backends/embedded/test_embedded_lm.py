"""The language model in the wheel: its tokens, its two implementations, what it refuses."""

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.backends.embedded import embedded_lm
from assay.backends.embedded.embedded_lm import ASSETS, EmbeddedModel, embedded_digest
from assay.backends.models import load_language_model, pin_language_model
from assay.components.rendering import COMMON, Rendering
from assay.errors import ConfigError, MissingExtraError, ModelLoadError
from assay.methods.likelihood.ifd import IFD
from assay.methods.likelihood.superfiltering import Superfiltering
from assay.models.language_model import Answers, Questions
from assay.rendering.tokenization import Preceding, token_rows
from assay.runtime import Runtime
from assay.samples import Conversation, Float32Array, Reason
from assay.testing import pool as pool_of
from assay.testing import value_of
from tests.causal_rows import CALLS, EDGE_ROWS, TALKS, exchange, ordinary_rows

END = "<|endoftext|>"
_CODE = "def add(left, right):\n\treturn left + right\n\n\nprint(add(1, 2))  # 3\n"
_ODD = (
    ("", "", "An answer to nothing."),
    ("a", "", "b"),
    ("Write code that adds.", "", _CODE),
    ("Fix this.", _CODE, _CODE.replace("+", "-")),
    ("Repeat the word a hundred times.", "", "word " * 100),
    ("Repeat it. Repeat it. Repeat it.", "", "Repeat it. repeat it. REPEAT IT. Repeat it."),
    ("Nul\u0000s", "\u0000", "\u0000\u0000 and \u0000"),
    ("Zeile\nmit\tSonderzeichen\u202e?", "", "Ja. « \u202e"),
    ("写一个关于春天的句子。", "", "春天来了,花都开了。春天来了。"),
    ("Что такое река?", "", "Река — это вода."),
    ("ما هي الحياة؟", "", "الحياة جميلة."),
    ("Emoji", "🙂🙂🙂", "👩‍👩‍👧🙂🎉🏳️‍🌈"),
    (END, END, f"{END} and {END}"),
    ("Combining", "", "e\u0301a\u0308 \ufffd \ufeff"),
    ("Numbers", "", "3.14159265358979 1,000,000 0x7f 1e-9"),
    ("Blanks", " \n\t ", "\n\n  \t a \n\n"),
    ("A long word", "", "Donaudampfschifffahrtsgesellschaft" * 8),
    ("One blank", "", " x"),
)
ReadByNumpy = dict[Preceding, tuple[Questions, Answers]]
_GIVEN: tuple[Preceding, ...] = ("prompt", "nothing")
_ROWS: tuple[Conversation, ...] = (
    *(exchange(row) for row in EDGE_ROWS.values()),
    *(exchange(row) for row in _ODD),
    *(exchange(row) for row in ordinary_rows(10)),
    *TALKS,
    CALLS,
)


@pytest.fixture(scope="module")
def by_numpy() -> EmbeddedModel:
    return EmbeddedModel(by="numpy")


@pytest.fixture(scope="module")
def read_by_numpy(by_numpy: EmbeddedModel) -> ReadByNumpy:
    """What is asked about all rows, and what numpy answers."""
    found: ReadByNumpy = {}
    for given_ in _GIVEN:
        questions = _questions(by_numpy, given_)
        found[given_] = questions, _read(by_numpy, questions)
    return found


def _questions(model: EmbeddedModel, given: Preceding) -> Questions:
    """Return questions about the answers of all rows, and weights for half of the sequences."""
    windows = [
        window
        for row in token_rows(model, COMMON, given, _ROWS)
        for window in row.windows
        if len(window.answer_positions())
    ]
    generator = np.random.Generator(np.random.Philox(9))
    pool: list[Float32Array | None] = [
        generator.random(len(window.ids), np.float32) / np.float32(512) if place % 2 else None
        for place, window in enumerate(windows)
    ]
    targets = [window.answer_positions() for window in windows]
    return Questions([window.ids for window in windows], targets, True, {"pool": pool})


def _read(model: EmbeddedModel, questions: Questions) -> Answers:
    return model.read(questions, lambda count: None)


def _means(answers: Answers, questions: Questions) -> np.ndarray:
    borders = np.cumsum([len(each) for each in questions.targets])[:-1]
    return np.array([part.mean() for part in np.split(answers.log_probs, borders)])


def _some(questions: Questions, places: Sequence[int]) -> Questions:
    """Return the questions about some sequences, without statistics and pools."""
    return Questions(
        [questions.sequences[place] for place in places],
        [questions.targets[place] for place in places],
    )


# By numpy and by torch


@pytest.mark.parametrize("given_", _GIVEN)
def test_numpy_gives_the_numbers_of_torch(read_by_numpy: ReadByNumpy, given_: Preceding) -> None:
    pytest.importorskip("torch")
    questions, found = read_by_numpy[given_]
    assert len(questions.sequences) >= 40
    assert 300 < max(map(len, questions.sequences)) <= 512
    assert min(len(targets) for targets in questions.targets) == 1

    expected = _read(EmbeddedModel(by="torch"), questions)

    assert np.abs(found.log_probs - expected.log_probs).max() < 1e-4
    assert np.abs(_means(found, questions) - _means(expected, questions)).max() < 1e-5
    assert np.abs(found.entropy - expected.entropy).max() < 1e-4
    assert np.abs(found.top - expected.top).max() < 1e-4
    # Tokens whose probabilities differ in their last digit may change places.
    assert (np.abs(found.rank - expected.rank) <= 1 + 1e-3 * expected.rank).all()
    assert (found.rank == expected.rank).mean() > 0.98
    assert np.abs(found.pools["pool"] - expected.pools["pool"]).max() < 1e-4


def test_products_in_bfloat16_stay_near(read_by_numpy: ReadByNumpy) -> None:
    pytest.importorskip("torch")
    questions, exact = read_by_numpy["prompt"]
    counts = np.array([len(targets) for targets in questions.targets])
    some = np.flatnonzero((counts > 2) & (counts < 100))[:15]

    asked = _some(questions, some.tolist())
    found = _means(_read(EmbeddedModel("bfloat16", by="torch"), asked), asked)

    gaps = np.abs(found - _means(exact, questions)[some])
    assert 0 < gaps.max() < IFD(dtype="bfloat16").log_probs().tolerance


def test_company_and_order_change_nothing(
    by_numpy: EmbeddedModel, read_by_numpy: ReadByNumpy
) -> None:
    questions, together = read_by_numpy["prompt"]
    order = np.random.Generator(np.random.Philox(3)).permutation(len(questions.sequences)).tolist()
    expected = _means(together, questions)

    fewer = _some(questions, order[:15])
    assert np.abs(_means(_read(by_numpy, fewer), fewer) - expected[order[:15]]).max() < 1e-5
    for place in order[:5]:
        alone = _read(by_numpy, _some(questions, [place])).log_probs
        assert abs(alone.mean() - expected[place]) < 1e-5


def test_progress_counts_the_tokens_of_equal_sequences_too(by_numpy: EmbeddedModel) -> None:
    ids = np.array([0, 300, 301, 302], np.int32)
    targets = [np.array([3]), np.array([2]), np.array([3])]
    done: list[int] = []

    found = by_numpy.read(Questions([ids, ids[:3], ids], targets), done.append)

    assert sum(done) == 11
    assert found.log_probs[0] == found.log_probs[2]


def test_what_it_gives_are_log_probabilities(read_by_numpy: ReadByNumpy) -> None:
    _, found = read_by_numpy["prompt"]
    chances = np.exp(found.log_probs)

    assert np.isfinite(found.log_probs).all()
    assert (found.log_probs <= 1e-6).all()
    assert (chances <= found.top + 1e-6).all()
    assert np.abs(chances - found.top)[found.rank == 1].max() < 1e-5
    assert (found.entropy <= np.log(8192)).all()


# Text and tokens

_BITS = (END, "<|", " ", "a", "é", "🙂", "\n", "\u0000", "\ufffd")


@settings(max_examples=150)
@given(text=st.one_of(st.text(), st.lists(st.sampled_from(_BITS)).map("".join)))
def test_any_text_comes_back_from_its_tokens(text: str) -> None:
    model = _opened()
    for special in (False, True):
        [ids] = model.encode([text], special=special)
        shown = model.pieces(ids)
        assert len(shown) == len(ids)
        assert "".join(shown) == text


_OPENED: list[EmbeddedModel] = []


def _opened() -> EmbeddedModel:
    """Return one model for all examples of hypothesis, which fixtures are not made for."""
    if not _OPENED:
        _OPENED.append(EmbeddedModel(by="numpy"))
    return _OPENED[0]


def test_texts_are_encoded_the_same_alone_and_together(by_numpy: EmbeddedModel) -> None:
    texts = ["", "one", " two", "三", "🙂", END]

    assert by_numpy.encode(texts) == [by_numpy.encode([text])[0] for text in texts]
    assert by_numpy.encode([""]) == [[]]


def test_special_tokens_in_a_text_are_plain_text(by_numpy: EmbeddedModel) -> None:
    assert list(by_numpy.special_texts) == [END]
    assert (by_numpy.bos, by_numpy.eos) == (0, 0)
    [plain] = by_numpy.encode([f"a {END} b"])
    [special] = by_numpy.encode([f"a {END} b"], special=True)

    assert 0 not in plain
    assert special.count(0) == 1
    assert by_numpy.encode_as_usual([END]) == [[0]]
    assert by_numpy.encode([END], special=True) == [[0]]


def test_no_token_is_outside_the_vocabulary(by_numpy: EmbeddedModel) -> None:
    every_byte = "".join(map(chr, range(0x250))) + "水🙂\U0010ffff"

    [ids] = by_numpy.encode([every_byte])

    assert min(ids) > 0
    assert max(ids) < 8192


# What it needs, and what it refuses


@pytest.mark.usefixtures("no_torch")
def test_without_torch_it_runs_by_numpy_in_float32_alone() -> None:
    model = EmbeddedModel()

    assert model.producer() == {"numpy": np.__version__, "device": "cpu"}
    for dtype in ("bfloat16", "float16"):
        with pytest.raises(MissingExtraError, match=f"{dtype} products") as caught:
            EmbeddedModel(dtype)
        assert caught.value.hint == "pip install 'assay[models]'"


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize("device", ["cuda", "cuda:0", "mps"])
def test_without_torch_there_is_no_device_but_the_processor(tmp_path: Path, device: str) -> None:
    runtime = Runtime(cache=tmp_path, device=device)

    with pytest.raises(
        MissingExtraError, match=re.escape(f'Runtime(device="{device}") needs')
    ) as caught:
        runtime.language_model(pin_language_model("assay:lm", offline=True), "float32")

    assert caught.value.hint == "pip install 'assay[models]'"
    assert Runtime(cache=tmp_path).devices() == Runtime(device="cpu").devices() == ("cpu",)


def test_a_device_that_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    pinned = pin_language_model("assay:lm", offline=True)

    with pytest.raises(ConfigError, match="there is no device 'cuda' here"):
        Runtime(cache=tmp_path, device="cuda").language_model(pinned, "float32")


def test_it_has_no_chat_format(by_numpy: EmbeddedModel) -> None:
    with pytest.raises(ConfigError, match="assay:lm has no chat template") as caught:
        by_numpy.chat([{"role": "user", "content": "Hello"}], [])
    assert caught.value.hint == 'rendering={"template": "alpaca"}'

    rows = pool_of([("Q", "A")])
    with pytest.raises(ConfigError, match="assay:lm has no chat template"):
        value_of(IFD(rendering=Rendering(template="chat")), rows)


def test_it_is_named_with_the_digest_of_its_files(tmp_path: Path) -> None:
    pinned = pin_language_model("assay:lm", offline=True)
    runtime = Runtime(cache=tmp_path, device="cpu")

    assert pinned == f"assay:lm@{embedded_digest()}"
    assert pin_language_model(pinned, offline=True) == pinned
    assert isinstance(load_language_model(pinned, "float32", runtime), EmbeddedModel)
    with pytest.raises(ModelLoadError, match="assay:lm has changed: it was 0123456789ab"):
        load_language_model("assay:lm@0123456789ab", "float32", runtime)
    with pytest.raises(ModelLoadError, match="for scoring, and cannot be trained"):
        load_language_model(pinned, "float32", runtime, runs=False)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_the_digest_tells_every_file_that_decides_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = shutil.copytree(ASSETS, tmp_path / "assets")
    monkeypatch.setattr(embedded_lm, "ASSETS", folder)
    digest: Callable[[], str] = embedded_digest.__wrapped__
    before = digest()
    (folder / "provenance.json").write_text("{}")
    same = digest()
    with (folder / name).open("ab") as file:
        file.write(b" ")

    assert before == same == embedded_digest()
    assert digest() != before


@pytest.mark.parametrize("scorer", [IFD(mode="reference"), Superfiltering(mode="reference")])
def test_published_limits_over_its_window_are_cut_to_it(scorer: IFD | Superfiltering) -> None:
    long = "Book, film and music; " * 200

    table = value_of(scorer, pool_of([("", long), ("Write a long list.", long)]))

    assert sorted(table.main.reason.tolist()) == [Reason.OK, Reason.EMPTY_PROMPT]
