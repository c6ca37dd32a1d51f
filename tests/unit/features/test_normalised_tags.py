from pathlib import Path

import numpy as np
import pytest

from assay.errors import ConfigError, DataError, UnfinishedError
from assay.features.embeddings import Embeddings
from assay.features.normalised_tags import FewerTags, NormalisedTags, normalised
from assay.features.tag_field import TagField
from assay.features.tag_graph import TagGraph, checked_tags
from assay.samples import Reason
from assay.solvers.nearest import Neighbors
from assay.tags import Tags
from tests.tagged import tagged_engine
from tests.unit.methods.planted import names

_FIELD = TagField(field="tags")
_FEW = NormalisedTags(tags=_FIELD, alpha=2, support=2)
_ROWS = {
    "one": ["Data Analysis", "spreadsheet"],
    "two": ["data analysis", "spreadsheet", "rare"],
    "three": ["data-analysis", "data analysis", "cooking"],
    "four": ["cooking", "data analysis"],
    "five": ["Data Analysis", "data-analysis"],
    "bare": ["rarer"],
    "failed": "no tags",
}


def _value(folder: Path, feature: NormalisedTags) -> tuple[dict[str, list[str]], FewerTags]:
    engine = tagged_engine(folder, _ROWS)
    value = engine.value(feature)
    return dict(zip(names(engine), value.values.to_list(), strict=True)), value


def test_tags_are_made_fewer_in_four_steps(tmp_path: Path) -> None:
    found, value = _value(tmp_path, _FEW)

    # Both rows of "spreadsheet" and of "cooking" have the other tag, and so does each become it.
    assert found["one"] == found["three"] == found["five"] == ["data analysis"]
    assert found["bare"] == found["failed"] == []
    assert value.sizes.tolist() == [7, 5, 3, 3, 1]
    told = _FEW.told(value)
    assert told == (
        "7 tags became 1: 2 are in fewer than 2 rows, 2 have the form of another, 0 its meaning, "
        "2 imply another; 1 row of 7 have none"
    )


def test_a_row_without_tags_has_a_value_and_one_that_failed_a_reason(tmp_path: Path) -> None:
    engine = tagged_engine(tmp_path, _ROWS)
    value = engine.value(_FEW)
    reasons = dict(zip(names(engine), value.reason.tolist(), strict=True))

    assert (reasons["bare"], reasons["failed"]) == (Reason.OK, Reason.PARSE_FAILED)


def test_normalising_what_came_of_it_changes_nothing(tmp_path: Path) -> None:
    plain = NormalisedTags(tags=_FIELD, alpha=2, support=50)
    again = NormalisedTags(tags=plain, alpha=2, support=50)

    assert _value(tmp_path / "one", again)[0] == _value(tmp_path / "two", plain)[0]


def test_what_is_kept_is_read_again_as_it_was(tmp_path: Path) -> None:
    _, first = _value(tmp_path / "a", _FEW)
    engine = tagged_engine(tmp_path / "b", _ROWS)
    engine.value(_FEW)
    other = engine.beside(engine.pool)

    again = other.value(_FEW)

    assert isinstance(again, FewerTags)
    assert again.difference(first) == 0
    assert again.sizes.tolist() == first.sizes.tolist()
    stored = NormalisedTags.unpack(_FEW, _FEW.pack(first))
    assert stored.difference(first) == 0


def test_the_order_of_rows_decides_nothing(tmp_path: Path) -> None:
    engine = tagged_engine(tmp_path, dict(reversed(_ROWS.items())))
    found = dict(zip(names(engine), engine.value(_FEW).values.to_list(), strict=True))

    assert found == _value(tmp_path / "other", _FEW)[0]


def test_tags_of_one_meaning_are_one(tmp_path: Path) -> None:
    rows = {"a": ["to write a poem"], "b": ["write the poem to a"], "c": ["integral calculus"]}
    apart = NormalisedTags(tags=_FIELD, alpha=1, eps=0.0)
    engine = tagged_engine(tmp_path, rows)

    found = engine.value(NormalisedTags(tags=_FIELD, alpha=1, eps=0.5))

    assert len(found.names) == 2
    assert len(engine.value(apart).names) == 3


def test_a_pool_in_which_no_tag_is_frequent_enough_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="most frequent is in 3") as caught:
        _value(tmp_path, NormalisedTags(tags=_FIELD))

    assert "a smaller alpha, such as 1" in str(caught.value.hint)


def test_what_gives_no_tags_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="gives no tags"):
        _value(tmp_path, NormalisedTags(tags=Embeddings()))


def test_tags_that_are_still_to_come_are_waited_for() -> None:
    waiting = Tags.of([[], []], np.array([Reason.TRANSIENT, Reason.OK], np.uint8))
    not_asked = Tags.of([[], []], np.array([Reason.NOT_ASKED, Reason.OK], np.uint8))

    with pytest.raises(UnfinishedError, match="1 row got no tags"):
        checked_tags(_FEW, waiting)
    assert checked_tags(_FEW, not_asked) is not_asked


def test_normalised_tags_are_not_normalised_again() -> None:
    assert normalised(_FEW) is _FEW
    assert normalised(_FIELD) == NormalisedTags(tags=_FIELD)


def test_the_graph_joins_tags_that_mean_alike(tmp_path: Path) -> None:
    rows = {"a": ["to write a poem"], "b": ["write the poem to a"], "c": ["integral calculus"]}
    engine = tagged_engine(tmp_path, rows)

    graph = engine.value(TagGraph(tags=_FIELD, threshold=0.5))

    # In the order of their names: calculus, then the two of poems.
    assert isinstance(graph, Neighbors)
    assert graph.indptr.tolist() == [0, 0, 1, 2]
    assert graph.indices.tolist() == [2, 1]


def test_rows_without_any_tag_have_a_graph_without_any(tmp_path: Path) -> None:
    graph = tagged_engine(tmp_path, {"a": [], "b": []}).value(TagGraph(tags=_FIELD))

    assert graph.indptr.tolist() == [0]
