import pytest

from assay.texts.checks.demands import KINDS, count_demands, demanded


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Write a story.", set()),
        ("Why do cats purr?", set()),
        ("Which parks should I visit in Utah?", set()),
        ("Why can't the whole world be one country?", set()),
        ("How long should a child's seat face backwards?", set()),
        ("What is normally grown in North Dakota, and what is exceptional?", set()),
        ("Write it with neither verbs nor nouns", {"avoid"}),
        ("Each line should rhyme, and don't name the bird", {"must", "avoid"}),
        ("Write a story of 100 words.", {"amount"}),
        ("Write a story. Use at most 40 words, and do not rhyme.", {"amount", "bound", "avoid"}),
        ("List rivers as a table, without lengths", {"form", "avoid"}),
        ("You must answer. Only the name", {"must", "only"}),
        ("Start with a greeting", {"hold"}),
        ("Explain it in the style of a pirate", {"form", "manner"}),
        ("Explain it, suitable for a child", {"reader"}),
        ("Name them in alphabetical order", {"order"}),
        ("写一个故事。", set()),
        ("写一个故事, 不超过100字", {"amount", "bound"}),
        ("请用幽默的语气, 以列表输出, 不要解释", {"form", "manner", "avoid"}),
        ("只输出名字", {"only"}),
    ],
)
def test_demands_are_told_by_their_words(text: str, kinds: set[str]) -> None:
    found = {kind for kind, count in demanded(text).items() if count}

    assert found - {"manner"} == kinds - {"manner"}
    assert kinds <= found


def test_each_clause_counts_once_for_a_kind() -> None:
    assert count_demands("Use at least three words and at most six words.") == 2
    assert count_demands("Use at least three words. Use at most six words.") == 4
    assert tuple(demanded("")) == KINDS


def test_material_after_the_first_twenty_thousand_characters_is_not_looked_at() -> None:
    assert count_demands("x" * 20_000 + " at most 3 words") == 0
