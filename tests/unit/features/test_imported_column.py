"""Cells become numbers, or are counted as rows without one."""

from pathlib import Path

import pytest

from assay.errors import DataError
from assay.features.imported_column import Match, match_column
from assay.formats.records import Block
from assay.pool.building import build_pool
from assay.pool.view import PoolView
from assay.samples import Origin, Reason, Sample
from tests.rows import conversation


def test_a_number_too_large_for_any_computer_is_no_number(tmp_path: Path) -> None:
    samples = [Sample(conversation("q0", "a0")), Sample(conversation("q1", "a1"))]
    pool = build_pool([Block(samples, [Origin(0, 0), Origin(0, 1)])], tmp_path)
    path = tmp_path / "s.jsonl"
    path.write_text('{"score": 1%s}\n{"score": 2}\n' % ("0" * 400))

    found = match_column(
        PoolView(pool), path, column="score", match="row", key="id", part="response"
    )

    assert found.without_number == 1
    assert sorted(found.reason.tolist()) == [0, max(found.reason.tolist())]


def _view(folder: Path, answers: list[str]) -> PoolView:
    samples = [Sample(conversation("ask", answer)) for answer in answers]
    origins = [Origin(0, place) for place in range(len(answers))]
    return PoolView(build_pool([Block(samples, origins)], folder))


@pytest.mark.parametrize("match", ["row", "text"])
def test_a_line_says_why_it_has_no_number(tmp_path: Path, match: Match) -> None:
    view = _view(tmp_path, ["a", "b", "c", "d"])
    path = tmp_path / "s.csv"
    path.write_text("text,score,why\na,1,\nb,,refused\nc,,\nd,2,PARSE_FAILED\n")

    found = match_column(
        view, path, column="score", match=match, key="text", part="response", reasons="why"
    )

    reasons = {each.responses: Reason(code) for each, code in
               zip(view.conversations(), found.reason.tolist(), strict=True)}  # fmt: skip
    assert reasons == {"a": 0, "b": Reason.REFUSED, "c": Reason.NOT_IMPORTED, "d": 0}


@pytest.mark.parametrize("word", ["tired", "NOT_ASKED", "BELOW_RULE", "OK"])
def test_a_reason_that_is_none_is_refused(tmp_path: Path, word: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(f"text,score,why\na,1,\nb,,{word}\n")

    with pytest.raises(DataError, match=f"'{word}' is no reason"):
        match_column(
            _view(tmp_path, ["a", "b"]), path, column="score", match="text", key="text",
            part="response", reasons="why",
        )  # fmt: skip


def test_without_a_column_of_reasons_two_numbers_are_told_as_before(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("text,score\na,1\na,2\nb,3\n")

    found = match_column(
        _view(tmp_path, ["a", "b"]), path, column="score", match="text", key="text", part="response"
    )

    assert found.ambiguous == 1
    assert set(found.reason.tolist()) == {0, Reason.NOT_IMPORTED}
