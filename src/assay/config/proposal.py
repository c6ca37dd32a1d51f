"""A first configuration for data at hand, with a comment beside everything one may change."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from pathlib import Path

from assay.errors import DataError
from assay.formats import detect
from assay.formats.containers import file_records
from assay.formats.detection import fields_of
from assay.formats.places import default_names, is_hub_name
from assay.formats.records import ReadReport, SourceSpec
from assay.formats.sniffing import SUFFIXES
from assay.formats.sources import DetectedFile, read_sources
from assay.formats.streams import can_be_read_once, spool, unpacked_suffix
from assay.pool.loading import MAX_SET_ASIDE
from assay.samples import Sample
from assay.texts.language import detect_languages
from assay.wording import percent

_FIELD_ROWS = 100
_LANGUAGE_ROWS = 1000
_LISTED = 6


@dataclass(frozen=True)
class Seen:
    """What a look at some data shows.

    Attributes:
        files: every file, with container and layout.
        fields: names of the records' fields.
        rows: samples that can be used.
        set_aside: records that cannot.
        languages: of evenly spaced rows, the most frequent first.
        tasks: number of different tasks.
        several_turns: whether some row has more than one answer.
    """

    files: list[DetectedFile]
    fields: list[str]
    rows: int
    set_aside: int
    languages: list[tuple[str, int]]
    tasks: int
    several_turns: bool


def look_at(spec: SourceSpec, *, offline: bool = False) -> Seen:
    """Return what some data is; it is read once, and nothing is written.

    Raises:
        FormatError: if it cannot be read.
    """
    if can_be_read_once(spec.location):
        name = default_names([spec])[0]
        spec = replace(spec, location=str(spool(spec.location)), name=name)
    files = detect([spec], offline=offline)
    fields = fields_of(
        record
        for record, _, _ in islice(file_records(files[0].packed), _FIELD_ROWS)
        if isinstance(record, dict)
    )
    report = ReadReport()
    kept: list[Sample] = []
    step, seen, several = 1, 0, False
    tasks: set[str] = set()
    for block in read_sources([spec], report=report, offline=offline):
        for sample in block.samples:
            # Every step-th row: when too many are kept, every other one goes.
            if seen % step == 0:
                kept.append(sample)
            if len(kept) > 2 * _LANGUAGE_ROWS:
                kept, step = kept[::2], step * 2
            seen += 1
            tasks.add(sample.task)
            several = several or _answers(sample) > 1
    languages = Counter(sample.language for sample in kept if sample.language)
    unknown = [sample.conversation.text for sample in kept if not sample.language]
    languages.update(detect_languages(unknown))
    return Seen(
        files,
        fields,
        report.samples,
        len(report.set_aside),
        languages.most_common(_LISTED),
        len(tasks - {""}),
        several,
    )


def _answers(sample: Sample) -> int:
    return len(sample.conversation.learned_turns)


def find_data(folder: Path) -> str:
    """Return the only data file of a folder.

    Raises:
        DataError: if there is none, or more than one.
    """
    found = sorted(
        path.name
        for path in folder.iterdir()
        if path.is_file() and unpacked_suffix(path) in SUFFIXES and path.name[0] != "."
    )
    if len(found) == 1:
        return found[0]
    if not found:
        raise DataError(f"no data is found in {folder.absolute()}", hint="assay init FILE")
    raise DataError(
        f"several data files are here: {', '.join(found[:_LISTED])}",
        hint=f"name one: assay init {found[0]}",
    )


def initial_config(
    spec: SourceSpec,
    seen: Seen,
    *,
    stem: str,
    project: str | None = None,
    hold_out: float = 0.0,
    max_set_aside: float | None = None,
) -> str:
    """Return a commented configuration for some data, as YAML.

    Args:
        spec: the data as the file is to name it.
        seen: what it is.
        stem: beginning of the names of project and output.
        project: folder of the project, as the file is to name it; the stem's by default.
        hold_out: share of rows to hold out.
        max_set_aside: share of rows that may be unusable; by default as many as are, and some.
    """
    head = _head(spec.location, seen)
    data = _data(spec, seen, project or f"{stem}.assay", hold_out, max_set_aside)
    return "\n".join([*head, *data, *_work(seen, stem)]) + "\n"


def _head(source: str, seen: Seen) -> Iterator[str]:
    layouts = sorted({f"{file.layout.name} in {file.packed.container}" for file in seen.files})
    count = len(seen.files)
    yield f"# Configuration of Assay for {_commented(source)}. Run it with: assay run THIS-FILE"
    yield "#"
    yield f"# Found: {', '.join(layouts)}" + (f", {count:,} files" if count > 1 else "")
    aside = f", {seen.set_aside:,} set aside because they cannot be used" if seen.set_aside else ""
    yield f"# Rows: {seen.rows:,}{aside}"
    yield f"# Fields: {_commented(', '.join(seen.fields))}"
    total = sum(rows for _, rows in seen.languages)
    shares = [f"{word} {_whole_percent(rows / total)}" for word, rows in seen.languages if total]
    yield f"# Languages: {', '.join(shares) or 'not reported'}"
    yield ""


def _whole_percent(share: float) -> str:
    return percent(share).replace(" %", "%")


def _percent(share: float) -> str:
    """Return a share in per cent with all digits that it has, and no others: 0%, 2%, 0.05%."""
    text = f"{Decimal(str(share)) * 100:f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"


def _data(
    spec: SourceSpec, seen: Seen, project: str, hold_out: float, most: float | None
) -> Iterator[str]:
    share = seen.set_aside / max(seen.rows + seen.set_aside, 1)
    if most is None:
        most = round(share * 1.1 + 0.005, 2) if share > MAX_SET_ASIDE else MAX_SET_ASIDE
    allowed = _percent(most)
    yield f"project: {_quoted(project)}"
    yield "data:"
    yield f"  source: {_quoted(spec.location)}"
    for name in ("config", "split", "revision"):
        if getattr(spec, name) is not None:
            yield f"  {name}: {_quoted(getattr(spec, name))}"
    if spec.mapping is not None:
        yield "  map:  # templates over the record's fields"
        yield from (f"    {_quoted(k)}: {_quoted(v)}" for k, v in spec.mapping.items())
    else:
        if len(seen.files) == 1:
            yield f"  layout: {seen.files[0].layout.name}"
        field = _quoted(f"{{{seen.fields[0] if seen.fields else 'field'}}}")
        yield "  # Fields under other names are mapped by templates, in place of a layout:"
        yield f"  # map: {{instruction: {_commented(field)}, response: ...}}"
    yield f"  hold_out: {_percent(hold_out)}  # share of rows that selections are made without"
    yield f"  max_set_aside: {allowed}  # refuse the data if more of it cannot be used"
    yield ""


def _work(seen: Seen, stem: str) -> Iterator[str]:
    budget = "5%" if seen.rows >= 2000 else "10%" if seen.rows >= 200 else "50%"
    yield "# `assay methods` lists what may stand below, `assay methods NAME` explains it."
    yield "defaults:"
    yield f"  budget: {budget}  # of all rows; or 1000 rows, or 2M tokens"
    yield "  seed: 0"
    yield "  # language_model: gpt2  # or a folder, in place of assay:lm"
    yield ""
    yield "scores: [compression_ifd, longest_response]"
    yield ""
    yield "selections:"
    yield "  # Without a method: rows that stand for all others, weighed by what their answers say."
    yield "  best:"
    yield f"    budget: {budget}"
    yield "    # dedup: near  # exact, near or semantic: keep one row of every group"
    yield "    # against: evaluation.jsonl  # leave out rows that repeat its questions"
    yield from _per(seen)
    yield "  # The baselines that it has to beat."
    yield "  chance: {method: random, seeds: 3}"
    yield "  longest: longest_response"
    yield ""
    yield "exports:"
    yield f"  - {{selection: best, output: {_quoted(stem + '-best' + _ending(seen))}}}"
    example = f"{stem}-best-trl.jsonl"
    yield f"  # - {{selection: best, output: {_commented(_quoted(example))}, format: trl}}"
    yield ""
    yield "limits:"
    yield "  max_unscored: 2%  # stop if more rows than this fail to get a score"
    yield "  # threads: 4  # processors to use at once; by default those that may be used"
    yield "  # workers: 4  # processes; as many as threads by default"
    yield "  # device: cpu  # where language models run; graphics processors by default"


def _per(seen: Seen) -> Iterator[str]:
    if sum(rows > 0.05 * sum(n for _, n in seen.languages) for _, rows in seen.languages) > 1:
        yield "    # per: language  # keep the shares of the languages"
        yield f"    # where: {{language: {seen.languages[0][0]}}}  # only these rows"
    if seen.tasks > 1:
        yield f"    # per: task  # keep the shares of the {seen.tasks:,} tasks"


def _ending(seen: Seen) -> str:
    """Return the ending of a file in the input's own container; of a folder, if there are more."""
    return f".{seen.files[0].packed.container}" if len(seen.files) == 1 else ""


def _quoted(text: str) -> str:
    # A JSON string is a YAML string, whatever it holds.
    return json.dumps(text, ensure_ascii=False)


def _commented(text: str) -> str:
    """Return text of a dataset as it may stand in a comment: one line, nothing invisible."""
    return "".join(c if c.isprintable() else "?" for c in text)[:200]


def stem_of(location: str) -> str:
    """Return what project and output of some data are called after."""
    if is_hub_name(location) and not Path(location).exists():
        return location.replace("/", "--")
    path = Path(location)
    name = path.resolve().name if path.is_dir() else path.name.split(".")[0]
    return name or "data"
