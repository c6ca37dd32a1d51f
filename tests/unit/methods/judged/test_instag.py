from pathlib import Path

from assay.features.normalised_tags import NormalisedTags
from assay.features.tag_field import TagField
from assay.methods.judged.instag import InsTag
from assay.methods.judged.instag_diverse import InsTagDiverse
from assay.samples import Reason
from assay.testing import check_component
from tests.tagged import PlantedTags, tagged_engine
from tests.unit.methods.planted import chosen, names, reasons, scores_by_name

_FIELD = TagField(field="tags")
_TAGS = NormalisedTags(tags=_FIELD, alpha=1, eps=0.0, support=99)
_ROWS = {
    "four": ["poem", "rhyme", "spring", "english"],
    "three": ["poem", "rhyme", "Poems", "integral"],
    "two": ["integral", "proof"],
    "one": ["poem"],
    "other": ["proof"],
    "none": [],
    "failed": "no idea",
    "absent": None,
}


def test_complexity_counts_different_tags_and_no_failure_is_a_number(tmp_path: Path) -> None:
    found = scores_by_name(tagged_engine(tmp_path, _ROWS), InsTag(tags=_TAGS))

    numbers = {name: value for name, (value, reason) in found.items() if reason == Reason.OK}
    assert numbers == {"four": 4, "three": 3, "two": 2, "one": 1, "other": 1, "none": 0}
    assert found["failed"][1] == Reason.PARSE_FAILED
    assert found["absent"][1] == Reason.NOT_IMPORTED


def test_raw_tags_are_normalised(tmp_path: Path) -> None:
    rows = {f"r{n}": ["Poem", "poems"] for n in range(20)}
    found = scores_by_name(tagged_engine(tmp_path, rows), InsTag(tags=_FIELD))

    assert {value for value, _ in found.values()} == {1.0}


def test_rows_are_taken_pass_by_pass(tmp_path: Path) -> None:
    engine = tagged_engine(tmp_path, _ROWS)
    selector = InsTagDiverse(tags=_TAGS, budget=5)
    first = min(("one", "other"), key=names(engine).index)
    last = ({"one", "other"} - {first}).pop()

    # Four brings four tags, three "integral", two "proof"; a second pass takes the rest.
    assert chosen(engine, selector) == ["four", "three", "two", first, last]
    selection = engine.value(selector).selection
    assert selection.gains.tolist() == [4, 1, 1, 1, 1]
    assert (selection.nested, selection.stop) == (True, "budget")


def test_a_smaller_budget_is_the_beginning_of_a_larger_one(tmp_path: Path) -> None:
    engine = tagged_engine(tmp_path, _ROWS)
    whole = chosen(engine, InsTagDiverse(tags=_TAGS, budget=5))

    for budget in range(1, 5):
        assert chosen(engine, InsTagDiverse(tags=_TAGS, budget=budget)) == whole[:budget]
    assert chosen(engine, InsTagDiverse(tags=_TAGS, budget="50%")) == whole[:4]


def test_it_ends_where_no_row_with_tags_is_left(tmp_path: Path) -> None:
    engine = tagged_engine(tmp_path, _ROWS)
    selector = InsTagDiverse(tags=_TAGS, budget=8)

    selection = engine.value(selector).selection

    assert (len(selection.indices), selection.stop) == (5, "no_gain")
    found = reasons(engine, selector)
    assert found["none"] == Reason.NOT_CHOSEN
    assert found["failed"] == Reason.PARSE_FAILED


def test_a_budget_in_tokens_passes_over_what_no_longer_fits(tmp_path: Path) -> None:
    long = {"three": "word " * 400}
    rows = _ROWS | {"three": ["poem", "integral", "series"]}
    engine = tagged_engine(tmp_path, rows, answers=long)

    found = chosen(engine, InsTagDiverse(tags=_TAGS, budget="100 tokens"))

    assert found[:2] == ["four", "two"]
    assert "three" not in found
    selection = engine.value(InsTagDiverse(tags=_TAGS, budget="100 tokens")).selection
    # Three would have brought two tags. Of those of two, one counts as brought by it.
    assert selection.gains.tolist()[:2] == [4, 1]
    assert not selection.nested


def test_they_keep_the_contract_whatever_gives_the_tags() -> None:
    tags = NormalisedTags(tags=PlantedTags(), alpha=1)

    check_component(InsTag(tags=tags))
    check_component(InsTagDiverse(tags=tags, budget=3))
