"""The spoiled rows that the choice of the default rests on are spoiled as they say."""

import numpy as np
import pytest
from benchmarks.spoiling import CHOOSING, IN_POOL, KINDS, Donors, Row

WHOLE = Row(
    "Why do cats purr?",
    "Mostly when they are content. They purr when they are hurt or afraid, too, perhaps to calm "
    "themselves.",
)
LONGER = Row("What is a sonnet?", "A poem of fourteen lines with a rhyme scheme. " * 6)
OTHER = Row("Name a river.", "The Danube flows through ten countries, more than any other river.")
DONORS = Donors(
    [WHOLE, LONGER, OTHER], ["猫发出呼噜声。", "十四行诗有固定的韵律，由三段四行组成。"]
)
ABOUT_EQUAL = {"another language", "answers swapped", "unfinished list", "boilerplate"}
OWN_LENGTH = {"refusal", "N/A", "prompt copied"}


def spoil(kind: str, row: Row = WHOLE, seed: int = 0) -> Row:
    made = KINDS[kind](row, DONORS, np.random.default_rng(seed))
    assert made is not None
    return made


def test_five_kinds_choose_and_five_only_report() -> None:
    assert len(KINDS) == 10
    assert CHOOSING == ("cut off", "refusal", "another language", "noise", "N/A")


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_spoils_in_the_same_way(kind: str) -> None:
    assert spoil(kind, seed=3) == spoil(kind, seed=3)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "cut off"])
def test_the_question_stays_and_the_answer_does_not(kind: str) -> None:
    made = spoil(kind)

    assert made.question == WHOLE.question
    assert made.answer != WHOLE.answer


@pytest.mark.parametrize("kind", sorted(set(KINDS) - ABOUT_EQUAL - OWN_LENGTH - {"cut off"}))
def test_length_is_equal_where_that_can_be(kind: str) -> None:
    assert len(spoil(kind).answer) == len(WHOLE.answer)


def test_what_is_cut_off_is_a_longer_answer_that_ends_within_a_word() -> None:
    made = spoil("cut off")
    end = len(made.answer)

    assert made.question == LONGER.question
    assert LONGER.answer.startswith(made.answer)
    assert LONGER.answer[end - 1].isalnum()
    assert LONGER.answer[end].isalnum()
    assert len(WHOLE.answer) - 8 <= end <= len(WHOLE.answer)


def test_nothing_is_cut_off_to_the_length_of_the_longest() -> None:
    assert KINDS["cut off"](LONGER, DONORS, np.random.default_rng(0)) is None


@pytest.mark.parametrize("seed", range(20))
def test_in_a_pool_a_row_s_own_answer_is_cut_within_a_word(seed: int) -> None:
    made = IN_POOL["cut off"](WHOLE, DONORS, np.random.default_rng(seed))

    assert made is not None
    end = len(made.answer)
    assert made.question == WHOLE.question
    assert WHOLE.answer.startswith(made.answer)
    assert WHOLE.answer[end - 1].isalnum()
    assert WHOLE.answer[end].isalnum()
    # The longest word has 10 letters, so the end lies at most so far before where it was drawn.
    assert len(WHOLE.answer) / 3 - 11 <= end <= len(WHOLE.answer) * 4 / 5


def test_an_answer_of_one_letter_cannot_be_cut() -> None:
    assert IN_POOL["cut off"](Row("2 + 2", "4"), DONORS, np.random.default_rng(0)) is None


def test_only_the_way_of_cutting_differs_in_a_pool() -> None:
    assert {kind for kind in KINDS if KINDS[kind] is not IN_POOL[kind]} == {"cut off"}
    assert list(IN_POOL) == list(KINDS)


def test_swapped_answers_belong_to_another_question() -> None:
    swap = KINDS["answers swapped"]
    made = [swap(OTHER, DONORS, np.random.default_rng(seed)) for seed in range(20)]

    # None where the row drew its own answer.
    assert {row.answer for row in made if row} == {WHOLE.answer, LONGER.answer}
    assert swap(OTHER, Donors([OTHER], []), np.random.default_rng(0)) is None


def test_a_swapped_answer_is_one_of_the_twenty_nearest_in_length() -> None:
    rows = [Row(f"question {n}", "x" * n) for n in range(1, 201)]
    made = [
        KINDS["answers swapped"](rows[99], Donors(rows, []), np.random.default_rng(seed))
        for seed in range(50)
    ]

    lengths = {len(row.answer) for row in made if row}
    assert min(lengths) >= 90
    assert max(lengths) <= 110
    assert len(lengths) > 5


def test_a_refusal_says_so() -> None:
    assert all(
        any(word in spoil("refusal", seed=seed).answer for word in ("sorry", "apologize", "Unfort"))
        for seed in range(20)
    )


def test_one_sentence_is_repeated() -> None:
    sentence = "Mostly when they are content."
    answer = spoil("one sentence repeated").answer

    assert answer.startswith(f"{sentence} {sentence} {sentence} ")
    assert len(answer) == len(WHOLE.answer)


def test_a_lone_sentence_is_repeated_in_thirds() -> None:
    made = spoil("one sentence repeated", Row("Say abc.", "abcdefghijkl"))

    assert made.answer == "abcd abcd ab"


def test_the_other_language_comes_from_elsewhere_and_is_as_large() -> None:
    foreign = ["é" * n for n in range(1, 101)]  # two bytes each
    made = KINDS["another language"](
        Row("?", "x" * 100), Donors([], foreign), np.random.default_rng(0)
    )

    assert made is not None
    assert made.answer in foreign
    assert 40 <= len(made.answer) <= 60


def test_the_prompt_is_copied_and_never_longer_than_the_answer() -> None:
    assert spoil("prompt copied").answer == WHOLE.question
    assert spoil("prompt copied", Row("What is two plus two?", "Four")).answer == "What"


def test_noise_hits_about_three_characters_in_ten() -> None:
    row = Row("?", "a" * 10_000)
    hit = sum(letter != "a" for letter in spoil("noise", row).answer)

    assert 2_850 <= hit <= 3_150
    assert spoil("noise", Row("?", "a")).answer != "a"


def test_an_unfinished_list_ends_with_a_number_and_nothing_behind_it() -> None:
    words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    lines = spoil("unfinished list", Row("Count.", words)).answer.split("\n")

    assert lines[0] == "1. one two three four five six"
    assert lines[1] == "2. seven eight nine ten eleven twelve"
    assert lines[-1] == f"{len(lines)}."
    assert abs(len("\n".join(lines)) - len(words)) <= 2


def test_not_available_is_one_of_a_few_words() -> None:
    assert {spoil("N/A", seed=seed).answer for seed in range(60)} == {
        "N/A", "n/a", "None", "Not available.", "No output",
    }  # fmt: skip


def test_boilerplate_is_said_to_anybody_at_about_equal_length() -> None:
    first, second = (
        KINDS["boilerplate"](row, DONORS, np.random.default_rng(5)) for row in (WHOLE, OTHER)
    )

    assert first is not None
    assert second is not None
    assert first.answer.startswith(second.answer)  # whatever was asked
    assert 0 <= len(WHOLE.answer) - len(first.answer) <= 1
