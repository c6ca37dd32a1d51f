"""``assay show``: rows to read, with their scores and their state."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.app import LOOK, verb
from assay.cli.console import terminal
from assay.cli.options.groups import Everywhere, Words
from assay.cli.options.models import DeviceOption, DTypeOption, ModelOption

if TYPE_CHECKING:
    from assay.methods.likelihood.ifd import IFD
    from assay.project import Project
    from assay.workspace.token_view import TokenView

_RANDOM_ROWS = 3


@dataclass(frozen=True)
class Looking:
    """Options that say how much is shown."""

    limit: Annotated[int, typer.Option(min=1, help="Rows to show of a selection or a score.")] = 10
    full: Annotated[bool, typer.Option("--full", help="Show long texts to their end.")] = False
    seed: Annotated[int, typer.Option(min=0, help="Seed of the rows shown at random.")] = 0


@verb(
    "show",
    panel=LOOK,
    examples=(
        "assay show alpaca_data.json",
        "assay show alpaca_data.json 0059a1b2c3d4e5f6",
        "assay show alpaca_data.json 0059a1b2c3d4e5f6 --model assay:lm",
        "assay show alpaca_data.json random-5pct --limit 5",
        "assay show alpaca_data.json compression_ifd",
    ),
)
def show(
    words: Words,
    everywhere: Everywhere,
    looking: Looking,
    model: ModelOption = None,
    dtype: DTypeOption = None,
    device: DeviceOption = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PARAMETER=VALUE", show_default=False,
                     rich_help_panel="Models",
                     help="Parameter of ifd, such as rendering.template=plain. Repeatable."),
    ] = None,
) -> None:  # fmt: skip
    """Show rows by id, the first of a selection, the ends of a score, or a few at random.

    The beginning of an id is enough, six characters or more. A row comes with its scores, its
    place among all rows by each, and why selections took it or left it.

    With --model a language model reads the answers of rows, given the prompt and alone, and every
    token is coloured by its probability: what IFD and Superfiltering compare. Without colours, or
    with --json, it is a table of log-probabilities.
    """
    from assay.cli.options.names import open_named
    from assay.errors import UsageError
    from assay.random_numbers import drawn_rows
    from assay.workspace.stored import find_result, row_ids

    if model is None and (dtype is not None or device is not None or settings):
        raise UsageError("--dtype, --device and --set go with --model", hint="--model assay:lm")
    project, names = open_named(words or [], everywhere, as_loaded=True)
    if not names:
        names = row_ids(
            project.pool.ids[drawn_rows(project.pool.ids, _RANDOM_ROWS, seed=looking.seed)]
        )
    ids = [row_id for name in names for row_id in _ids(project, name)]
    listed = [find_result(project, name) for name in names if not _ids(project, name)]
    if listed and model is not None:
        first = listed[0]
        raise UsageError(
            f"--model reads rows, and {first.name} is a {first.kind}", hint="name rows by their id"
        )
    if model is not None:
        _show_tokens(
            project, ids, _reader(project, model, dtype, device, settings or []), looking.full
        )
    elif ids:
        _show_rows(project, ids, full=looking.full)
    for result in listed:
        _show_list(project, result.name, result.kind, looking.limit)


def _ids(project: "Project", word: str) -> list[int]:
    """Return the row whose id begins with a word, if it looks like an id at all."""
    from assay.workspace.stored import rows_with_prefix

    return rows_with_prefix(project, word)


def _show_rows(project: "Project", ids: Sequence[int], *, full: bool) -> None:
    from assay.cli.printing.next_lines import show_row
    from assay.cli.printing.rows_report import describe_row, models_shown, row_parts
    from assay.components.references import EMBEDDED_MODEL

    page = terminal()
    models = models_shown(project)
    _warn_of_rows(project, ids, models)
    described = [describe_row(project, row_id, models) for row_id in ids]
    if page.settings.as_json:
        page.document(described)
        return
    for place, row in enumerate(described):
        page.result() if place else None
        for part in row_parts(row, full=full):
            page.result(part)
    page.next(show_row(project, ids[0], "--model", EMBEDDED_MODEL))


def _warn_of_rows(project: "Project", ids: Sequence[int], models: Sequence[str]) -> None:
    """Say how far the numbers of language models hold for the rows that are shown."""
    from assay.engine.model_fit import model_fit

    samples = [project.sample(row_id) for row_id in ids]
    for name in models:
        for note in model_fit(name, samples).notes():
            terminal().warn(note)


def _reader(
    project: "Project",
    model: str,
    dtype: str | None,
    device: str | None,
    settings: Sequence[str],
) -> "IFD":
    """Return the score whose model and rendering are shown, everything it names pinned."""
    from assay.cli.options.models import Models, check_models, with_models
    from assay.cli.options.parameters import describe_methods, parse_settings, set_inside
    from assay.cli.options.parsing import parse_device
    from assay.methods.likelihood.ifd import IFD

    if device is not None:
        project.runtime.device = parse_device(device)
    described, inside = describe_methods([IFD.name], parse_settings(settings, [IFD.name]))
    scorer = set_inside(project.scorer(described[0]), inside)
    [named] = with_models([scorer], Models(model=model, dtype=dtype))
    check_models(project, [named])
    resolved = project.engine.resolve(named)
    assert isinstance(resolved, IFD)  # noqa: S101  narrows what the registry returns
    return resolved


def _show_tokens(project: "Project", ids: Sequence[int], scorer: "IFD", full: bool) -> None:
    from assay.cli.printing.rows_report import describe_row, models_shown, row_parts
    from assay.cli.printing.tokens_report import (
        answers_parts,
        describe_tokens,
        has_colours,
        legend,
        view_facts,
    )
    from assay.engine.model_fit import known_models
    from assay.workspace.token_view import token_view

    page = terminal()
    models = list(dict.fromkeys([*known_models([scorer]), *models_shown(project)]))
    _warn_of_rows(project, ids, models)
    views: list[TokenView] = [
        token_view(project.sample(row_id).conversation, scorer, project.runtime) for row_id in ids
    ]
    rows: list[dict[str, Any]] = [describe_row(project, row_id, models) for row_id in ids]
    if page.settings.as_json:
        page.document(
            [row | {"tokens": describe_tokens(view)} for row, view in zip(rows, views, strict=True)]
        )
        return
    colours = has_colours(page.out)
    for row, view in zip(rows, views, strict=True):
        answers = answers_parts(view, full=full, colours=colours)
        for part in row_parts(row, full=full, answers=answers):
            page.result(part)
        page.result()
        page.result(view_facts(view))
        page.result()
    page.result(legend(colours=colours))


def _show_list(project: "Project", name: str, kind: str, limit: int) -> None:
    from assay.cli.printing.next_lines import show_row
    from assay.cli.printing.rows_report import listed_rows, listing
    from assay.engine.model_fit import model_fit, sampled
    from assay.workspace.stored import find_result, shown_models

    page = terminal()
    rows: list[dict[str, Any]] = listed_rows(project, name, kind, limit)
    models = shown_models([find_result(project, name)])
    fits = [model_fit(model, sampled(project.pool)) for model in models]
    for note in [note for fit in fits for note in fit.notes()]:
        page.warn(note)
    if page.settings.as_json:
        reported = {"name": name, "kind": kind, "rows": rows}
        page.document(reported | {"models": [fit.facts() for fit in fits]})
        return
    page.result(listing(name, kind, rows))
    if rows:
        page.next(show_row(project, int(rows[0]["id"], 16)))
