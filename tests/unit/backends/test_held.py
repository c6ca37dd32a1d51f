"""One model that takes room at a time, really gone when the next is opened."""

import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.backends import encoders, models
from assay.backends.held import HeldModels
from assay.components.references import EMBEDDED_ENCODER, EMBEDDED_MODEL, name_of
from assay.engine import row_shards
from assay.engine.engine import Engine
from assay.errors import FeatureError, ModelLoadError
from assay.features.causal_pass import CausalPass
from assay.features.hidden_states import HiddenStates
from assay.features.log_probs import ResponseLogProbs
from assay.features.made_models import model_name
from assay.models.recipe import Recipe
from assay.pool.pool import Pool
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.testing import pool as pool_of
from assay.workspace.trainings import losses, tuned_model
from tests.causal_rows import PlainLoop, exchange, ordinary_rows, set_budget
from tests.model_server import serving

_ROWS = [exchange(row) for row in ordinary_rows(12)]


class _Model:
    def __init__(self, closed: list[str] | None = None, name: str = "") -> None:
        self.itself = self  # as layers refer to each other: only a collection frees it
        self._closed, self._name = closed, name

    def close(self) -> None:
        if self._closed is not None:
            self._closed.append(self._name)


class Watch:
    """Opens models, and counts those that are alive when one more is."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.others: list[int] = []
        self._alive: weakref.WeakSet[Any] = weakref.WeakSet()

    def around(
        self, load: Callable[..., Any], part: Callable[[Any], Any] = lambda model: model
    ) -> Callable[..., Any]:
        def opening(pinned: str, *args: Any, **settings: Any) -> Any:
            self.others.append(len(self._alive))
            self.opened.append(Path(pinned.partition("@")[0]).name)
            model = load(pinned, *args, **settings)
            self._alive.add(part(model))
            return model

        return opening


def _module(model: Any) -> Any:
    """Return what holds the weights, not what is around it."""
    return model.module


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    found = Watch()
    loading = found.around(models.load_language_model, _module)
    monkeypatch.setattr(models, "load_language_model", loading)
    return found


def _runtime(folder: Path, **settings: Any) -> Runtime:
    return Runtime(cache=folder, workers=1, device="cpu", offline=True, **settings)


def _engine(pool: Pool, folder: Path, model: Path) -> Engine:
    runtime = _runtime(folder)
    set_budget(runtime, model, 1000)
    return Engine(pool, runtime)


def test_a_model_is_gone_before_the_next_is_opened() -> None:
    held = HeldModels()
    first = weakref.ref(held.get("first", _Model))
    seen: list[Any] = []

    def load() -> _Model:
        seen.append(first())
        return _Model()

    second = held.get("second", load)

    assert seen == [None]
    assert held.get("second", _Model) is second
    assert held.get("first", _Model) is not None


def test_small_models_stay_beside_the_others() -> None:
    held = HeldModels()
    small = held.get("small", _Model, small=True)
    held.get("first", _Model)
    held.get("second", _Model)

    assert held.get("small", _Model, small=True) is small


def test_a_model_that_is_let_go_is_closed_once() -> None:
    held = HeldModels()
    closed: list[str] = []
    for name in ("first", "second", "first"):
        held.get(name, lambda name=name: _Model(closed, name))  # type: ignore[misc]
    held.let_go()
    held.let_go()

    assert closed == ["first", "second", "first"]


def test_nothing_is_held_of_a_model_that_cannot_be_opened() -> None:
    held = HeldModels()
    first = weakref.ref(held.get("first", _Model))

    def load() -> _Model:
        raise ModelLoadError("it is broken")

    with pytest.raises(ModelLoadError):
        held.get("second", load)
    assert first() is None
    assert isinstance(held.get("second", _Model), _Model)


def test_two_models_used_in_turn_are_never_open_together(
    llama_folder: Path, gpt2_folder: Path, tmp_path: Path, watch: Watch
) -> None:
    halves = pool_of(_ROWS[:6]), pool_of(_ROWS[6:])
    asked = [(folder, half) for half in halves for folder in (llama_folder, gpt2_folder)]
    apart = [
        _engine(half, tmp_path / str(number), folder).value(ResponseLogProbs(model=str(folder)))
        for number, (folder, half) in enumerate(asked)
    ]
    together = _runtime(tmp_path / "together")
    watch.opened.clear()

    in_turn = []
    for folder, half in asked:
        set_budget(together, folder, 1000)
        in_turn.append(Engine(half, together).value(ResponseLogProbs(model=str(folder))))

    assert watch.opened == [folder.name for folder, _ in asked]
    assert watch.others == [0] * len(watch.others)
    for alone, beside in zip(apart, in_turn, strict=True):
        assert beside.sum.tobytes() == alone.sum.tobytes()
        assert beside.reason.tolist() == alone.reason.tolist()


def test_engines_of_one_runtime_share_a_model_and_so_do_runtimes_that_are_told_to(
    llama_folder: Path, tmp_path: Path, watch: Watch
) -> None:
    runtime = _runtime(tmp_path)
    pinned = runtime.pin("language_model", str(llama_folder))

    one = runtime.language_model(pinned, "float32")

    assert replace(runtime, workers=2).language_model(pinned, "float32") is one
    assert _runtime(tmp_path, models=runtime.models).language_model(pinned, "float32") is one
    assert len(watch.opened) == 1


def test_an_embedded_model_and_an_embedded_encoder_stay_beside_another(
    llama_folder: Path, tmp_path: Path
) -> None:
    runtime = _runtime(tmp_path)
    small = runtime.language_model(runtime.pin("language_model", EMBEDDED_MODEL), "float32")
    encoder = runtime.encoder(runtime.pin("encoder", EMBEDDED_ENCODER))
    large = runtime.pin("language_model", str(llama_folder))

    found = weakref.ref(runtime.language_model(large, "float32").module)  # type: ignore[attr-defined]

    assert runtime.language_model(runtime.pin("language_model", EMBEDDED_MODEL), "float32") is small
    assert runtime.encoder(runtime.pin("encoder", EMBEDDED_ENCODER)) is encoder
    assert found() is not None
    runtime.let_go()
    assert found() is None


def test_an_encoder_that_takes_room_makes_room_for_a_language_model(
    llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch()
    monkeypatch.setattr(encoders, "load_encoder", watch.around(lambda *_, **__: _Model()))
    monkeypatch.setattr(models, "load_language_model", watch.around(lambda *_, **__: _Model()))
    runtime = _runtime(tmp_path)

    for _ in range(2):
        runtime.encoder("org/encoder@0123456789ab")
        runtime.language_model("org/model@0123456789ab", "float32")

    assert watch.opened == ["encoder", "model"] * 2
    assert watch.others == [0] * 4


def test_how_long_vectors_are_is_asked_once_though_the_model_is_gone(
    llama_folder: Path, gpt2_folder: Path, tmp_path: Path, watch: Watch
) -> None:
    runtime = _runtime(tmp_path)
    features = [HiddenStates(model=str(folder)) for folder in (llama_folder, gpt2_folder)]

    widths = [feature.width(runtime) for feature in features * 3]

    assert widths == [64, 64] * 3
    assert watch.opened == [llama_folder.name, gpt2_folder.name]


def test_a_training_is_alone_with_its_model(
    llama_folder: Path, tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    trl_trainer = pytest.importorskip("assay.backends.trl_trainer")
    monkeypatch.setattr(trl_trainer, "load_language_model", models.load_language_model)
    runtime = _runtime(tmp_path)
    set_budget(runtime, llama_folder, 1000)
    engine = Engine(pool_of(_ROWS), runtime)
    runtime.language_model(runtime.pin("language_model", str(llama_folder)), "float32")
    recipe = Recipe(epochs=1, batch_size=4, device_batch=4, max_length=256, learning_rate=1e-2)
    feature = tuned_model(None, base=str(llama_folder), recipe=recipe)

    losses(engine, feature, engine.value(feature))

    # Before, to be trained, untrained, and trained, with the base below the adapter.
    assert len(watch.opened) == 5
    assert watch.others == [0] * len(watch.others)


def _clients() -> int:
    return sum(thread.name == "http" for thread in threading.enumerate())


def test_connections_to_a_server_are_closed_when_another_model_is_opened(
    llama_folder: Path, gpt2_folder: Path, tmp_path: Path
) -> None:
    with serving(PlainLoop.open(llama_folder)) as server:
        runtime = _runtime(tmp_path)
        address = runtime.pin("language_model", server.address)
        other = runtime.pin("language_model", str(gpt2_folder))
        before = _clients()

        expected = runtime.language_model(address, "float32").encode(["some words"])
        assert _clients() == before + 1
        runtime.language_model(other, "float32")
        assert _clients() == before

        assert runtime.language_model(address, "float32").encode(["some words"]) == expected
        runtime.let_go()
        assert _clients() == before


# In a worker process

_SEEN = Watch()


def _watch_here() -> None:
    models.load_language_model = _SEEN.around(models.load_language_model, _module)


def _seen_here() -> tuple[list[str], list[int]]:
    return _SEEN.opened, _SEEN.others


@pytest.mark.slow
def test_a_worker_process_has_one_model_at_a_time_too(
    llama_folder: Path, gpt2_folder: Path, tmp_path: Path
) -> None:
    rows = pool_of(_ROWS)
    view = PoolView(rows)
    hashes, first, _ = view.unique
    runtime = _runtime(tmp_path)
    everything = (np.ones(len(hashes), np.bool_),)
    features = []
    with row_shards._process_pool(runtime, "cpu", 1) as worker:
        worker.submit(_watch_here).result()
        for folder in (llama_folder, gpt2_folder, llama_folder):
            set_budget(runtime, folder, 1000)
            feature = Engine(rows, runtime).resolve(ResponseLogProbs(model=str(folder)))
            job = row_shards.Job(
                rows.path, feature.reading(), (feature,), first, hashes, everything
            )
            worker.submit(row_shards._work_elsewhere, job).result()
            features.append(feature)
        opened, others = worker.submit(_seen_here).result()

    assert opened == [llama_folder.name, gpt2_folder.name, llama_folder.name]
    assert others == [0, 0, 0]
    for feature in features[:2]:
        alone = _engine(rows, tmp_path / feature.row_key, Path(name_of(model_name(feature.model))))
        expected, found = alone.value(feature), Engine(rows, runtime).value(feature)
        assert found.reason.tolist() == expected.reason.tolist()
        assert found.difference(expected) <= 1e-5  # a process may have other threads


def test_processes_find_the_devices_free(
    llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = _runtime(tmp_path)
    monkeypatch.setattr(Runtime, "devices", lambda self: ("cpu", "cpu"))
    monkeypatch.setattr(CausalPass, "rows_per_shard", 2)
    held = weakref.ref(
        runtime.language_model(runtime.pin("language_model", str(llama_folder)), "float32")
    )
    found: list[Any] = []

    def looked(*_: Any) -> Any:
        found.append(held())
        raise FeatureError("seen enough")

    monkeypatch.setattr(row_shards, "_processes", looked)
    with pytest.raises(FeatureError, match="seen enough"):
        Engine(pool_of(_ROWS), runtime).value(ResponseLogProbs(model=str(llama_folder)))

    assert found == [None]
