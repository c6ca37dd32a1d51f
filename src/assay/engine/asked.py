"""What services would be asked by some work: told without sending anything."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from assay.components.references import asks_a_service
from assay.engine.row_work import RowWork
from assay.features.passes import RowFeature
from assay.models.service import Price
from assay.pool.view import PoolView
from assay.runtime import Runtime

DEPENDS = "depends on the server"
"""What is said of what only asking would tell."""


class Ahead(NamedTuple):
    """A pass that is still to be made of a service.

    Attributes:
        price: what is asked; None where it is not known.
        seconds: that it takes, from an earlier run on this machine; None if there was none.
    """

    price: Price | None
    seconds: float | None

    @property
    def note(self) -> str:
        """Say what is not known."""
        return DEPENDS if self.price is None else ""


@dataclass
class _Pass:
    """Features that share a pass over the rows in view."""

    view: PoolView
    features: list[RowFeature] = field(default_factory=list)
    anew: int | None = None


def is_asked(features: Sequence[RowFeature]) -> bool:
    """Return whether what fills some features asks a service."""
    return any(map(asks_a_service, features))


def ahead(
    runtime: Runtime, view: PoolView, features: Sequence[RowFeature], *, anew: int | None = None
) -> Ahead:
    """Return what a service would be asked for the rows that lack a value.

    Args:
        runtime: how to work.
        view: the rows.
        features: that share a pass.
        anew: price so many rows like those in view, with nothing at hand; None for those there are.

    Raises:
        AssayError: whatever would stop the work before anything is sent.
    """
    work = RowWork(runtime)
    rows = max(work.missing(view, each) for each in features) if anew is None else anew
    return Ahead(work.price(view, features, anew=anew), work.seconds(view, features, rows))


class AskedPasses:
    """The passes of a plan that ask a service: one is priced when all that share it are known.

    Args:
        runtime: how to work.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._passes: dict[str, _Pass] = {}

    def add(self, place: str, view: PoolView, feature: RowFeature, *, anew: int | None) -> None:
        """Tell of a feature.

        Args:
            place: names its pass.
            view: its rows, or those that they are to be chosen from or made from.
            feature: settled.
            anew: rows to be priced like those in view; None for those there are.
        """
        found = self._passes.setdefault(place, _Pass(view))
        found.features.append(feature)
        found.anew = anew

    def ahead(self, place: str) -> Ahead:
        """Return what a pass asks; raises as `ahead`."""
        found = self._passes[place]
        return ahead(self._runtime, found.view, found.features, anew=found.anew)


def together(parts: Sequence[Ahead]) -> Ahead:
    """Return several passes as one; what is not known of one is not known of all."""
    prices = [each.price for each in parts if each.price is not None]
    seconds = [math.nan if each.seconds is None else each.seconds for each in parts]
    whole = sum(seconds)
    return Ahead(
        sum(prices, Price()) if len(prices) == len(parts) else None,
        None if math.isnan(whole) else whole,
    )
