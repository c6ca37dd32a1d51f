"""Decontamination against sets of word tuples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.texts import overlap
from assay.texts.measures import words
from assay.texts.overlap import contaminated

QUESTION = (
    "Natalia sold clips to her friends in April, and then she sold half as many clips in May. "
    "How many clips did she sell altogether?"
)
SENTENCES = st.lists(st.sampled_from(["a", "b", "c", "zz"]), max_size=12).map(" ".join)


def _runs(text: str, length: int) -> set[tuple[str, ...]]:
    text_words = words(text)
    return {tuple(text_words[i : i + length]) for i in range(len(text_words) - length + 1)}


def _best_share(text: str, evaluation: list[str], ngram: int, shortest: int) -> tuple[int, float]:
    best = (-1, 0.0)
    for index, question in enumerate(evaluation):
        length = min(ngram, len(words(question)))
        if length == 0:
            continue
        share = 0.0
        if len(words(question)) < shortest:
            share = float(words(text) == words(question))
        else:
            needed = _runs(question, length)
            share = len(needed & _runs(text, length)) / len(needed)
        if share > best[1]:
            best = (index, share)
    return best


@given(
    st.lists(SENTENCES, max_size=6),
    st.lists(SENTENCES, max_size=6),
    st.integers(1, 5),
    st.integers(1, 6),
)
def test_report_is_that_of_brute_force(
    texts: list[str], tests: list[str], ngram: int, shortest: int
) -> None:
    report = contaminated(texts, tests, ngram=ngram, shortest=shortest, share=0.5)
    expected = [_best_share(text, tests, ngram, shortest) for text in texts]
    assert report.evaluation_index.tolist() == [index for index, _ in expected]
    np.testing.assert_array_equal(report.share, [share for _, share in expected])
    assert report.contaminated.tolist() == [share >= 0.5 for _, share in expected]


def test_of_equal_shares_the_lowest_index_is_named_also_where_a_row_is_a_whole_text() -> None:
    # The row is all of text 2, and holds both runs of two words that text 1 has.
    tests = ["c c c c c", "a b a b a b", "a b a", "a b a", "b a b a b"]

    report = contaminated(["a b a"], tests, ngram=2)

    assert (report.evaluation_index.tolist(), report.share.tolist()) == ([1], [1.0])
    assert contaminated(["a b a"], tests[2:], ngram=2).evaluation_index.tolist() == [0]


def test_equal_hashes_of_different_runs_are_no_match(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["a b c d e f", "a c b d e g", "f e d c b a"]
    tests = ["x a b c d", "b c d e f", "c b d e"]
    honest = contaminated(texts, tests, ngram=3, shortest=2)
    monkeypatch.setattr(overlap, "_hash", lambda windows: np.zeros(len(windows), dtype=np.uint64))
    blind = contaminated(texts, tests, ngram=3, shortest=2)
    assert blind.evaluation_index.tolist() == honest.evaluation_index.tolist() == [1, 2, -1]
    np.testing.assert_array_equal(blind.share, honest.share)


def test_case_punctuation_and_spacing_do_not_hide_a_copy() -> None:
    copy = QUESTION.upper().replace(",", " --").replace(" ", "\n ")
    report = contaminated([f"Solve: {copy} Thanks.", "Something else"], ["other", QUESTION])
    assert report.contaminated.tolist() == [True, False]
    assert report.evaluation_index.tolist() == [1, -1]
    assert report.share.tolist() == [1.0, 0.0]


def test_part_of_a_question_counts_by_its_share() -> None:
    part = " ".join(QUESTION.split()[:14])
    # The first 14 words hold two runs of 13.
    report = contaminated([part], [QUESTION])
    assert report.contaminated.tolist() == [True]
    assert report.share.tolist() == [2 / (len(words(QUESTION)) - 12)]
    assert not contaminated([part], [QUESTION], share=0.5).contaminated.any()


def test_question_shorter_than_a_run_must_occur_as_a_whole() -> None:
    question = "What is the capital of France?"
    texts = [
        "Tell me, what is the capital of France, please",
        "What is the capital of Germany?",
        "the capital of France",
    ]
    assert contaminated(texts, [question]).contaminated.tolist() == [True, False, False]


def test_very_short_question_must_be_the_whole_row() -> None:
    texts = ["who are you", "Who are you, said the caterpillar.", "Who are you?"]
    assert contaminated(texts, ["Who are you?"]).contaminated.tolist() == [True, False, True]


def test_chinese_is_compared_by_characters() -> None:
    question = "娜塔莉亚在四月份向她的四十八个朋友出售了发夹"
    texts = [f"请回答：{question}，一共多少？", "请写一首关于春天的诗"]
    assert contaminated(texts, [question]).contaminated.tolist() == [True, False]


def test_runs_do_not_reach_across_rows() -> None:
    question_words = QUESTION.split()
    halves = [" ".join(question_words[:12]), " ".join(question_words[12:24])]
    assert not contaminated(halves, [QUESTION]).contaminated.any()


def test_rows_beyond_the_first_block_keep_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "_BLOCK_ROWS", 2)
    texts = ["x", "who are you", "y", QUESTION, "z"]
    report = contaminated(texts, [QUESTION, "Who are you?"])
    assert report.evaluation_index.tolist() == [-1, 1, -1, 0, -1]


@pytest.mark.parametrize(("texts", "tests"), [([], []), (["a b"], []), ([], ["a"]), ([""], [""])])
def test_nothing_to_compare_is_clean(texts: list[str], tests: list[str]) -> None:
    report = contaminated(texts, tests)
    assert report.contaminated.tolist() == [False] * len(texts)
    assert report.evaluation_index.tolist() == [-1] * len(texts)
