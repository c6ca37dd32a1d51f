"""Probabilities of named words, against all logits of a single sequence."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from assay.components.rendering import COMMON, Rendering
from assay.errors import ConfigError
from assay.features.log_probs import ResponseLogProbs
from assay.features.word_probabilities import WordProbabilities
from assay.rendering.questions import load_question
from assay.samples import Conversation, Flag, Reason
from assay.testing import pool as pool_of
from assay.testing import value_of
from assay.values import Numbers
from tests.causal_rows import (
    EDGE_ROWS,
    TALKS,
    PlainLoop,
    exchange,
    given_prompt,
    open_runtime,
    ordinary_rows,
    set_budget,
    value_in_order,
)
from tests.letters_model import BOS, Letters, log_prob, use
from tests.rows import conversation

_ROWS = [*(exchange(row) for row in [*EDGE_ROWS.values(), *ordinary_rows(12)]), *TALKS]
_WORDS = ("1", "2", "3")


class Case(NamedTuple):
    folder: Path
    cache: Path
    loop: PlainLoop

    def value(
        self, rows: Sequence[Conversation] = _ROWS, tokens: int = 2048, **asked: Any
    ) -> Numbers:
        """Return the value of some rows, in their order."""
        runtime = open_runtime(self.cache / str(tokens))
        set_budget(runtime, self.folder, tokens)
        feature = WordProbabilities(model=str(self.folder), **{"words": _WORDS} | asked)
        found: Numbers = value_in_order(feature, rows, runtime=runtime)
        return found

    def probabilities(self, ids: Sequence[int], tokens: Sequence[int]) -> Any:
        """Return those of some tokens after a sequence, among all."""
        logits = np.asarray(self.loop.logits(ids)[-1].double())
        return np.exp(logits - np.logaddexp.reduce(logits))[list(tokens)]


@pytest.fixture(scope="module", params=["gpt2_folder", "llama_folder"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = request.getfixturevalue(request.param)
    return Case(folder, tmp_path_factory.mktemp("cache"), PlainLoop.open(folder))


def _token(loop: PlainLoop, word: str, *places: str) -> int:
    """Return the only token of a word after the first of some texts that it does not join."""
    for before in places:
        head, both = loop.plain(before), loop.plain(before + word)
        if both[: len(head)] == head and len(both) == len(head) + 1:
            return both[-1]
    raise AssertionError(f"{word!r} is several tokens")


def _ids(loop: PlainLoop, word: str) -> int:
    """Return the token of a word after a line break, where nothing joins it."""
    return _token(loop, word, "\n")


@pytest.mark.parametrize("question", ["deita_quality", "deita_complexity"])
def test_shares_are_the_softmax_over_the_words_logits_after_the_question(
    case: Case, question: str
) -> None:
    tokens = [_ids(case.loop, word) for word in _WORDS]
    asked = load_question(question)

    found = case.value(question=question)

    assert list(found.columns) == [*_WORDS, "coverage"]
    compared = 0
    for place, row in enumerate(_ROWS):
        if found.reason[place]:
            assert found.reason[place] == Reason.EMPTY_RESPONSE
            assert not row.response.strip()
            assert np.isnan(found["1"][place])
            continue
        text = "".join(piece.text for piece in asked.pieces(asked.texts(row)))
        ids = [*case.loop.context, *case.loop.plain(text)]
        cut = Flag(int(found.flags[place])) & (Flag.PROMPT_TRUNCATED | Flag.RESPONSE_TRUNCATED)
        assert bool(cut) == (len(ids) + 1 > 256)
        if cut:
            continue
        all_tokens = case.probabilities(ids, tokens)
        assert found["coverage"][place] == pytest.approx(all_tokens.sum(), rel=1e-4)
        shares = [found[word][place] for word in _WORDS]
        assert shares == pytest.approx(list(all_tokens / all_tokens.sum()), abs=1e-5)
        compared += 1
    assert compared > 15


def test_probabilities_among_all_tokens_are_those_of_one_softmax(case: Case) -> None:
    shares = case.value(question="deita_quality")
    found = case.value(question="deita_quality", over="vocabulary")

    for word in _WORDS:
        expected = shares[word] * shares["coverage"]
        assert found[word] == pytest.approx(expected, rel=1e-9, nan_ok=True)


def test_words_in_the_place_of_the_answer_follow_the_rows_own_prompt(case: Case) -> None:
    rendering = Rendering(max_tokens=256)
    tokens = [_token(case.loop, word, "\n\n### Response:", "\n", "") for word in _WORDS]

    found = case.value(rendering=rendering, over="vocabulary")

    for place, row in enumerate(_ROWS):
        window = given_prompt(case.loop, row, 256)
        if not window.places or row.messages[-1].role != "assistant":
            continue
        breaks = [p for p in window.places if p - 1 not in window.places]
        expected = case.probabilities(window.ids[: breaks[-1]], tokens)
        numbers = [found[word][place] for word in _WORDS]
        assert numbers == pytest.approx(list(expected), abs=1e-5)


def test_numbers_do_not_depend_on_what_is_beside_them_in_a_batch(case: Case) -> None:
    wide = case.value(tokens=8192, question="deita_quality")
    narrow = case.value(_ROWS[::-1], tokens=1, question="deita_quality")

    assert wide.reason.tolist() == narrow.reason.tolist()[::-1]
    for name in wide.columns:
        assert wide[name] == pytest.approx(narrow[name][::-1], abs=1e-5, nan_ok=True)


def test_a_word_after_a_blank_counts_too_where_that_is_asked(case: Case) -> None:
    rows = [exchange(row) for row in ordinary_rows(4)]
    question = load_question("deita_quality")
    plain = [_ids(case.loop, word) for word in ("A", "B")]

    found = case.value(
        rows, words=("A", "B"), spaced=True, over="vocabulary", question="deita_quality"
    )

    spaced = [_token(case.loop, f" {word}", "##Quality: ", "\n", "") for word in ("A", "B")]
    for place, row in enumerate(rows):
        text = "".join(piece.text for piece in question.pieces(question.texts(row)))
        ids = [*case.loop.context, *case.loop.plain(text)]
        for word, *both in zip(("A", "B"), plain, spaced, strict=True):
            expected = case.probabilities(ids, both).sum()
            assert found[word][place] == pytest.approx(expected, abs=1e-5)


def test_words_that_are_several_tokens_or_the_same_are_refused_by_name(case: Case) -> None:
    rows = [conversation("Q", "A")]
    with pytest.raises(ConfigError, match="'unthinkable' is not one token of this model"):
        case.value(rows, words=("1", "unthinkable"))
    with pytest.raises(ConfigError, match="not all different"):
        case.value(rows, words=("1", "1"))
    with pytest.raises(ConfigError, match="called coverage"):
        case.value(rows, words=("1", "coverage"))


def test_a_chat_models_own_format_stands_around_the_question(
    chat_folder: Path, tmp_path: Path
) -> None:
    case = Case(chat_folder, tmp_path, PlainLoop.open(chat_folder))
    rows = [exchange(row) for row in ordinary_rows(6)]
    question = load_question("deita_quality")
    tokens = [_ids(case.loop, word) for word in _WORDS]

    found = case.value(
        rows, question="deita_quality", rendering=Rendering(template="chat"), over="vocabulary"
    )

    for place, row in enumerate(rows):
        text = "".join(piece.text for piece in question.pieces(question.texts(row)))
        before = "<|im_start|>user\n", text, "<|im_end|>\n<|im_start|>assistant\n"
        ids = list(case.loop.context)
        for words, special in zip(before, (True, False, True), strict=True):
            if special:
                ids += case.loop.tokenizer(words, add_special_tokens=False).input_ids
            else:
                ids += case.loop.plain(words)
        numbers = [found[word][place] for word in _WORDS]
        assert numbers == pytest.approx(list(case.probabilities(ids, tokens)), abs=1e-5)


# By hand


def _letters(monkeypatch: pytest.MonkeyPatch, rows: list[Conversation], **asked: Any) -> Numbers:
    use(monkeypatch, Letters())
    found: Numbers = value_in_order(WordProbabilities(model="x", **asked), rows)
    return found


def test_two_words_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [conversation("Q", "AB"), conversation("Q", "")]

    found = _letters(monkeypatch, rows, words=("y", "n"))

    # What goes through the model before the answer is BOS and Q.
    yes, no = (np.exp(log_prob([BOS, ord("Q"), ord(word)], 2)) for word in "yn")
    assert found["y"] == pytest.approx([yes / (yes + no), np.nan], abs=1e-6, nan_ok=True)
    assert found["n"] == pytest.approx([no / (yes + no), np.nan], abs=1e-6, nan_ok=True)
    assert found["coverage"] == pytest.approx([yes + no, np.nan], abs=1e-6, nan_ok=True)
    assert found.reason.tolist() == [0, Reason.EMPTY_RESPONSE]


def test_without_a_context_token_an_answer_of_one_token_has_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rendering = Rendering(template="bare", context_token="none")

    found = _letters(monkeypatch, [conversation("Q", "A")], words=("y",), rendering=rendering)

    assert found.reason.tolist() == [0]
    assert found["y"].tolist() == [1.0]


def test_numbers_that_are_none_have_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Letters(factor=1.0))
    monkeypatch.setattr("tests.letters_model.log_prob", lambda ids, place: float("nan"))

    value = value_of(WordProbabilities(model="x", words=("y",)), pool_of([conversation("Q", "A")]))

    assert value.reason.tolist() == [Reason.NON_FINITE]


# Sharing


def test_words_share_the_forward_of_the_answers_and_of_equal_questions() -> None:
    answers = ResponseLogProbs(model="x")
    own = WordProbabilities(model="x", rendering=COMMON)
    one, other = (
        WordProbabilities(model="x", question="deita_quality", words=words)
        for words in (("1", "2"), ("Yes", "No"))
    )

    assert own.reading() == answers.reading()
    assert one.reading() == other.reading()
    assert one.reading() != WordProbabilities(model="x").reading()


def test_a_model_behind_http_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs the probabilities of words that are named"):
        WordProbabilities(model="http://localhost:1/v1#x").reading()


def test_the_embedded_model_answers_questions() -> None:
    rows = [conversation("Name a colour.", "Red."), conversation("Name a fruit.", "Apple.")]

    value: Numbers = value_of(
        WordProbabilities(question="deita_quality", words=("1", "2")), pool_of(rows)
    )

    assert value.reason.tolist() == [0, 0]
    assert value["1"] + value["2"] == pytest.approx([1.0, 1.0])
    assert ((value["coverage"] > 0) & (value["coverage"] < 1)).all()
