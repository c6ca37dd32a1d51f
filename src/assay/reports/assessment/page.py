"""The page: what stands out, the comparison, distributions, what is shared, and rows to read."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from assay.assessment.figures import figures, pair_measures
from assay.assessment.records import Assessment, DatasetRecord, Share
from assay.assessment.rows import distinct_names
from assay.components.references import shared_name
from assay.components.references import short_name as model_name
from assay.html import Child, Html, element, escaped, page, section, table
from assay.reports.assessment.charts import distributions, make_ups, named, varieties
from assay.reports.svg import short_name
from assay.wording import all_without_folders, percent, quantity, without_folders

_STYLE = """
.cards { display: grid; gap: 16px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); }
.card { background: var(--panel); border-radius: 10px; padding: 16px 18px; min-width: 0; }
.card ul { margin: 8px 0 0; padding-left: 1.1em; }
.card li { margin: 0 0 4px; }
.lead { font-size: 17px; }
.figures tbody.group th[colspan] { padding-top: 16px; color: var(--ink); font-weight: 650; }
.figures tbody th { min-width: 190px; max-width: 280px; }
.meaning { display: block; font-size: 12.5px; line-height: 1.35; color: var(--soft); }
.figures th .line { color: var(--ink); }
.figures td, .figures thead th + th { padding-left: 10px; }
.figures thead th + th { white-space: normal; overflow-wrap: anywhere; min-width: 8em; }
.pairs td { text-align: right; min-width: 74px; padding: 7px 12px; }
.pairs td.self { color: var(--soft); }
.pairs thead th + th { text-align: right; padding-left: 12px; min-width: 6.5em; max-width: 150px;
  overflow-wrap: break-word; }
.pairs tbody th { color: var(--ink); overflow-wrap: break-word; min-width: 6.5em;
  max-width: 220px; }
