"""``assay judge``: what a judge can do, what it would cost, and what its scores are worth."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.app import LOOK, verb
from assay.cli.console import terminal
from assay.cli.options.completion import complete_judge_words
from assay.cli.options.groups import Everywhere, Loading, Working
from assay.cli.options.models import JudgeOption

if TYPE_CHECKING:
    from assay.components.component import Scorer
    from assay.project import Project

ACTIONS = ("probe", "report", "batch", "export", "import")


@dataclass(frozen=True)
class Judging:
    """Options that say what is asked, and what is told of it."""

    sample: Annotated[
        int, typer.Option(min=1, help="Rows that a pilot asks about, drawn at random.")
    ] = 50
    judge: JudgeOption = None
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="[METHOD.]PARAMETER=VALUE", show_default=False,
                     help="Set a parameter of the method. Repeatable."),
    ] = None  # fmt: skip
    seed: Annotated[int, typer.Option(min=0, help="Seed of a pilot's rows.")] = 0
    full: Annotated[
        bool, typer.Option("--full", help="Show what a judge was shown to its end.")
    ] = False
    again: Annotated[
        bool, typer.Option("--again", help="Probe a judge anew that was probed before.")
    ] = False
    against: Annotated[
        str | None,
        typer.Option(metavar="SCORE", show_default=False,
                     help="With report: another score of the same rows, such as people's labels."),
    ] = None  # fmt: skip
    budget: Annotated[
        str | None,
        typer.Option(metavar="AMOUNT", show_default=False,
                     help="With report: where ties are counted, 5% or 5000; 5 % of the rows with a "
                     "number by default."),
    ] = None  # fmt: skip
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="PAGE.html", show_default=False,
                     help="With report: write one self-contained HTML page."),
    ] = None  # fmt: skip
    price_share: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, show_default=False,
                     help="With batch: what it costs of --price, such as 0.5; 1 by default."),
    ] = 1.0  # fmt: skip
    wait: Annotated[
        bool, typer.Option("--wait", help="With batch: until nothing is under way.")
    ] = False
    leave_out: Annotated[
        bool,
        typer.Option("--leave-out", help="With export: without replies that hold what looks like "
                     "a key to a service."),
    ] = False  # fmt: skip


@verb(
    "judge",
    panel=LOOK,
    examples=(
        "assay judge probe http://localhost:8000/v1#qwen",
        "assay judge alpaca_data.json alpagasus --sample 50 --judge http://localhost:8000/v1#qwen",
        "assay judge report alpaca_data.json alpagasus --against labels -o judge.html",
        "assay judge batch alpaca_data.json alpagasus --judge https://api.example.com/v1#m --wait",
        "assay judge export replies.jsonl -p alpaca_data.assay",
        "assay judge import replies.jsonl",
    ),
)
def judge(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORD",
            help="Data and a method for a pilot; or what to do, and with what.",
            autocompletion=complete_judge_words,
            show_default=False,
        ),
    ],
    judging: Judging,
    reading: Loading,
    everywhere: Everywhere,
    working: Working,
) -> None:
    """Try a judge before it costs much, and see what its scores are worth.

    `assay judge DATA METHOD` is a pilot: it asks about a few random rows, shows what was shown,
    what came back and what was read of it, and tells from these what all rows would cost. What is
    asked here is not asked again later.

    `probe ADDRESS` asks a judge what has a known answer, and says what it can do, and how it is
    therefore asked. `report SCORE` says of a score that a judge gave, or that was imported: ties
    at the cut, how much of it is length, how far it agrees with another one, what it has cost.

    `batch DATA METHOD` hands requests in by the service's batches, which cost less and take up to
    a day, and takes down what is over; called again it goes on, and then `assay score` asks nobody.

    `export FILE` writes replies and what is known of their judges to a file, those of the project
    that -p names or else all; `import FILE` takes them in, and with --offline they are replayed
    without a network. ./probe is a file of that name.
    """
    from assay.errors import UsageError

    given = list(words or [])
    if not given:
        raise UsageError(
            "nothing is named", hint="assay judge DATA METHOD --judge ADDRESS, or probe ADDRESS"
        )
    action = given[0] if given[0] in ACTIONS else ""
    _check_options(action, judging)
    if action == "probe":
        _probe(given[1:], judging, everywhere, working)
    elif action == "report":
        _report(given[1:], judging, everywhere)
    elif action == "batch":
        _batch(given[1:], judging, reading, everywhere, working)
    elif action:
        from assay.cli.handed_replies import export_replies, import_replies

        if len(given) != 2:
            raise UsageError(f"{action} takes one file", hint=f"assay judge {action} replies.jsonl")
        if action == "export":
            export_replies(Path(given[1]), everywhere, working, leave_out=judging.leave_out)
        else:
            import_replies(Path(given[1]), everywhere, working)
    else:
        _pilot(given, judging, reading, everywhere, working)


def _check_options(action: str, judging: Judging) -> None:
    """Refuse options that another action reads.

    Raises:
        UsageError: if there is one.
    """
    from assay.errors import UsageError

    of: dict[str, tuple[tuple[str, ...], bool]] = {
        "--again": (("probe",), judging.again),
        "--against": (("report",), judging.against is not None),
        "--budget": (("report",), judging.budget is not None),
        "-o": (("report",), judging.output is not None),
        "--price-share": (("batch",), judging.price_share != 1.0),
        "--wait": (("batch",), judging.wait),
        "--leave-out": (("export",), judging.leave_out),
        "--judge": (("", "batch"), judging.judge is not None),
        "--set": (("", "batch"), bool(judging.settings)),
    }
    for option, (own, is_given) in of.items():
        if is_given and action not in own:
            goes = f"`assay judge {own[0]}`" if own[0] else "a pilot: assay judge DATA METHOD"
            raise UsageError(f"{option} goes with {goes}")


# What a judge can do


def _probe(
    words: Sequence[str], judging: Judging, everywhere: Everywhere, working: Working
) -> None:
    from assay.cli.options.opening import runtime_of
    from assay.cli.printing.probe_report import describe_probe, probe_parts
    from assay.errors import UsageError
    from assay.judging.opening import probed
    from assay.judging.probing import MOST_REQUESTS

    if len(words) != 1:
        raise UsageError("one judge is probed at a time", hint="assay judge probe ADDRESS")
    page = terminal()
    if working.dry_run:
        page.note(f"a probe sends {MOST_REQUESTS} short requests at most; nothing was sent")
        return
    found = probed(words[0], runtime_of(everywhere, working), again=judging.again)
    described = describe_probe(found)
    if page.settings.as_json:
        page.document(described)
        return
    for part in probe_parts(described):
        page.result(part)
    if found.changed:
        page.warn(
            f"it answers otherwise than before ({', '.join(found.changed)}): where it is asked "
            "otherwise now, replies of before do not count"
        )


# A pilot, and batches


def _opened(
    words: Sequence[str],
    judging: Judging,
    reading: Loading,
    everywhere: Everywhere,
    working: Working,
) -> "tuple[Project, Scorer]":
    """Return the project that some words name, and the one method to be asked for."""
    from assay.cli.options.grammar import parse_words
    from assay.cli.options.models import check_work
    from assay.cli.options.opening import open_words
    from assay.errors import UsageError

    parsed = parse_words(words, everywhere.project)
    if len(parsed.methods) != 1:
        named = ", ".join(parsed.methods) or "none is named"
        raise UsageError(
            f"one method is tried at a time: {named}",
            hint="`assay methods judged` lists what asks",
        )
    project, _files = open_words(parsed, everywhere, reading, working, settings=judging.settings)
    scorer = _scorer(project, parsed.methods, judging)
    check_work(project, [scorer])
    return project, scorer


def _batch(
    words: Sequence[str],
    judging: Judging,
    reading: Loading,
    everywhere: Everywhere,
    working: Working,
) -> None:
    from assay.cli.printing.batch_report import batch_parts, describe_batches, next_after
    from assay.cli.printing.planning_report import print_plan
    from assay.cli.recording import recorded
    from assay.cli.shell import command_line
    from assay.engine.judged_batches import judge_in_batches

    project, scorer = _opened(words, judging, reading, everywhere, working)
    if working.dry_run:
        print_plan(project, [scorer])
        return
    with recorded(project, "judge", sys.argv[2:], [scorer]):
        found = judge_in_batches(
            project.engine, [scorer], price_share=judging.price_share, wait=judging.wait
        )
    page = terminal()
    if page.settings.as_json:
        page.document(describe_batches(found))
        return
    for part in batch_parts(found):
        page.result(part)
    if not found:
        page.note("all of it is at hand; nothing was handed in")
    again = command_line(sys.argv[1:])
    page.next(next_after(found, again, _whole(words, judging, everywhere, working)))


def _pilot(
    words: Sequence[str],
    judging: Judging,
    reading: Loading,
    everywhere: Everywhere,
    working: Working,
) -> None:
    from assay.agreement.pilot import pilot
    from assay.agreement.sample_reading import SampleReading, sampled_rows
    from assay.cli.printing.pilot_report import describe_pilot, pilot_parts
    from assay.cli.printing.planning_report import print_steps
    from assay.cli.recording import recorded

    project, scorer = _opened(words, judging, reading, everywhere, working)
    if working.dry_run:
        rows = sampled_rows(project, judging.sample, seed=judging.seed)
        print_steps([SampleReading(project, rows).priced(scorer)])
        return
    with recorded(project, "judge", sys.argv[2:], [scorer]):
        found = pilot(project, scorer, sample=judging.sample, seed=judging.seed)
    page = terminal()
    if page.settings.as_json:
        page.document(describe_pilot(found))
        return
    for part in pilot_parts(found, full=judging.full):
        page.result(part)
    page.next(_whole(words, judging, everywhere, working))


def _scorer(project: "Project", methods: Sequence[str], judging: Judging) -> "Scorer":
    from assay.cli.options.models import Models, with_models
    from assay.cli.options.parameters import describe_methods, parse_settings, set_inside

    described, inside = describe_methods(methods, parse_settings(judging.settings or [], methods))
    found = set_inside(project.scorer(described[0]), inside)
    [scorer] = with_models([found], Models(judge=judging.judge))
    return scorer


def _whole(words: Sequence[str], judging: Judging, everywhere: Everywhere, working: Working) -> str:
    """Return the line that asks about all rows."""
    from assay.cli.shell import command_line

    told = ["score", *words]
    for option, values in (
        ("--judge", [judging.judge]),
        ("--set", judging.settings or []),
        ("-p", [everywhere.project]),
        ("--price", [working.price]),
        ("--max-cost", [working.max_cost]),
    ):
        told += [part for value in values if value is not None for part in (option, str(value))]
    return command_line(told)


# What a score is worth


def _report(words: Sequence[str], judging: Judging, everywhere: Everywhere) -> None:
    from assay.agreement.judge_report import judge_report
    from assay.cli.naming import shown_path
    from assay.cli.options.names import open_named
    from assay.cli.options.replacing import check_replaceable
    from assay.cli.printing.judge_report import describe_report, report_parts
    from assay.components.budget import Budget
    from assay.errors import UsageError
    from assay.files import write_text
    from assay.stores.written import remember

    if judging.output is not None:
        check_replaceable(judging.output, yes=everywhere.yes)
    project, names = open_named(words, everywhere, as_loaded=True)
    if len(names) != 1:
        named = ", ".join(names) or "none is named"
        raise UsageError(f"a report is on one score: {named}", hint="assay judge report DATA SCORE")
    budget = None if judging.budget is None else Budget.model_validate(judging.budget)
    found = judge_report(project, names[0], against=judging.against or "", budget=budget)
    page = terminal()
    if page.settings.as_json:
        page.document(describe_report(found))
    else:
        for part in report_parts(found):
            page.result(part)
    if judging.output is not None:
        from assay.reports.judge.page import judge_page

        write_text(judging.output, judge_page(found))
        remember(project.runtime.cache, [judging.output])
        page.note(f"wrote {shown_path(judging.output)}", style="dim")
