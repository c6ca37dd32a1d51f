"""``assay select``: choose rows, say what they are, and write them."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assay.cli.app import CHOOSE, verb
from assay.cli.console import terminal
from assay.cli.options.choosing import Choosing
from assay.cli.options.groups import Everywhere, Loading, Words, Working
from assay.cli.options.models import ReadModels
from assay.cli.options.opening import open_words, rows_to_price
from assay.cli.options.writing import Writing
from assay.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from assay.cli.options.choosing import Request
    from assay.cli.options.writing import Written
    from assay.project import Project
    from assay.workspace.named_selection import NamedSelection
    from assay.workspace.run_log import Run


@verb(
    "select",
    panel=CHOOSE,
    examples=(
        "assay select alpaca_data.json --budget 5% -o subset.json",
        "assay select alpaca_data.json longest_response --budget 1000 -o longest.json",
        "assay select alpaca_data.json ifd --model gpt2 --budget 5% -o ifd.json",
        "assay select alpaca_data.json alpagasus --judge http://host:8000/v1#qwen3 -o good.json",
        "assay select alpaca_data.json random --budget 5% --seeds 3 -o chance.json",
        "assay select a.json b.json --budget '2M tokens' --per source --format trl -o mix.jsonl",
        "assay select p3.jsonl --where task=closed_qa --dedup near --budget 500 -o qa.jsonl",
    ),
)
def select(
    words: Words,
    choosing: Choosing,
    models: ReadModels,
    writing: Writing,
    reading: Loading,
    everywhere: Everywhere,
    working: Working,
) -> None:
    """Choose rows to train on, say what they are, and write them.

    Without a method: facility location over sentence embeddings, weighed by answers that are long
    enough, speak of what was asked and do not just repeat it.
    A score stands for its best rows. Filters come first, then the method chooses among what is
    left.
    """
    from assay.cli.options.choosing import requests
    from assay.cli.options.grammar import parse_words
    from assay.cli.options.models import check_work
    from assay.cli.options.pushing import check_push
    from assay.cli.options.replacing import check_export, check_replaceable
    from assay.cli.options.spending import check_spending
    from assay.cli.options.writing import check_output, output_path
    from assay.cli.printing.planning_report import print_plan

    parsed = parse_words(words or [], everywhere.project)
    check_output(writing)
    check_push(writing, offline=everywhere.offline)
    project, files = open_words(parsed, everywhere, reading, working, settings=choosing.settings)
    wanted = requests(project, parsed, choosing, models)
    selectors = [request.selector for request in wanted]
    priced = rows_to_price(working)
    if working.dry_run:
        print_plan(project, selectors, rows=priced)
        return
    if (writing.report is not None or writing.push is not None) and len(selectors) > 1:
        option = "--push" if writing.report is None else "--report"
        raise UsageError(
            f"{option} is for one selection, and {len(selectors)} are asked for",
            hint="select one at a time; `assay diff A B --report` shows two side by side",
        )
    for request in wanted:
        path = output_path(writing, request.label if len(wanted) > 1 else "")
        if path is not None:
            check_export(project, path, writing.layout_out, yes=everywhere.yes)
    if writing.report is not None:
        loaded = [file.path for file in project.load_record.files]
        check_replaceable(writing.report, yes=everywhere.yes, inputs=loaded)
    check_work(project, selectors)
    check_spending(project, selectors, working, everywhere)
    _select(project, wanted, writing, choosing, files)


def _select(
    project: "Project",
    wanted: "Sequence[Request]",
    writing: Writing,
    choosing: Choosing,
    files: "Sequence[Path]",
) -> None:
    from assay.cli.options.pushing import push_selection
    from assay.cli.options.writing import Written, output_path, write_selection
    from assay.cli.printing.next_lines import after_selection
    from assay.cli.printing.selection_report import (
        describe_selection,
        print_selection,
        print_selections,
        warn_of_files,
    )
    from assay.cli.recording import recorded

    selectors = [request.selector for request in wanted]
    with recorded(project, "select", sys.argv[2:], selectors) as run:
        with run.stage("select"):
            project.engine.compute(selectors)  # together, so that equal passes run once
            chosen = project.named(selectors, [request.name for request in wanted])
        warn_of_files(chosen)
        with run.stage("describe"):
            described = [describe_selection(selection) for selection in chosen]
        written: list[Written] = []
        with run.stage("export"):
            for request, selection in zip(wanted, chosen, strict=True):
                path = output_path(writing, request.label if len(wanted) > 1 else "")
                written.append(write_selection(selection, path, writing) if path else Written())
        for entry, made in zip(described, written, strict=True):
            entry |= {"written": [str(path) for path in made.paths], "export": made.facts or None}
        if writing.push is not None:
            with run.stage("push"):
                described[0]["pushed"] = push_selection(chosen[0], described[0], writing)
        if writing.report is not None:
            _report(chosen[0], described[0], run, writing.report)
        _record(run, chosen, written, writing)
    page = terminal()
    if page.settings.as_json:
        page.document(described[0] if len(described) == 1 else described)
    elif len(chosen) == 1:
        print_selection(chosen[0], described[0], run.stages)
    else:
        print_selections(project, described, run.stages)
    page.next(*after_selection(chosen[0], described[0], choosing, writing, files))


def _report(
    selection: "NamedSelection", described: dict[str, Any], run: "Run", path: "Path"
) -> None:
    from assay.cli.printing.selection_report import why_text
    from assay.components.references import shown_names
    from assay.files import write_text
    from assay.reports.rows.selection import selection_page
    from assay.stores.written import remember

    shown = described | {"method_text": shown_names(described["method_text"])}
    command = ["assay", "select", *sys.argv[2:]]
    stop = selection.record.selection.stop
    page = selection_page(
        selection,
        shown,
        stages=run.stages,
        command=command,
        why=lambda code: why_text(code, stop),
    )
    write_text(path, page)
    remember(selection.project.runtime.cache, [path])
    described["written"].append(str(path))


def _record(
    run: "Run",
    chosen: "Sequence[NamedSelection]",
    written: "Sequence[Written]",
    writing: Writing,
) -> None:
    """Write down what was made, and the configuration that makes it again."""
    from assay.cli.recording import write_config

    run.facts["selections"] = [selection.manifest() for selection in chosen]
    run.facts["written"] = [[str(path) for path in made.paths] for made in written]
    run.facts["exports"] = [made.facts for made in written if made.facts]
    names = [selection.name for selection in chosen]
    exports: list[dict[str, Any]] = [
        {"selection": name, "output": str(made.paths[0].absolute())}
        | ({"format": writing.layout_out} if writing.layout_out else {})
        for name, made in zip(names, written, strict=True)
        if made.paths
    ]
    selections = dict(zip(names, (selection.selector for selection in chosen), strict=True))
    write_config(run, chosen[0].project, selections=selections, exports=exports)
