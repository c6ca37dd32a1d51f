"""What choosing costs: the time and the arithmetic of every part, as if nothing were at hand."""

import dataclasses
import hashlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assay.components.base import Component
from assay.components.component import Selector
from assay.components.defaults import kinds_named
from assay.components.references import MODEL_KINDS, name_of, pinned_fields
from assay.components.walk import walk
from assay.engine.asked import is_asked
from assay.engine.engine import Engine
from assay.engine.planning import plan
from assay.engine.row_work import RowWork
from assay.errors import DamagedError
from assay.features.causal_pass import CausalFeature
from assay.features.made_models import first_model, with_names
from assay.features.passes import PoolFeature, RowFeature
from assay.files.checksums import read_json, warn, write_json
from assay.values import LogProbs

_UNPRICED_OPERATIONS = 0.0
_EMBEDDED = "assay:"


@dataclass(frozen=True)
class Cost:
    """Wall time in seconds and floating-point operations; NaN where one is not known.

    The time of what a service was asked for before is that of an earlier run, or not known: it is
    not asked again.
    """

    seconds: float
    flops: float

    def __add__(self, other: "Cost") -> "Cost":
        """Return both together."""
        return Cost(self.seconds + other.seconds, self.flops + other.flops)


class Ledger:
    """Computes selections part by part, and keeps what each part cost when it was first made.

    A part that lies in the cache already is priced from a sample of the rows, so that an arm costs
    what it would cost alone, whatever was computed before. Entries are kept on disk: a comparison
    that is resumed tells the same costs.

    Args:
        engine: computes.
        folder: where entries are kept.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        self._known: dict[str, Cost] = {}

    def choose(self, selector: Selector, shared: Sequence[Component] = ()) -> Cost:
        """Compute a selection and all it requires, and return what that costs.

        Args:
            selector: resolved.
            shared: other selectors of the comparison; passes that these need, too, run once.
        """
        engine = self._engine
        parts = list(walk([selector], resolve=engine.resolve))
        passes = _passes([selector, *shared], engine)
        total = Cost(0.0, 0.0)
        counted: set[str] = set()
        for part in parts:
            place = _pass_of(part)
            own = [part] if place is None else [p for p in parts if _pass_of(p) == place]
            key = _entry_key(part if place is None else place, engine)
            if key not in counted:
                counted.add(key)
                total += self._entry(key, own, own if place is None else passes[place])
        return total

    def _entry(self, key: str, own: Sequence[Component], group: Sequence[Component]) -> Cost:
        if key not in self._known:
            path = self._folder / f"{key}.json"
            stored = _read(path)
            self._known[key] = self._made(own, group) if stored is None else stored
            if stored is None:
                self._write(path, self._known[key], group)
        return self._known[key]

    def _write(self, path: Path, cost: Cost, group: Sequence[Component]) -> None:
        entry: dict[str, Any] = asdict(cost) | {"parts": [part.label() for part in group]}
        unknown = {name: None for name, own in asdict(cost).items() if not np.isfinite(own)}
        write_json(path, entry | unknown)

    def _made(self, own: Sequence[Component], group: Sequence[Component]) -> Cost:
        engine, first = self._engine, own[0]
        priced = 0.0
        if isinstance(first, RowFeature | PoolFeature) and _at_hand(engine, first):
            asked = isinstance(first, RowFeature) and is_asked([first])
            priced = _known_seconds(engine, group) if asked else cold_seconds(engine, first)
        started = time.perf_counter()
        try:
            values = engine.compute(group)
        except Exception:  # a plugin may raise anything
            if len(group) == len(own):
                raise
            # The pass also fills what other selections need, and that must not fail this one. If
            # its own parts are what failed, they fail again here, and the error is theirs.
            group, values = own, engine.compute(own)
        seconds = time.perf_counter() - started
        return Cost(float(np.maximum(seconds, priced)), _arithmetic(engine, group, values))


def _read(path: Path) -> Cost | None:
    if not path.is_file():
        return None
    try:
        stored = read_json(path)
    except DamagedError as error:
        warn(error)
        return None
    seconds, flops = (
        float("nan") if stored[name] is None else stored[name] for name in ("seconds", "flops")
    )
    return Cost(seconds, flops)


def _passes(components: Sequence[Component], engine: Engine) -> dict[str, list[Component]]:
    """Return the features that are read in one pass over the rows, by the pass."""
    found: dict[str, list[Component]] = {}
    for component in walk(components, resolve=engine.resolve):
        place = _pass_of(component)
        if place is not None:
            found.setdefault(place, []).append(component)
    return found


def _pass_of(component: Component) -> str | None:
    """Return what names the pass that fills a feature of the rows; None for anything else."""
    if not isinstance(component, RowFeature) or component.chosen_by is not None:
        return None
    if component.dataset.is_chosen:
        return None
    # Under the key of a model that is made on the way: its weights are not known yet.
    reading = with_names(component, lambda made: made.key).reading()
    return f"{component.dataset.key}/{reading!r}"


def _entry_key(part: Component | str, engine: Engine) -> str:
    what = part if isinstance(part, str) else part.key
    return hashlib.blake2b(f"{what}/{engine.pool.context}".encode(), digest_size=8).hexdigest()


def _at_hand(engine: Engine, part: Component) -> bool:
    """Return whether a part, or some of its rows, lies in the cache already."""
    if isinstance(part, RowFeature) and _pass_of(part) is not None:
        return engine.missing_rows(part) < len(engine.view(part.dataset).unique[0])
    return isinstance(part, PoolFeature) and engine.is_stored(part)


def _known_seconds(engine: Engine, group: Sequence[Component]) -> float:
    """Return how long a pass took in an earlier run here; NaN if nothing tells."""
    features = [engine.settled(part) for part in group if isinstance(part, RowFeature)]
    view = engine.view(features[0].dataset)
    found = RowWork(engine.runtime).seconds(view, features, len(view.unique[0]))
    return float("nan") if found is None else found


def cold_seconds(engine: Engine, part: RowFeature | PoolFeature) -> float:
    """Return about how long a part takes by itself where nothing is at hand.

    Args:
        engine: over the pool.
        part: that asks no service: it is tried on some rows.
    """
    if isinstance(part, RowFeature):
        part = engine.settled(part)
        with part.reading().open(engine.runtime):
            pass  # its model is held from here on, with what is measured of it kept in the cache
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        empty = dataclasses.replace(engine.runtime, cache=Path(folder))
        steps = plan(Engine(engine.pool, empty, open_file=engine.open_file), [part]).steps
    return max((step.seconds or 0.0 for step in steps if step.name == part.name), default=0.0)


def _arithmetic(engine: Engine, group: Sequence[Component], values: Sequence[Any]) -> float:
    """Return the floating-point operations of a part; NaN if nothing tells them."""
    first = group[0]
    if isinstance(first, CausalFeature):
        return _forward(engine, first, values)
    if isinstance(first, RowFeature):
        models = _models(first)
        known = all(name_of(model).startswith(_EMBEDDED) for model in models)
        return _UNPRICED_OPERATIONS if known else float("nan")
    if isinstance(first, PoolFeature):
        return first.operations(len(engine.view_shown(first.dataset)), engine.runtime)
    if isinstance(first, Selector):
        return first.operations(len(engine.shown), len(values[0].selection.indices), engine.runtime)
    return _UNPRICED_OPERATIONS


def _models(feature: RowFeature) -> Iterator[str]:
    pinned = pinned_fields(type(feature))
    outside = kinds_named(feature) & set(MODEL_KINDS)
    yield from (
        first_model(getattr(feature, name)) for name, kind in pinned.items() if kind in outside
    )


def _forward(engine: Engine, feature: CausalFeature, values: Sequence[Any]) -> float:
    """Return 2 operations per parameter and token of all different rows."""
    read = next((value for value in values if isinstance(value, LogProbs)), None)
    if read is None:
        return float("nan")
    _, first, _ = engine.view(feature.dataset).unique
    tokens = float(np.nansum(read.total_tokens[first]))
    return 2.0 * _parameters(engine, first_model(feature.model)) * tokens


def _parameters(engine: Engine, model: str) -> float:
    """Return the number of a model's parameters; NaN where its weights are not here."""
    return float(engine.runtime.parameter_count(model)) or float("nan")
