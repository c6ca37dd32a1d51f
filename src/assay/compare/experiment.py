"""What is compared and on what terms: arms, budgets, seeds, and the questions that decide."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, get_args

from assay.compare.records import Arm, ArmKind, BudgetAxis
from assay.components.base import Component
from assay.components.budget import Budget
from assay.components.component import Scorer, Selector
from assay.components.decoding import Decoding
from assay.components.descriptions import describe, method_text
from assay.components.registry import find
from assay.errors import ConfigError, did_you_mean
from assay.models.recipe import Recipe

LEAST_DRAWS = 5
_LONGEST: tuple[ArmKind, ...] = ("longest_response", "longest_instruction")
QUESTIONS = 1000


@dataclass(frozen=True)
class Experiment:
    """Arms x budgets x seeds x base models, all trained by one recipe.

    Attributes:
        bases: causal language models that are tuned: folders, or org/name. All is done with each.
        budgets: how much every arm may choose.
        methods: selectors by the names of their arms; their own budgets do not count.
        axis: what is equal between the arms of a budget: rows, the tokens that the training reads
            of these rows (see `TrainingTokens`), or rows and optimiser steps. On the axis of
            tokens a percentage is one of all tokens that a training on all rows would read.
        seeds: trainings of every arm at every budget.
        draws: random samples at every budget; each is trained on once, by the seeds in turn.
        recipe: how the base model is tuned.
        others: files of questions from other sources.
        primary: the file of `others` that claims are made on; by default the rows held out.
        answers: how every model answers the questions, which is kept; None if it does not.
        hold_out: share of rows kept for measuring where the project holds out none; by default
            some 500, at least 2 % and at most 20 % of all.
        questions: most rows of a set of questions; a random part of a larger one is measured.
        full: whether all rows are an arm.
        untuned: whether the base model itself is an arm.
        keep_models: whether tuned models stay in the cache; each is deleted once it is measured.
        title: headline of the report.

    Raises:
        ConfigError: if these terms cannot be kept.
    """

    bases: tuple[str, ...]
    budgets: tuple[Budget, ...]
    methods: Mapping[str, Selector] = field(default_factory=dict)
    axis: BudgetAxis = "samples"
    seeds: int = 3
    draws: int = LEAST_DRAWS
    recipe: Recipe = field(default_factory=Recipe)
    others: tuple[str, ...] = ()
    primary: str = ""
    answers: Decoding | None = None
    hold_out: float | None = None
    questions: int = QUESTIONS
    full: bool = True
    untuned: bool = True
    keep_models: bool = False
    title: str = ""

    def __post_init__(self) -> None:
        if not self.bases or not all(self.bases):
            raise ConfigError(
                "no model to tune is named",
                hint="name a causal language model: a folder, or org/name",
            )
        if len(set(self.bases)) < len(self.bases):
            raise ConfigError("a base model is named twice", hint="name each once")
        if not self.budgets:
            raise ConfigError("a comparison needs a budget", hint="such as 2% and 10%")
        if self.axis not in get_args(BudgetAxis):
            known = get_args(BudgetAxis)
            raise ConfigError(
                f"the budget axis {self.axis!r} is not known",
                hint=did_you_mean(self.axis, known) or f"one of {', '.join(known)}",
            )
        if self.primary and self.primary not in self.others:
            files = ", ".join(self.others) or "no file is named"
            raise ConfigError(
                f"claims are to be made on {self.primary!r}, which is not measured on",
                hint=did_you_mean(self.primary, self.others) or f"other sources: {files}",
            )
        for budget in self.budgets:
            _check_unit(budget, self.axis)
        if self.seeds < 1 or self.questions < 2:
            raise ConfigError("a comparison needs at least one seed and two questions")
        if self.draws < LEAST_DRAWS:
            raise ConfigError(
                f"{self.draws} random draws do not show how much chance varies",
                hint=f"at least {LEAST_DRAWS}",
            )
        if self.axis == "steps" and self.recipe.steps is not None:
            raise ConfigError("the axis of steps sets the recipe's steps: leave them out")

    @property
    def base(self) -> str:
        """The one base model.

        Raises:
            ValueError: if there are several.
        """
        (base,) = self.bases
        return base

    @property
    def place_of_primary(self) -> int:
        """Place of the set that claims are made on: rows held out come first, then the files."""
        return 1 + self.others.index(self.primary) if self.primary else 0

    def contenders(self) -> "list[Contender]":
        """Return the arms in the order of the report, each with what chooses its rows.

        A method that is one of the arms which are always there is that arm; another one of its
        name gets a number.
        """
        found: dict[str, Contender] = {}
        for arm, selector in self._all():
            if selector is not None and selector in [each.selector for each in found.values()]:
                continue
            name, number = arm.name, 2
            while name in found:
                name, number = f"{arm.name}-{number}", number + 1
            found[name] = Contender(replace(arm, name=name), selector)
        order: dict[ArmKind, int] = {"method": 0, "random": 1, "full": 3, "base": 4}
        return sorted(found.values(), key=lambda each: order.get(each.arm.kind, 2))

    def _all(self) -> "Iterator[Contender]":
        chance = _selector("random")
        yield Contender(Arm("random", "random", "a uniform random sample"), chance)
        for kind in _LONGEST:
            selector = _selector("top_score", by=find(kind, "scorer")())
            yield Contender(Arm(kind, kind, method_text(describe(selector))), selector)
        if self.full:
            yield Contender(Arm("full", "full", "all rows"), _selector("everything"))
        if self.untuned:
            yield Contender(Arm("base", "base", "the base model as it is"), None)
        for name, selector in self.methods.items():
            plain = selector.model_copy(update={"budget": None})
            if plain.model_copy(update={"seed": 0}) == chance:
                continue  # it is drawn as often as is asked for in any case
            yield Contender(Arm(name, "method", method_text(describe(plain))), plain)


class Contender(NamedTuple):
    """An arm and what chooses its rows, without a budget; None chooses none."""

    arm: Arm
    selector: Selector | None


def answering(most: int | None) -> Decoding | None:
    """Return how answers of so many tokens at most are written: greedily; None for none."""
    return None if most is None else Decoding(max_new_tokens=most)


def _check_unit(budget: Budget, axis: BudgetAxis) -> None:
    if budget.unit == "tokens" and axis != "tokens":
        raise ConfigError(
            f"the budget {budget} is in tokens, and the budget axis is {axis}",
            hint="compare on the axis of tokens, or give the budget in rows or per cent",
        )
    if budget.unit == "samples" and axis == "tokens":
        raise ConfigError(
            f"the budget {budget} is in rows, and the budget axis is tokens",
            hint="a budget such as 2M tokens, or 5% for a share of all tokens",
        )


def _selector(name: str, **parameters: Component) -> Selector:
    made = find(name, "selector")(**parameters)
    assert isinstance(made, Selector)  # noqa: S101  narrows what the registry returns
    return made


def selector_of(component: Component) -> Selector:
    """Return a selector as it is, and a score as the choice of the rows it prefers.

    Raises:
        ConfigError: if it is neither.
    """
    if isinstance(component, Scorer):
        return _selector("top_score", by=component)
    if not isinstance(component, Selector):
        raise ConfigError(f"{component.name} is a {component.kind}, not a selection")
    return component
