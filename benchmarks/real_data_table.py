"""What does every file of a folder look like once loaded, and does export give its bytes back?

One row per file: layout and container found, records in, set aside by reason, samples, turns,
languages, and whether exporting every sample gives the unpacked input again, byte for byte (left
out of the comparison: the lines that were set aside).

Run: python benchmarks/real_data_table.py [FOLDER] [--json table.json]
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from assay.errors import FormatError
from assay.export.original import export_original
from assay.formats import ReadReport, SourceSpec, read_sources
from assay.formats.sniffing import SUFFIXES
from assay.formats.streams import byte_chunks, plain_stem, unpacked_suffix
from assay.samples import Origin, Sample
from assay.texts.language import detect_languages

SHARED = Path(__file__).parents[2] / "shared" / "data"
SHOWN_LANGUAGES = 3
LANGUAGE_SAMPLES = 1000


@dataclass(frozen=True)
class Line:
    """One file of the table; `kind` is "answers", "questions" or "refused"."""

    file: str
    kind: str
    layout: str
    container: str
    rows: int
    set_aside: str
    samples: int
    turns: int
    languages: str
    export_equal: str


def table_line(path: Path) -> Line:
    """Return what becomes of one file: as training data, else as questions, else refused."""
    refusal = ""
    for questions in (False, True):
        report = ReadReport()
        try:
            blocks = list(read_sources([SourceSpec(str(path))], report=report, questions=questions))
        except FormatError as error:
            refusal = refusal or error.message.partition(": ")[2]
            continue
        samples = [sample for block in blocks for sample in block.samples]
        origins = [origin for block in blocks for origin in block.origins]
        return _line(path, report, samples, origins, questions=questions)
    return Line(path.name, "refused", refusal, "", 0, "", 0, 0, "", "")


def _line(
    path: Path,
    report: ReadReport,
    samples: Sequence[Sample],
    origins: Sequence[Origin],
    *,
    questions: bool,
) -> Line:
    aside = Counter(aside.reason for aside in report.set_aside)
    return Line(
        file=path.name,
        kind="questions" if questions else "answers",
        layout=report.files[0].layout,
        container=report.files[0].container,
        rows=report.rows,
        set_aside=", ".join(f"{reason} {count}" for reason, count in sorted(aside.items())),
        samples=len(samples),
        turns=sum(len(sample.conversation.messages) for sample in samples),
        languages=_languages(samples),
        export_equal="yes" if _export_equals_input(report, origins) else "no",
    )


def _languages(samples: Sequence[Sample]) -> str:
    step = max(1, len(samples) // LANGUAGE_SAMPLES)
    found = detect_languages([sample.conversation.text for sample in samples[::step]])
    counts = Counter(found).most_common(SHOWN_LANGUAGES)
    return ", ".join(f"{name or '?'} {count / len(found):.0%}" for name, count in counts)


def _export_equals_input(report: ReadReport, origins: Sequence[Origin]) -> bool:
    (file,) = report.files
    expected = b"".join(byte_chunks(file.path, file.compression))
    lost = {aside.row for aside in report.set_aside}
    if file.container == "jsonl":
        lines = expected.splitlines(keepends=True)
        expected = b"".join(line for row, line in enumerate(lines) if row not in lost)
    with tempfile.TemporaryDirectory() as folder:
        name = plain_stem(file.path) + unpacked_suffix(file.path)
        written = export_original(report.files, origins, Path(folder) / name)
        return written.paths[0].read_bytes() == expected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=SHARED)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    paths = [path for path in options.folder.rglob("*") if unpacked_suffix(path) in SUFFIXES]
    lines = [asdict(table_line(path)) for path in sorted(paths)]
    print(" | ".join(lines[0]))
    for line in lines:
        print(" | ".join(str(value) for value in line.values()))
    if options.json:
        options.json.write_text(json.dumps(lines, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
