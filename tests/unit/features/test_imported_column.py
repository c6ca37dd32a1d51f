"""Cells become numbers, or are counted as rows without one."""

from pathlib import Path

from assay.features.imported_column import match_column
from assay.formats.records import Block
from assay.pool.building import build_pool
from assay.pool.view import PoolView
from assay.samples import Origin, Sample
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
