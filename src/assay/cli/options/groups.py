"""Options that verbs share: everywhere, reading, working."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from assay.cli.options.completion import complete_words
from assay.cli.options.models import DeviceOption

Words: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SOURCE|METHOD",
        help="Files, folders, org/name on the Hub or '-', and methods; `name=path` names a source.",
        autocompletion=complete_words,
        show_default=False,
    ),
]
"""Words of the one grammar; see `assay.cli.options.grammar`."""


ThreadsOption = Annotated[
    int | None,
    typer.Option("--threads", min=1, rich_help_panel="Working", show_default=False,
                 help="Processors to use at once, by processes and by threads of models; by "
                 "default those that may be used, see `assay doctor`."),
]  # fmt: skip


@dataclass(frozen=True)
class Everywhere:
    """Options that every verb takes."""

    project: Annotated[
        Path | None,
        typer.Option(
            "-p", "--project", help="Project folder; <data>.assay beside the data by default.",
            rich_help_panel="Everywhere", show_default=False,
        ),
    ] = None  # fmt: skip
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="One JSON document on stdout.", rich_help_panel="Everywhere"
        ),
    ] = False  # fmt: skip
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Only errors.", rich_help_panel="Everywhere")
    ] = False
    verbose: Annotated[
        bool,
        typer.Option("-v", "--verbose", help="Say more; show tracebacks.",
                     rich_help_panel="Everywhere"),
    ] = False  # fmt: skip
    yes: Annotated[
        bool, typer.Option("-y", "--yes", help="Ask nothing.", rich_help_panel="Everywhere")
    ] = False
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Never touch the network.", rich_help_panel="Everywhere"),
    ] = False


@dataclass(frozen=True)
class Loading:
    """Options that say how sources are read."""

    hold_out: Annotated[
        str | None,
        typer.Option(metavar="SHARE", show_default=False,
                     help="Share of rows that selections are made without, such as 1%.",
                     rich_help_panel="Loading",),
    ] = None  # fmt: skip
    max_set_aside: Annotated[
        str | None,
        typer.Option(metavar="SHARE", show_default=False,
                     help="Share of rows that may be unusable; 2% by default.",
                     rich_help_panel="Loading",),
    ] = None  # fmt: skip
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=TEMPLATE",
                     help="Make fields of others: 'instruction=Classify: {text}'. Repeatable.",
                     rich_help_panel="Loading", show_default=False),
    ] = None  # fmt: skip
    layout: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False,
                     help="Layout of the data, instead of finding it.",
                     rich_help_panel="Loading",),
    ] = None  # fmt: skip
    split: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False,
                     help="Split to read, such as train.",
                     rich_help_panel="Loading",),
    ] = None  # fmt: skip
    config: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False,
                     help="Configuration (sub-dataset) on the Hub.",
                     rich_help_panel="Loading",),
    ] = None  # fmt: skip
    revision: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False,
                     help="Branch, tag or commit on the Hub.",
                     rich_help_panel="Loading",),
    ] = None  # fmt: skip


@dataclass(frozen=True)
class Working:
    """Options that say how work is done, never what."""

    dry_run: Annotated[
        bool,
        typer.Option("-n", "--dry-run", help="Say what would be done and how long it would take.",
                     rich_help_panel="Working"),
    ] = False  # fmt: skip
    for_rows: Annotated[
        str | None,
        typer.Option("--for-rows", metavar="N", show_default=False, rich_help_panel="Working",
                     help="With -n: what it would cost for so many rows like these, such as 10M, "
                     "with nothing at hand."),
    ] = None  # fmt: skip
    threads: ThreadsOption = None
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes; as many as --threads by default.",
                     rich_help_panel="Working", show_default=False),
    ] = None  # fmt: skip
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Do the I-th of N parts of the row-wise work, from 1.",
                     rich_help_panel="Working", show_default=False),
    ] = None  # fmt: skip
    max_unscored: Annotated[
        str | None,
        typer.Option(metavar="SHARE", show_default=False,
                     help="Share of rows that may fail; 2% by default.",
                     rich_help_panel="Working",),
    ] = None  # fmt: skip
    device: DeviceOption = None
    max_cost: Annotated[
        str | None,
        typer.Option(metavar="AMOUNT", show_default=False, rich_help_panel="Working",
                     help="Most that judges may cost, such as 5: no request is sent that could "
                     "pass it."),
    ] = None  # fmt: skip
    confirm_above: Annotated[
        str | None,
        typer.Option(metavar="AMOUNT", show_default=False, rich_help_panel="Working",
                     help="Ask before judges may cost more than that; 1 by default. Without a "
                     "terminal --max-cost or -y has to say so."),
    ] = None  # fmt: skip
    price: Annotated[
        str | None,
        typer.Option(metavar="in=X,out=Y", show_default=False, rich_help_panel="Working",
                     help="What the judge costs per million tokens, or a .toml file of prices; "
                     "servers on this machine cost nothing."),
    ] = None  # fmt: skip
