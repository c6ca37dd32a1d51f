"""The options of a selection, and the selectors they describe."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.options.grammar import parse_assignments
from assay.cli.options.models import Models, with_models
from assay.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from assay.cli.options.grammar import Words
    from assay.components.budget import Budget
    from assay.components.component import Selector
    from assay.components.wishes import Wishes
    from assay.project import Project

ATTRIBUTES = ("source", "split", "task", "language")
DUPLICATES = ("exact", "near", "semantic")
_PANEL = "What to choose"
_LISTED = 10


@dataclass(frozen=True)
class Choosing:
    """Options that say what is selected."""

    budget: Annotated[
        str | None,
        typer.Option(metavar="AMOUNT", show_default=False,
                     help="How much: 5%, 5000 or '2M tokens'.",
                     rich_help_panel=_PANEL,),
    ] = None  # fmt: skip
    of: Annotated[
        str,
        typer.Option(metavar="pool|eligible", rich_help_panel=_PANEL,
                     help="What a percentage is of: rows not held out, or those filters leave."),
    ] = "pool"  # fmt: skip
    dedup: Annotated[
        str | None,
        typer.Option(metavar="exact|near|semantic", rich_help_panel=_PANEL, show_default=False,
                     help="Keep one row of every group of duplicates.",
                     autocompletion=lambda incomplete: list(DUPLICATES)),
    ] = None  # fmt: skip
    against: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", rich_help_panel=_PANEL, show_default=False,
                     help="Leave out rows that repeat questions of an evaluation file. "
                     "Repeatable."),
    ] = None  # fmt: skip
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="CONDITION", rich_help_panel=_PANEL, show_default=False,
                     help="Only rows of which it holds: language=en, source!=web, meta.score>=0.8, "
                     "response.words>=20, response.refusals=0, prompt~'(?i)python'. Repeatable."),
    ] = None  # fmt: skip
    per: Annotated[
        str | None,
        typer.Option(metavar="source|split|task|language", rich_help_panel=_PANEL,
                     help="Divide the budget between the groups, in proportion to their size.",
                     show_default=False, autocompletion=lambda incomplete: list(ATTRIBUTES)),
    ] = None  # fmt: skip
    share: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=AMOUNT", rich_help_panel=_PANEL, show_default=False,
                     help="With --per: a group's weight, or without --budget its own budget. "
                     "Groups not named get nothing. Repeatable."),
    ] = None  # fmt: skip
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="[METHOD.]PARAMETER=VALUE", rich_help_panel=_PANEL,
                     help="Set a parameter of a method. Repeatable.", show_default=False),
    ] = None  # fmt: skip
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Seed of every random choice.", rich_help_panel=_PANEL,
                     show_default=False),
    ] = None  # fmt: skip
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Make so many selections, with seeds 0, 1, ...",
                     rich_help_panel=_PANEL, show_default=False),
    ] = None  # fmt: skip
    tokenizer: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False,
                     help="Tokenizer that counts a budget in tokens.",
                     rich_help_panel=_PANEL,),
    ] = None  # fmt: skip
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False, rich_help_panel=_PANEL,
                     help="Name of the selection; a result of that name takes another. By default "
                     "the method, with what differs from its defaults."),
    ] = None  # fmt: skip


@dataclass(frozen=True)
class Request:
    """A selection to make, and a short label that tells it from the others of the same line.

    `name` is what a person calls it; None derives a name.
    """

    selector: "Selector"
    label: str
    name: str | None = None


def requests(
    project: "Project", words: "Words", choosing: Choosing, models: Models | None = None
) -> list[Request]:
    """Return the selections that a command line asks for, which read the models that it names.

    Raises:
        AssayError: if a method, a parameter or an option is wrong.
    """
    from assay.components.defaults import with_defaults

    if choosing.seeds is not None and choosing.seed is not None:
        raise UsageError("--seed and --seeds exclude each other")
    budget = parse_budget(choosing)
    made = []
    for label, base in _bases(project, words, choosing, budget):
        divided = _divided(base, choosing, budget)
        inner = within(project, choosing)
        seeds = [choosing.seed] if choosing.seeds is None else list(range(choosing.seeds))
        for seed in seeds:
            # Filters have no chance in them: they are the same component for every seed.
            seeded = with_defaults(divided, seed=seed)
            full = seeded if inner is None else _put_within(seeded, inner)
            suffix = "" if choosing.seeds is None else f"seed{seed}"
            joined = "-".join(part for part in (label, suffix) if part)
            made.append(Request(full, joined, _given(choosing.name, words, suffix)))
    selectors = with_models([request.selector for request in made], models or Models())
    return [replace(old, selector=new) for old, new in zip(made, selectors, strict=True)]


def _given(name: str | None, words: "Words", suffix: str) -> str | None:
    from assay.components.result_names import check_given

    if name is None:
        return None
    if len(words.methods) > 1:
        raise UsageError(f"--name {name} is for one method, and {len(words.methods)} are named")
    return "-".join(part for part in (check_given(name), suffix) if part)


def _bases(
    project: "Project", words: "Words", choosing: Choosing, budget: "Budget | None"
) -> "Iterator[tuple[str, Selector]]":
    """Yield a label and the selector of each method, before quotas and filters."""
    from assay.cli.options.parameters import describe_methods, parse_settings, set_inside
    from assay.components.default_selection import default_selection

    methods: Sequence[str] = words.methods
    inner_budget = None if choosing.per else budget
    if not methods:
        if budget is None and not choosing.share:
            raise UsageError("a selection needs a budget", hint="add --budget 5%")
        recipe = default_selection(budget or "1%").selector
        settings = parse_settings(choosing.settings or [], [recipe.name])
        own = [replace(setting, method=setting.method or recipe.name) for setting in settings]
        base = set_inside(recipe, own)
        yield "", base.model_copy(update={"budget": inner_budget})
        return
    settings = parse_settings(choosing.settings or [], methods, selecting=True)
    described, inside = describe_methods(methods, settings, selecting=True)
    for name, description in zip(methods, described, strict=True):
        selector = project.selector(_with_budget(description, inner_budget))
        yield (name if len(methods) > 1 else ""), set_inside(selector, inside)


def _with_budget(description: "Mapping[str, Any]", budget: "Budget | None") -> dict[str, Any]:
    return dict(description) | ({} if budget is None else {"budget": budget})


def parse_budget(choosing: Choosing) -> "Budget | None":
    """Return the budget with its base and its tokenizer.

    Raises:
        BudgetError: if it cannot be read.
        UsageError: if an option does not fit it.
    """
    from assay.components.budget import Budget

    if choosing.of not in ("pool", "eligible"):
        raise UsageError(f"--of {choosing.of!r}", hint="pool or eligible")
    if choosing.budget is None:
        if choosing.tokenizer and not choosing.share:
            raise UsageError("--tokenizer counts a budget in tokens", hint="--budget '2M tokens'")
        return None
    budget = Budget.model_validate(choosing.budget)
    if choosing.tokenizer and budget.unit != "tokens":
        raise UsageError(
            f"--tokenizer counts a budget in tokens, and this one is {budget}",
            hint="--budget '2M tokens'",
        )
    return _qualified(budget, choosing)


def _qualified(budget: "Budget", choosing: Choosing) -> "Budget":
    """Return a budget with the base and the tokenizer that were named, where they apply."""
    tokenizer = choosing.tokenizer if budget.unit == "tokens" else None
    changed = {"of": choosing.of, "tokenizer": tokenizer or ""}
    return budget.model_copy(update={name: value for name, value in changed.items() if value})


def _wishes(choosing: Choosing) -> "Wishes":
    from assay.components.wishes import Wishes

    if choosing.share and choosing.per is None:
        raise UsageError("--share needs --per", hint="add --per source, task or language")
    return Wishes(
        where=choosing.where or (),
        dedup=choosing.dedup,
        against=choosing.against or (),
        per=choosing.per,
        share=dict(parse_assignments(choosing.share or [], "--share")),
    )


def _divided(base: "Selector", choosing: Choosing, budget: "Budget | None") -> "Selector":
    """Return the selector of every group's rows, where the budget is divided."""
    from assay.components.budget import Budget
    from assay.components.wishes import divided

    wishes = _wishes(choosing)
    if wishes.per is None:
        return base
    if budget is None:
        if not wishes.share:
            raise UsageError("a quota needs a budget", hint="--budget 5%, or --share NAME=500")
        own = {name: Budget.model_validate(text) for name, text in wishes.share.items()}
        if choosing.tokenizer and all(part.unit != "tokens" for part in own.values()):
            raise UsageError(
                "--tokenizer counts a budget in tokens, and no --share is one",
                hint="--share NAME='2M tokens'",
            )
        share = {name: _qualified(part, choosing) for name, part in own.items()}
        wishes = replace(wishes, share=share)
    return divided(base.model_copy(update={"budget": budget}), wishes)


