from pathlib import Path

import pytest

from assay.errors import DataError
from assay.features.imported_column import read_columns


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text('{"id": 1')

    with pytest.raises(DataError, match="cannot be read"):
        read_columns(path, ["id"])
