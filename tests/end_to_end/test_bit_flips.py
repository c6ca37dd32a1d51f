"""No changed bit of anything on disk changes what Assay says without a word."""

from collections import Counter
from pathlib import Path

import pytest

from assay.components import table
from assay.features.text import TextReading
from tests.bit_flips import KINDS, build, files_by_kind, flips

FLIPS = 2 * len(KINDS) + 2


@pytest.mark.slow
def test_forty_changed_bits_over_every_kind_of_file_are_harmless_or_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table.load_all()
    monkeypatch.setattr(table, "_components", dict(table._components))
    monkeypatch.setattr(TextReading, "rows_per_shard", 32)
    build(tmp_path / "pristine")
    assert all(files_by_kind(tmp_path / "pristine").values())

    found = list(flips(tmp_path / "pristine", tmp_path / "work", FLIPS, seed=7))

    assert FLIPS >= 40
    assert [flip for flip in found if flip.verdict in ("silent", "crash")] == []
    # Sums that find nothing would leave everything harmless.
    assert Counter(flip.verdict for flip in found)["noticed"] > FLIPS // 2