def within(project: "Project", choosing: Choosing) -> "Selector | None":
    """Return the filters that rows must pass before anything is chosen, innermost first.

    Raises:
        UsageError: if no row can pass, for a word or a field is misspelt.
    """
    from assay.components.wishes import narrowed

    inner = narrowed(None, _wishes(choosing))
    step = inner
    while step is not None:
        _check_names(project, step)
        step = step.within
    return inner


def _check_names(project: "Project", step: "Selector") -> None:
    """Check that some row has what a filter asks for, before any work."""
    from assay.features.record_field import check_field
    from assay.methods.filters.attributes import Where
    from assay.methods.filters.conditions import WhereField
    from assay.pool.view import PoolView

    if isinstance(step, WhereField):
        check_field(PoolView(project.pool), step.field)
    if not isinstance(step, Where) or step.attribute == "language":  # which may yet be detected
        return
    known = project.pool.column(step.attribute).unique().sort().to_list()
    for word in step.values:
        if word not in known:
            shown = ", ".join(repr(name) for name in known[:_LISTED])
            raise UsageError(
                f"--where: no row has the {step.attribute} {word!r}",
                hint=did_you_mean(word, known) or f"there are {shown}",
            )


def _put_within(selector: "Selector", inner: "Selector") -> "Selector":
    """Return a selector that chooses among what `inner` chose, and what it chose among before."""
    if selector.within is not None:
        inner = _put_within(selector.within, inner)
    return selector.model_copy(update={"within": inner})
