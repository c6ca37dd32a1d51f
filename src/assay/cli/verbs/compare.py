"""``assay compare``: tune a model on what each method chooses, and see which one taught most."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.app import CHOOSE, verb
from assay.cli.options.groups import Everywhere, Loading, Words, Working
from assay.cli.options.models import Models
from assay.cli.options.opening import open_words
from assay.cli.options.recipe_options import HOW, RecipeOptions, recipe_of

if TYPE_CHECKING:
    from assay.cli.options.grammar import Words as Parsed
    from assay.compare.experiment import Experiment
    from assay.compare.study import Study
    from assay.components.component import Selector
    from assay.project import Project

FAILED = 3
_WHAT, _WRITE = "What to compare", "What to write"


@dataclass(frozen=True)
class Terms:
    """Options that say what is compared."""

    base: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", show_default=False, rich_help_panel=_WHAT,
                     help="Causal language model that is tuned: a folder, or org/name. Repeatable: "
                     "all is done with each."),
    ] = None  # fmt: skip
    budget: Annotated[
        list[str] | None,
        typer.Option(metavar="AMOUNT", show_default=False, rich_help_panel=_WHAT,
                     help="How much every arm chooses: 5%, 5000 or '2M tokens'; several by commas. "
                     "Repeatable."),
    ] = None  # fmt: skip
    axis: Annotated[
        str,
        typer.Option(metavar="samples|tokens|steps", rich_help_panel=_WHAT,
                     help="What is equal between arms of a budget: rows, tokens as the recipe "
                     "trains them (template, --max-length), or rows and optimiser steps.",
                     autocompletion=lambda incomplete: ["samples", "tokens", "steps"]),
    ] = "samples"  # fmt: skip
    seeds: Annotated[
        int,
        typer.Option(min=1, help="Trainings of every arm at every budget.", rich_help_panel=_WHAT),
    ] = 3  # fmt: skip
    draws: Annotated[
        int,
        typer.Option(help="Random samples at every budget; at least 5.", rich_help_panel=_WHAT),
    ] = 5  # fmt: skip
    others: Annotated[
        list[str] | None,
        typer.Option("--on", metavar="FILE", show_default=False, rich_help_panel=_WHAT,
                     help="Questions of another source to measure on, too. Repeatable."),
    ] = None  # fmt: skip
    primary: Annotated[
        str | None,
        typer.Option(metavar="FILE", show_default=False, rich_help_panel=_WHAT,
                     help="The one of these that claims are made on; by default the rows held out "
                     "of the data."),
    ] = None  # fmt: skip
    answers: Annotated[
        int | None,
        typer.Option(min=1, metavar="TOKENS", show_default=False, rich_help_panel=_WHAT,
                     help="Let every model write an answer of at most so many tokens to every "
                     "question, and keep it with the records."),
    ] = None  # fmt: skip
    questions: Annotated[
        int,
        typer.Option(min=2, rich_help_panel=_WHAT,
                     help="Most rows of a set to measure on; a random part of a larger one."),
    ] = 1000  # fmt: skip
    no_full_data: Annotated[
        bool, typer.Option("--no-full-data", help="Leave out the arm that trains on all rows.",
                           rich_help_panel=_WHAT),
    ] = False  # fmt: skip
    no_base: Annotated[
        bool, typer.Option("--no-base", help="Leave out the arm of the base model as it is.",
                           rich_help_panel=_WHAT),
    ] = False  # fmt: skip
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="[METHOD.]PARAMETER=VALUE", rich_help_panel=_WHAT,
                     help="Set a parameter of a method. Repeatable.", show_default=False),
    ] = None  # fmt: skip
    title: Annotated[
        str,
        typer.Option(metavar="TEXT", help="Headline of the report.", rich_help_panel=_WRITE,
                     show_default=False),
    ] = ""  # fmt: skip
    keep_models: Annotated[
        bool,
        typer.Option("--keep-models", rich_help_panel=HOW,
                     help="Keep the tuned models in the cache; each goes once it is measured."),
    ] = False  # fmt: skip


@dataclass(frozen=True)
class Made:
    """Options that say what is written."""

    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="The report, one HTML file.",
                     rich_help_panel=_WRITE, show_default=False),
    ] = None  # fmt: skip
    best: Annotated[
        str | None,
        typer.Option(metavar="FILE", rich_help_panel=_WRITE, show_default=False,
                     help="Write the winner's rows; random ones where nothing beats chance."),
    ] = None  # fmt: skip


@verb(
    "compare",
    panel=CHOOSE,
    examples=(
        "assay compare data.json ifd --model gpt2 --base gpt2 --budget 2%,10% -o report.html",
        "assay compare data.json --base org/name --budget 5% --on dolly.jsonl --best best.json",
        "assay compare data.json k_center --base gpt2 --budget '200k tokens' --axis tokens",
        "assay compare data.json deita_filter --base gpt2 --budget 1% -n",
    ),
)
def compare(
    words: Words,
    terms: Terms,
    recipes: RecipeOptions,
    models: Models,
    made: Made,
    reading: Loading,
    everywhere: Everywhere,
    working: Working,
) -> None:
    """Tune a base model on what each method chooses, and say which choice taught most.

    Random rows, the longest responses, the longest instructions, all rows and the base model
    itself are arms in any case. Models are asked rows held out of the data, and other sources.
    Without a method, what `assay select` would choose is compared.

    An interrupted comparison goes on; a trial that was done is not done again.
    """
    from assay.cli.options.grammar import parse_words
    from assay.cli.options.models import check_models
    from assay.cli.options.spending import check_spending
    from assay.cli.printing.compare_report import print_plan
    from assay.compare.study import Study
    from assay.errors import UsageError

    if working.shard is not None:
        raise UsageError("a comparison needs all rows at once", hint="leave out --shard")
    parsed = parse_words(words or [], everywhere.project)
    # What a comparison holds out is its own: the project's other results stay as they are.
    read = replace(reading, hold_out=None)
    project, _ = open_words(parsed, everywhere, read, working, settings=terms.settings)
    selectors = _selectors(project, parsed, terms, models)
    experiment = _experiment(selectors, terms, recipes, models, reading)
    check_models(project, list(selectors.values()))
    study = Study(project, experiment)
    print_plan(study, dry_run=working.dry_run)
    if not working.dry_run:
        check_spending(project, list(selectors.values()), working, everywhere)
        _compare(study, made, yes=everywhere.yes)


def _selectors(
    project: "Project", parsed: "Parsed", terms: Terms, models: Models
) -> "dict[str, Selector]":
    """Return what every method chooses by, by the names of the arms."""
    from assay.cli.options.choosing import Choosing, requests
    from assay.components.default_selection import default_selection
    from assay.components.defaults import kinds_named

    plain = requests(project, parsed, Choosing(budget="1%", settings=terms.settings))
    reads = {kind for request in plain for kind in kinds_named(request.selector)}
    # The number format is the recipe's, too, so methods need not read a language model.
    dtype = models.dtype if "language_model" in reads else None
    wanted = requests(
        project,
        parsed,
        Choosing(budget="1%", settings=terms.settings),
        replace(models, dtype=dtype),
    )
    names = parsed.methods or (default_selection("1%").name,)
    return {name: request.selector for name, request in zip(names, wanted, strict=True)}


def _experiment(
    selectors: "dict[str, Selector]",
    terms: Terms,
    recipes: RecipeOptions,
    models: Models,
    reading: Loading,
) -> "Experiment":
    from assay.cli.options.parsing import parse_share
    from assay.compare.experiment import Experiment, answering
    from assay.components.budget import Budget

    texts = [part for text in terms.budget or [] for part in text.split(",") if part.strip()]
    hold_out = reading.hold_out
    return Experiment(
        bases=tuple(terms.base or ()),
        budgets=tuple(dict.fromkeys(Budget.model_validate(text) for text in texts)),
        methods=selectors,
        axis=terms.axis,  # type: ignore[arg-type]  # checked there
        seeds=terms.seeds,
        draws=terms.draws,
        recipe=recipe_of(recipes, dtype=models.dtype),
        others=tuple(terms.others or ()),
        primary=terms.primary or "",
        answers=answering(terms.answers),
        hold_out=None if hold_out is None else parse_share(hold_out, "--hold-out"),
        questions=terms.questions,
        full=not terms.no_full_data,
        untuned=not terms.no_base,
        keep_models=terms.keep_models,
        title=terms.title,
    )


def _compare(study: "Study", made: Made, *, yes: bool) -> None:
    from assay.cli.options.replacing import check_comparison
    from assay.cli.printing.compare_report import print_outcome, tell
    from assay.cli.recording import recorded, write_config
    from assay.cli.shell import command_line
    from assay.config.comparison import comparison_section
    from assay.reports.comparison.outcome import carry_out

    report, best = (None if path is None else Path(path) for path in (made.output, made.best))
    check_comparison(study.project, report, best, yes=yes)
    selectors = [each.selector for each in study.first.plan.contenders if each.selector is not None]
    with recorded(study.project, "compare", sys.argv[2:], selectors) as run:
        with run.stage("compare"):
            outcome = carry_out(
                study,
                rebuild=command_line(sys.argv[1:]),
                report=report,
                best=best,
                tell=tell,
            )
        run.facts["comparison"] = outcome.brief()
        section = comparison_section(study.experiment, run.folder, report=report, best=best)
        write_config(run, study.project, compare=section)
    print_outcome(study.project, outcome, study.experiment.recipe)
    if outcome.failed:
        raise typer.Exit(FAILED)
