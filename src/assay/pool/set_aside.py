"""The rows of a load that could not be used, written down as they are met."""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from assay.errors import DataError, EmptyPoolError, Parameter, Phrase
from assay.files import atomic_write
from assay.formats.records import Block, ReadReport, SetAside

SET_ASIDE = "set_aside.jsonl"
_EXAMPLES = 3
_IN_MEMORY_ROWS = 10_000
_IN_MEMORY_BYTES = 1 << 26


class SetAsideList:
    """The list of a load's rows set aside; it grows on the disk, however many there are.

    Attributes:
        count: how many there are.
        reasons: how many there are of each reason, in order of first occurrence.
        first: the first few.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / SET_ASIDE
        self._lines = tempfile.SpooledTemporaryFile(  # noqa: SIM115
            _IN_MEMORY_BYTES, mode="w+b", dir=str(folder)
        )
        self.count = 0
        self.reasons: Counter[str] = Counter()
        self.first: list[SetAside] = []

    def __enter__(self) -> Self:
        """Return itself; what is not written by the end of the block is gone."""
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the lines that wait for being written."""
        self._lines.close()

    def filled(self, blocks: Iterator[Block], report: ReadReport) -> Iterator[Block]:
        """Yield the blocks, and take from the report what was set aside meanwhile."""
        for block in blocks:
            self._take(report)
            yield block
        self._take(report)

    def _take(self, report: ReadReport) -> None:
        if self.count >= _IN_MEMORY_ROWS:
            self._path.parent.mkdir(parents=True, exist_ok=True)  # they will go to the disk
        self.count += len(report.set_aside)
        self.first += report.set_aside[: _EXAMPLES - len(self.first)]
        for entry in report.set_aside:
            self.reasons[entry.reason] += 1
            line = json.dumps(entry._asdict(), ensure_ascii=False) + "\n"
            # A name that is not UTF-8 becomes an escape that JSON has.
            self._lines.write(line.encode(errors="backslashreplace"))
        report.set_aside.clear()

    def write(self) -> None:
        """Write all of it to its file, whole or not at all."""
        self._lines.seek(0)
        with atomic_write(self._path) as temporary, temporary.open("wb") as file:
            shutil.copyfileobj(self._lines, file)

    def nothing_usable(self, rows: int) -> EmptyPoolError:
        """Return the error of a load of so many rows, of which none can be used; write the list."""
        if not self.count:
            return EmptyPoolError("there is no row in the data", hint="is this the right file?")
        self.write()
        first = self.first[0]
        return EmptyPoolError(
            f"no row of {rows:,} can be used; first: {first.file} row {first.row}: {first.detail}",
            hint=f"see {self._path} for every row and why",
        )

    def too_many(self, rows: int, limit: float) -> DataError:
        """Return the error of a load of so many rows, of which only a share may be set aside."""
        share = self.count / max(rows, 1)
        table = ", ".join(f"{reason}: {count:,}" for reason, count in sorted(self.reasons.items()))
        first = "; ".join(f"{entry.file} row {entry.row}: {entry.detail}" for entry in self.first)
        return DataError(
            f"{self.count:,} of {rows:,} rows ({share:.1%}) cannot be used ({table}); "
            f"first: {first}",
            hint=Phrase(
                "see {}, mend the rows, or allow more with {} (limit now {})",
                str(self._path),
                Parameter("max_set_aside", f"{min(1.0, share * 1.1 + 0.005):.0%}"),
                f"{limit:.0%}",
            ),
        )
