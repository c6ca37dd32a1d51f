"""Writing chosen records in the form in which they came.

JSON, JSON lines and CSV keep every byte of the records and of what stands between neighbours, so
exporting everything gives the input again. Parquet and Arrow keep values, types and columns.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from assay.echo import Brief
from assay.errors import DataError
from assay.export.convert import write_converted
from assay.export.copy import copy_columns, copy_records
from assay.export.formulas import formula_cells
from assay.export.outputs import compressed
from assay.export.sources import (
    COLUMNAR,
    DELIMITERS,
    ChosenRecord,
    OpenSource,
    chosen_records,
    open_source,
)
from assay.export.typed_columns import keeps_types
from assay.files import atomic_stream
from assay.formats.forms import OutputForm, output_form
from assay.formats.records import SourceFile
from assay.formats.streams import plain_stem
from assay.samples import Origin
from assay.wording import number_of


@dataclass(frozen=True, repr=False)
class ExportReport(Brief):
    """What was written.

    `records` counts rows of the output, `samples` what was chosen (several may share a record);
    `notes` says in sentences where the output is not simply a part of the input.
    """

    paths: tuple[Path, ...]
    records: int
    samples: int
    notes: tuple[str, ...] = ()


class _Job(NamedTuple):
    """Some source files that go into one output file."""

    output: Path
    form: OutputForm
    files: list[SourceFile]
    records: list[list[ChosenRecord]]


def export_original(
    files: Sequence[SourceFile], origins: Sequence[Origin], output: str | Path
) -> ExportReport:
    """Write the chosen records in input order, as they came wherever the container stays the same.

    The ending of `output` says what it becomes: ``.json .jsonl .csv .tsv .parquet .arrow``, also
    with ``.gz`` or ``.zst``. Another container than the input's gets equal values in its own
    notation. Without such an ending `output` is a folder that receives one file per input.

    Args:
        files: everything that was loaded; `Origin.file` counts it.
        origins: the chosen samples, in any order.
        output: file or folder to write; its own sources are never overwritten.

    Raises:
        DataError: if a source changed since it was loaded, a sample is named twice, sources do not
            fit into one file, the output is one of the sources, or it cannot be written.
    """
    target = Path(output)
    records = chosen_records(files, origins)
    jobs = _jobs(files, records, target)
    refuse_inputs([job.output for job in jobs], [file.path for file in files])
    notes = [note for job in jobs for note in _write(job)]
    return ExportReport(
        tuple(job.output for job in jobs),
        sum(len(job_records) for job_records in records),
        len(origins),
        tuple(notes),
    )


def output_paths(files: Sequence[SourceFile], target: Path) -> list[Path]:
    """Return the files that an export writes: one, or in a folder one for each that was loaded."""
    if output_form(target) is not None and not target.is_dir():
        return [target]
    common = os.path.commonpath([file.path.absolute().parent for file in files])
    return [target / _inner_path(file, common) for file in files]


def _inner_path(file: SourceFile, common: str) -> Path:
    inner = file.path.absolute().relative_to(common)
    form = OutputForm(file.container, file.compression)
    return inner if output_form(inner) == form else inner.with_name(plain_stem(inner) + form.ending)


def _jobs(
    files: Sequence[SourceFile], records: list[list[ChosenRecord]], target: Path
) -> list[_Job]:
    form = output_form(target)
    if form is None or target.is_dir():
        paths = output_paths(files, target)
        return [
            _Job(path, OutputForm(file.container, file.compression), [file], [chosen])
            for path, file, chosen in zip(paths, files, records, strict=True)
        ]
    used = [index for index, chosen in enumerate(records) if chosen] or list(range(len(files)))[:1]
    return [
        _Job(target, form, [files[index] for index in used], [records[index] for index in used])
    ]


def refuse_inputs(outputs: Iterable[Path], inputs: Sequence[Path]) -> None:
    """Refuse to write over a file that was loaded.

    Raises:
        DataError: if one of the outputs is one of the inputs.
    """
    for output in outputs:
        if output.exists() and any(file.exists() and output.samefile(file) for file in inputs):
            raise DataError(
                f"{output} is one of the files that were loaded",
                hint="choose another name; Assay never writes over its input",
            )


def _write(job: _Job) -> list[str]:
    with atomic_stream(job.output) as stream, ExitStack() as stack:
        sources = [
            stack.enter_context(open_source(file, chosen, job.output.parent))
            for file, chosen in zip(job.files, job.records, strict=True)
        ]
        plain = stack.enter_context(compressed(stream, job.form.compression))
        kinds = {file.container for file in job.files}
        if job.form.container in COLUMNAR and kinds <= set(COLUMNAR):
            copy_columns(sources, plain, job.form.container)
        elif kinds <= {job.form.container}:
            copy_records(sources, plain, job.form.container)
        else:
            write_converted(sources, plain, job.form.container)
        return _notes(job, sources)


def _notes(job: _Job, sources: list[OpenSource]) -> list[str]:
    notes = []
    layouts = sorted({source.file.layout for source in sources})
    if len(layouts) > 1:
        notes.append(f"{job.output} mixes the layouts {', '.join(layouts)}")
    if job.form.container in COLUMNAR and not keeps_types():
        notes.append(
            f"{job.output} has the types that polars writes (text is large_string, class labels "
            "are numbers); with `pip install pyarrow` types and features stay as they are"
        )
    if job.form.container in DELIMITERS:
        count = sum(formula_cells(source.values()) for source in sources)
        if count:
            notes.append(
                f"{job.output} holds {number_of(count, 'cell')} that a spreadsheet would run as a "
                "formula: import its columns as text, or do not open it there"
            )
    for source in sources:
        if source.partial:
            notes.append(
                f"{source.partial} records of {source.file.path} were written with the chosen "
                "instances only"
            )
        if source.file.container != job.form.container:
            notes.append(
                f"{source.file.path} was converted from {source.file.container} to "
                f"{job.form.container}: values are equal, bytes are not"
            )
    return notes
