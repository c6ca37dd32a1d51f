"""From the sections of a configuration to its scores and selections."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from assay.components.base import Component
from assay.components.budget import Budget
from assay.components.building import find_for
from assay.components.component import Scorer, Selector
from assay.components.default_selection import default_selection
from assay.components.defaults import with_defaults
from assay.components.descriptions import ComponentType
from assay.components.table import Kind
from assay.components.wishes import WISHES, as_selector, divided, narrowed, read_wishes
from assay.config.components import Builder, with_fixed_seeds
from assay.config.document import Document, LocatedError
from assay.config.document import Path as Place
from assay.config.sections import Description, Sections
from assay.errors import AssayError, ConfigError, did_you_mean
from assay.methods.combinations.quota import Quota

Wish = dict[str, Any]
_ANY_BUDGET = "1%"
"""Of a description whose budget is taken out again."""


def build_all(
    document: Document, sections: Sections, folder: Path
) -> tuple[dict[str, Scorer], dict[str, tuple[Selector, ...]]]:
    """Return the scores and the selections of a configuration, by name.

    A selection that a comparison alone uses gets its budgets from there. Without one of its own it
    is not among them: it is an arm, and nothing is chosen by it besides.

    Args:
        document: for file and line in errors.
        sections: the file, checked.
        folder: from which its paths are read.

    Raises:
        LocatedError: with file, line and remedy, for the first thing that is wrong.
    """
    names = _Names(document, sections, folder)
    scores = {name: names.score(name) for name in sections.scores}
    built = {name: names.selection(name) for name in sections.selections}
    compared = _only_compared(sections)
    selections = {}
    for name, group in built.items():
        description = sections.selections[name]
        named = isinstance(description, str) or "method" in description
        if not any(map(_lacks_budget, group)):
            selections[name] = group
        elif name in compared:
            continue
        elif not named or isinstance(group[0], Quota):
            lacks = f"{group[0].name} needs a budget" if named else "it needs a method or a budget"
            raise document.error(("selections", name), f"selections.{name}: {lacks}", "budget: 5%")
        else:  # whoever computes it says what it lacks
            selections[name] = group
    return scores, selections


def _lacks_budget(selector: Selector) -> bool:
    if isinstance(selector, Quota) and not selector.budgets:
        return selector.budget is None
    return selector.budget is None and not selector.is_bounded()


def _only_compared(sections: Sections) -> set[str]:
    """Return the names of selections that are arms of a comparison and are written nowhere."""
    if sections.compare is None:
        return set()
    arms = sections.compare.methods
    named = {*sections.selections} if arms is None else {
        word.removeprefix("=") for word in arms.values() if isinstance(word, str)
    }  # fmt: skip
    return named - {export.selection for export in sections.exports}


def build_arms(
    document: Document, sections: Sections, folder: Path, methods: Mapping[str, Description]
) -> dict[str, Selector]:
    """Return what the arms of a comparison choose by; a name of a selection stands for it.

    Args:
        document: for file and line in errors.
        sections: the file, checked.
        folder: from which its paths are read.
        methods: descriptions by the names of the arms.

    Raises:
        LocatedError: with file, line and remedy, for the first thing that is wrong.
    """
    known = sections.selections
    arms: dict[str, Description] = {}
    for name, description in methods.items():
        named = isinstance(description, str) and description in known
        if not (name in known and description in (name, f"={name}")):
            arms[name] = f"={description}" if named else description
    places: dict[str, Place] = {name: ("compare", "methods", name) for name in arms}
    both = sections.model_copy(update={"selections": {**known, **arms}})
    names = _Names(document, both, folder, places)
    return {name: names.selection(name)[0] for name in methods}


class _Names:
    """Builds what the file names when it is first asked for, so that order does not matter."""

    def __init__(
        self,
        document: Document,
        sections: Sections,
        folder: Path,
        places: Mapping[str, Place] | None = None,
    ) -> None:
        self._places = places or {}
        self._document = document
        self._sections = sections
        self._builder = Builder(document, folder, self._reference)
        self._scores: dict[str, Scorer] = {}
        self._selections: dict[str, tuple[Selector, ...]] = {}
        self._open: list[str] = []

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[None]:
        """Notice a name that is asked for while it is being built."""
        if name in self._open:
            chain = " -> ".join([*self._open, name])
            raise ConfigError(f"names lead back to themselves: {chain}")
        self._open.append(name)
        try:
            yield
        finally:
            self._open.pop()

    def score(self, name: str) -> Scorer:
        if name not in self._scores:
            with self._opened(name):
                place = _score_place(self._document, name)
                built = self._builder.build(self._sections.scores[name], "scorer", place)
                assert isinstance(built, Scorer)  # noqa: S101  narrows what the builder returns
                self._scores[name] = with_fixed_seeds(self._with_defaults(built))
        return self._scores[name]

    def selection(self, name: str) -> tuple[Selector, ...]:
        if name not in self._selections:
            with self._opened(name):
                self._selections[name] = self._select(name)
        return self._selections[name]

    def _reference(self, name: str, kind: Kind) -> Component:
        if kind == "selector" and name in self._sections.selections:
            found = self.selection(name)
            if len(found) > 1:
                raise ConfigError(f"={name} is {len(found)} selections, one per seed")
            return found[0]
        if name in self._sections.scores:
            return self.score(name)
        known = [*self._sections.scores, *self._sections.selections]
        hint = did_you_mean(name, known)
        raise ConfigError(
            f"nothing in this file is called {name!r}",
            hint=hint or f"write {name} without = for a method, or name it under scores",
        )

    def _with_defaults(self, component: ComponentType, seed: int | None = None) -> ComponentType:
        defaults = self._sections.defaults
        return with_defaults(
            component,
            encoder=self._builder.path(defaults.encoder),
            tokenizer=self._builder.path(defaults.tokenizer),
            language_model=self._builder.path(defaults.language_model),
            judge=self._builder.path(defaults.judge),
            dtype=defaults.dtype or "",
            seed=defaults.seed if seed is None else seed,
        )

    def _select(self, name: str) -> tuple[Selector, ...]:
        place = self._places.get(name, ("selections", name))
        description = self._sections.selections[name]
        if isinstance(description, str):
            description = {"method": description}
        parameters, wishes = self._split(description, place)
        with self._located(place):
            selector = as_selector(self._method(parameters, place))
            seeds = self._seeds(wishes, place)
            made = [
                self._narrow(self._with_defaults(selector, seed), wishes, place) for seed in seeds
            ]
            # A comparison draws anew for every training, unless the file says with which seed.
            return tuple(made if self._places else map(with_fixed_seeds, made))

    @contextlib.contextmanager
    def _located(self, place: Place) -> Iterator[None]:
        try:
            yield
        except LocatedError:
            raise
        except AssayError as error:
            raise self._document.error(place, *error.words) from error

    def _split(self, description: Mapping[str, Any], place: Place) -> tuple[Wish, Wish]:
        """Divide keys into parameters of the method and wishes beside it."""
        method = description.get("method")
        own: Sequence[str] = ()
        if isinstance(method, str) and not method.startswith("="):
            with self._located((*place, "method")):
                own = list(find_for(method, "selector").model_fields)
        wishes = {key: description[key] for key in WISHES if key in description and key not in own}
        rest = {key: value for key, value in description.items() if key not in wishes}
        return rest, wishes

    def _method(self, parameters: Wish, place: Place) -> Component:
        budget = self._sections.defaults.budget
        if "method" in parameters:
            if isinstance(parameters["method"], str) and parameters["method"].startswith("="):
                return self._copied(parameters, place)
            if parameters["method"] == Quota.name and not {"budget", "budgets"} & {*parameters}:
                wanted = parameters | {"budget": budget or _ANY_BUDGET}
                built = as_selector(self._builder.build(wanted, "selector", place))
                return built if budget else built.model_copy(update={"budget": None})
            built = as_selector(self._builder.build(parameters, "selector", place))
            if built.budget is None and built.needs_budget and budget is not None:
                built = built.model_copy(update={"budget": Budget.model_validate(budget)})
            return built
        wanted = {"budget": budget} | parameters
        recipe = default_selection(Budget.model_validate(wanted["budget"] or _ANY_BUDGET)).selector
        own = {name: getattr(recipe, name) for name in recipe.model_fields_set} | wanted
        return self._builder.build({"method": recipe.name, **own}, "selector", place)

    def _copied(self, parameters: Wish, place: Place) -> Component:
        """Return a named score or selection, with other values for some parameters."""
        changed = {key: value for key, value in parameters.items() if key != "method"}
        found = as_selector(self._builder.build(parameters["method"], "selector", place))
        if not changed:
            return found
        own = {name: getattr(found, name) for name in found.model_fields_set}
        return self._builder.build({"method": found.name, **own, **changed}, "selector", place)

    def _narrow(self, selector: Selector, wishes: Wish, place: Place) -> Selector:
        asked = {name: wish for name, wish in wishes.items() if name != "seeds"}
        for name, wish in asked.items():
            with self._located((*place, name)):
                read_wishes(**{name: wish})
        read = read_wishes(**asked)
        read = replace(read, against=[self._builder.path(file) for file in read.against])
        lacking = selector.budget is None and selector.needs_budget and not read.share
        if lacking and read.per is not None:  # which its quota has to have
            selector = selector.model_copy(update={"budget": Budget.model_validate(_ANY_BUDGET)})
        selector = divided(selector, read)
        if lacking:
            selector = selector.model_copy(update={"budget": None})
        within = narrowed(selector.within, read)
        if within is not None:
            within = self._with_defaults(within)
        return selector.model_copy(update={"within": within})

    def _seeds(self, wishes: Wish, place: Place) -> Sequence[int | None]:
        seeds = wishes.get("seeds")
        if seeds is None:
            return [None]
        if isinstance(seeds, list) and seeds and all(type(seed) is int for seed in seeds):
            return list(dict.fromkeys(seeds))
        if type(seeds) is int and seeds > 0:
            return range(seeds)
        raise self._document.error(
            (*place, "seeds"), f"seeds = {seeds!r}", "write how many (5), or which ([0, 7])"
        )


def _score_place(document: Document, name: str) -> Place:
    scores = document.content["scores"]
    if isinstance(scores, Mapping):
        return ("scores", name)
    for index, item in enumerate(scores):
        if item == name or (isinstance(item, Mapping) and item.get("method") == name):
            return ("scores", index)
    return ("scores",)