.wide.grid { grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); }
.legend { font-size: 13.5px; margin: 6px 0 0; }
.legend span.item { margin-right: 14px; white-space: nowrap; }
.make-up { margin: 0 0 18px; }
.rows td { min-width: 12em; max-width: 460px; overflow-wrap: anywhere; }
.rows td.value, .rows td.code { min-width: 0; }
@media (max-width: 640px) {
  .figures tbody th { min-width: 0; max-width: none; }
  .figures tbody.group th[colspan] { padding-top: 20px; }
  .rows td[data-label] { display: block; text-align: left; }
  .rows td[data-label]::before { content: attr(data-label) " "; }
  .rows td.value { text-align: left; }
}
.rows { width: 100%; font-size: 14px; }
.rows td.value, .rows code { white-space: nowrap; }
code { font-size: 13px; overflow-wrap: anywhere; }
"""


def assessment_page(found: Assessment) -> str:
    """Return datasets side by side as one HTML page, which needs nothing else.

    Texts and names of the data are shown as text: no markup in them counts, and no script runs.
    It may be sent to anybody: it does not say where models and files lie.
    """
    found = _for_others(found)
    measured = [each for each in found.datasets if each.rows]
    parts: list[Child] = [
        element("h1", _title(found)),
        element("p", _subtitle(found), class_="soft"),
        section("What stands out", _cards(found)),
        section("Side by side", *(element("p", note) for note in found.notes), _comparison(found)),
    ]
    if measured:
        parts.append(section("Distributions", *distributions(found)))
        drawn = make_ups(found)
        parts.append(section("Languages and tasks", drawn) if drawn else None)
        parts.append(section("Variety", *varieties(found)))
    if len(found.datasets) > 1:
        parts.append(section("What they share", *_shared(found)))
    if measured:
        parts.append(section("Rows to read", *_examples(measured)))
    parts.append(section("How it was measured", *_method(found)))
    return page(_title(found), *parts, style=_STYLE)


def _for_others(found: Assessment) -> Assessment:
    """Return datasets in which files and models go by their names, not by where they lie."""
    given = [each.name for each in found.datasets]
    known = [*given, *(each.source for each in found.datasets)]

    def reported(text: str) -> str:
        return without_folders(text, known)

    names = dict(
        zip(given, distinct_names([*map(reported, given)], [""] * len(given)), strict=True)
    )
    datasets = [
        replace(
            each,
            name=names[each.name],
            source=reported(each.source),
            notes=[*map(reported, each.notes)],
            remarks=[*map(reported, each.remarks)],
        )
        for each in found.datasets
    ]
    pairs = [replace(p, of=names[p.of], within=names[p.within]) for p in found.pairs]
    return replace(
        found,
        settings=all_without_folders(found.settings),
        datasets=datasets,
        pairs=pairs,
        left_out=[*map(reported, found.left_out)],
        notes=[*map(reported, found.notes)],
    )


def _title(found: Assessment) -> str:
    count = len(found.datasets)
    if count == 1:
        return f"{found.datasets[0].name}, assessed"
    return f"{count} datasets side by side"


def _subtitle(found: Assessment) -> str:
    rows = sum(each.rows for each in found.datasets)
    model = found.settings["model"]
    read = f"answers read by {model_name(model)}" if model else "no language model"
    return (
        f"{rows:,} rows in all; costly measures look at up to {found.settings['sample']:,} random "
        f"rows of each; {read}; Assay {found.assay}"
    )


def _cards(found: Assessment) -> Html:
    cards = []
    for record in found.datasets:
        lead, *rest = record.remarks or ("",)
        points = [element("li", _unbroken(remark)) for remark in rest]
        source = None if record.source == record.name else element("div", record.source)
        cards.append(
            element(
                "div",
                element("h3", named(found, record)),
                element("div", lead),
                element("ul", *points) if points else None,
                element("div", source, class_="soft") if source else None,
                class_="card",
            )
        )
    return element("div", *cards, class_="cards")


def _unbroken(remark: str) -> str:
    """Return a sentence whose numbers keep their per-cent sign on their line."""
    return remark.replace(" %", "\u00a0%")


def _comparison(found: Assessment) -> Html:
    heads = [element("th", class_=None)]
    heads += [
        element("th", named(found, each), scope="col", class_="number") for each in found.datasets
    ]
    width = len(found.datasets) + 1
    bodies = []
    for title, lines in figures(found):
        rows = [element("tr", element("th", title, colspan=width, scope="colgroup"))]
        for line in lines:
            meaning = element("span", line.meaning, class_="meaning") if line.meaning else None
            name = element("th", element("span", line.name, class_="line"), meaning, scope="row")
            cells = (
                element("td", cell, class_="number", data_label=each.name)
                for cell, each in zip(line.cells, found.datasets, strict=True)
            )
            rows.append(element("tr", name, *cells))
        bodies.append(element("tbody", *rows, class_="group"))
    whole = element(
        "table", element("thead", element("tr", *heads)), *bodies, class_="figures stacked"
    )
    return element("div", whole, class_="scroll")


def _shared(found: Assessment) -> Iterator[Html]:
    yield element(
        "p",
        "Read along a line: this part of the dataset at the left is in the dataset above, too.",
        class_="soft",
    )
    parts = []
    for title, meaning, share in pair_measures(found):
        if not any(share(pair).count for pair in found.pairs):
            none = element("p", f"{meaning}: 0 % for every pair", class_="soft")
            parts.append(element("div", element("h3", title), none))
            continue
        rows = []
        for of in found.datasets:
            cells = [escaped(of.name)]
            for within in found.datasets:
                pair = found.pair(of.name, within.name)
                cells.append(_heat(share(pair)) if pair else element("td", "·", class_="self"))
            rows.append(cells)
        columns = ["", *(short_name(each.name) for each in found.datasets)]
        parts.append(
            element(
                "div",
                element("h3", title),
                element("p", meaning, class_="soft"),
                table(columns, rows, class_="pairs"),
            )
        )
    yield element("div", *parts, class_="wide grid")


def _heat(share: Share) -> Html:
    """Return a cell whose ground is the darker the larger its share is."""
    if share.share is None:
        return element("td", "-", class_="self")
    hint = f"{share.count:,} of {share.of:,}"
    if share.low is not None and share.high is not None and share.low != share.high:
        hint += f" sampled rows; {percent(share.low)} to {percent(share.high)} of all"
    strength = 0.55 * share.share**0.5
    return element(
        "td", percent(share.share), title=hint, style=f"background:rgba(var(--heat),{strength:.3f})"
    )


def _examples(records: Sequence[DatasetRecord]) -> Iterator[Html]:
    yield element("p", "Long texts are cut; assay show prints a row whole.", class_="soft")
    for place, record in enumerate(records):
        rows = []
        for kind, group in groupby(record.examples, key=lambda each: each.kind):
            for number, each in enumerate(group):
                value = element(
                    "td", quantity(each.value), class_="value number", data_label="value"
                )
                code = element("td", element("code", each.id), class_="code", data_label="id")
                rows.append([kind if number == 0 else "", value, each.asked, each.answered, code])
        columns = ["", ("value", "right"), "asked", "answered", "id"]
        yield element(
            "details",
            element("summary", record.name),
            table(columns, rows, class_="rows stacked"),  # type: ignore[arg-type]
            open="" if place == 0 else None,
        )


def _method(found: Assessment) -> Iterator[Html]:
    settings = found.settings
    count = "an estimate, a token for every four bytes"
    if settings["tokenizer"] != "assay:estimate":
        count = str(settings["tokenizer"])
    near, alike, encoder = settings["near"], settings["alike"], settings["encoder"]
    text = f"""
    Tokens: {count}; templates are left out.

    Random rows: up to {settings["sample"]:,} of each dataset, the same in every run and whatever
    the other datasets are. Shares of them come with a 95 % interval (Wilson 1927).

    Exact duplicates: equal in every message.

    Near-duplicates: at least {near:g} of the two texts' runs of five characters in common, found by
    MinHash and counted exactly (Broder 1997). Within a dataset, chains count as one group.

    Closeness in meaning: cosine of {encoder} vectors; {alike:g} or more mostly means the same
    subject, not the same answer.

    Vendi score: exponential of the entropy of the eigenvalues of the cosines' matrix over its size
    (Friedman and Dieng 2023, arXiv 2210.02410).

    Compression IFD: what DEFLATE needs for the answer after its prompt, over what it needs for the
    answer alone.
    """
    lines = [" ".join(part.split()) for part in text.split("\n\n")]
    if settings["model"]:
        reader = f"{shared_name(settings['model'])} in {settings['dtype']}"
        lines.append(
            f"IFD (Li et al. 2024, arXiv 2308.12032) and perplexity: by {reader}. Above an IFD of "
            "1 the prompt makes the answer less likely."
        )
    lines += [f"Left out: {reason}." for reason in found.left_out]
    lines += [f"{each.name}: {note}" for each in found.datasets for note in each.notes]
    yield element("ul", *(element("li", line) for line in lines))
