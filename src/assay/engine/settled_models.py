"""Models that are made on the way, as components read them: by the digest of their weights."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from assay.components.base import Component
from assay.components.walk import walk
from assay.engine.resolution import Resolution
from assay.features.made_models import MadeModel, models_read, with_names

ComponentType = TypeVar("ComponentType", bound=Component)


class SettledModels:
    """Models that are made on the way over one pool, all that is wanted of a run at once.

    Args:
        names: what names stand for.
        value_of: returns the value of a resolved component, made where need be.
        is_stored: returns whether the value of a resolved component is at hand.
    """

    def __init__(
        self,
        names: Resolution,
        value_of: Callable[[Component], Any],
        is_stored: Callable[[Component], bool],
    ) -> None:
        self._resolve = names.resolve
        self._value_of = value_of
        self._is_stored = is_stored
        self._settled: dict[str, Component] = {}
        self._runs: dict[str, MadeModel] = {}

    def settled(self, component: ComponentType) -> ComponentType:
        """Return a component that names every model it reads by its weights; made where need be.

        What is read under it is kept under its key, and so under the digest of what it read.
        """
        if component.key not in self._settled:
            self._settled[component.key] = self._resolve(with_names(component, self._made))
        found = self._settled[component.key]
        assert isinstance(found, type(component))  # noqa: S101  narrows what with_names keeps
        return found

    def _made(self, model: MadeModel) -> str:
        return model.named(self._value_of(self._resolve(model)))

    def is_settled(self, component: Component) -> bool:
        """Return whether every model that a component reads is named, or at hand."""
        if component.key in self._settled:
            return True
        return all(self._is_stored(self._resolve(model)) for model in models_read(component))

    def share_runs(self, wanted: Iterable[Component]) -> set[str]:
        """Let what is wanted of one run be made by it at once.

        Returns:
            Keys of the models whose run is to keep more now than it has kept.
        """
        runs: dict[str, list[MadeModel]] = {}
        for part in walk(wanted, resolve=self._resolve):
            if isinstance(part, MadeModel):
                runs.setdefault(part.run_key, []).append(part)
        outdated: set[str] = set()
        for key, (first, *others) in runs.items():
            before = self._runs.get(key)
            joined = first.together([*others, *([] if before is None else [before])])
            self._runs[key] = joined
            if before is not None and before.key != joined.key:
                outdated |= {part.key for part in (first, *others)}
        return outdated

    def run_of(self, model: MadeModel) -> MadeModel:
        """Return what makes a model, and the others that are wanted of the same run."""
        return self._runs.get(model.run_key, model)
