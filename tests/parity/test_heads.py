"""Heads against the same mathematics done otherwise: by hand, by scikit-learn, by NumPy."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.features.head_fitting import Fitting, labelled
from assay.models.head import Head, Lesson, Shape
from assay.pool.pool import hash_array
from assay.random_numbers import row_uniform
from assay.runtime import Runtime
from assay.samples import FloatArray, IndexArray

linear_model = pytest.importorskip("sklearn.linear_model")
metrics = pytest.importorskip("sklearn.metrics")
neural_network = pytest.importorskip("sklearn.neural_network")

_RIDGE = [10.0**power for power in np.arange(-3.0, 6.5, 0.5)]
_LOGISTIC = [10.0**power for power in range(-3, 4)]


def _head(kind: Any) -> Head:
    return Runtime(workers=1).head(kind)


def _lesson(
    inputs: FloatArray, targets: FloatArray, *, classes: int = 0, widths: tuple[int, ...] = ()
) -> Lesson:
    rows = np.arange(len(inputs))
    return Lesson(
        inputs,
        widths or (inputs.shape[1],),
        targets,
        classes,
        parts=rows * 7 % 5,
        aside=rows % 6 == 0,
        seed=3,
    )


def _numbers(rows: int, width: int) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(rows + width)
    inputs = rng.normal(size=(rows, width)) + 1.0
    return inputs, inputs @ rng.normal(size=width) + rng.normal(size=rows) * 2.0 + 5.0


# Ridge


def _by_normal_equations(
    inputs: FloatArray, targets: FloatArray, strength: float
) -> tuple[FloatArray, float]:
    """Return weights and intercept: a column of ones is not penalised."""
    wide = np.column_stack([inputs, np.ones(len(inputs))])
    penalty = np.diag([strength] * inputs.shape[1] + [0.0])
    found = np.linalg.solve(wide.T @ wide + penalty, wide.T @ targets)
    return found[:-1], float(found[-1])


def _best_ridge(
    inputs: FloatArray, targets: FloatArray, parts: IndexArray
) -> tuple[FloatArray, float]:
    errors = []
    for strength in _RIDGE:
        error = 0.0
        for part in sorted(set(parts.tolist())):
            out = parts == part
            weights, intercept = _by_normal_equations(inputs[~out], targets[~out], strength)
            error += float(((inputs[out] @ weights + intercept - targets[out]) ** 2).sum())
        errors.append(error)
    best = _RIDGE[int(np.argmin(errors))]
    return _by_normal_equations(inputs, targets, best)


@pytest.mark.parametrize(("rows", "width"), [(60, 4), (40, 70)])
def test_ridge_is_the_closed_form_at_the_strength_that_is_best_on_parts_left_out(
    rows: int, width: int
) -> None:
    inputs, targets = _numbers(rows, width)
    lesson = _lesson(inputs, targets)

    learned = _head("linear").fit(lesson)
    found = _head("linear").predict(learned.arrays, inputs, lesson.shape)

    scaled = (targets - targets.mean()) / targets.std()
    weights, intercept = _best_ridge(inputs, scaled, lesson.parts)
    expected = (inputs @ weights + intercept) * targets.std() + targets.mean()
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-8)


def test_rows_are_told_by_a_head_of_the_other_folds_and_the_last_is_of_all() -> None:
    inputs, targets = _numbers(80, 3)
    texts = (f"row {number}".encode() for number in range(80))
    hashes = hash_array(sorted(blake2b(text, digest_size=16).digest() for text in texts))
    rows = Fitting(
        head=_head("linear"),
        rows=inputs,
        scaled=np.array([True, True, False]),
        widths=(2, 1),
        taught=labelled(hashes, np.full(80, -1), targets, ()),
        folds=4,
        seed=9,
    )

    found = rows.whole(hash_array([]), lambda count: None)

    words = np.array([int.from_bytes(bytes(each)[:8], "big") for each in hashes], np.uint64)
    folds = (row_uniform(words, seed=9, purpose="folds of a head") * 4).astype(int)
    parts = (row_uniform(words, seed=9, purpose="strength of a head") * 5).astype(int)
    for fold in range(4):
        out = folds == fold
        centre, spread = inputs[~out].mean(axis=0), inputs[~out].std(axis=0)
        centre[2], spread[2] = 0.0, 1.0
        mean, deviation = targets[~out].mean(), targets[~out].std()
        weights, intercept = _best_ridge(
            (inputs[~out] - centre) / spread, (targets[~out] - mean) / deviation, parts[~out]
        )
        low, high = inputs[~out].min(axis=0), inputs[~out].max(axis=0)
        low[2], high[2] = -np.inf, np.inf
        told = np.minimum(np.maximum(inputs[out], low), high)
        expected = ((told - centre) / spread @ weights + intercept) * deviation + mean
        np.testing.assert_allclose(found.held_out[out, 0], expected, rtol=1e-8)
        np.testing.assert_allclose(found.plain[out, 0], mean, rtol=1e-12)
    np.testing.assert_array_equal(found.folds, folds)
    np.testing.assert_allclose(found.scale.centre, [*inputs[:, :2].mean(axis=0), 0.0])


# Classes


def _three_classes(classes: int) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(classes)
    inputs = rng.normal(size=(90, 3))
    logits = inputs @ rng.normal(size=(3, classes)) * 2.0
    return inputs, (logits + rng.gumbel(size=logits.shape)).argmax(axis=1).astype(np.float64)


@pytest.mark.parametrize("classes", [2, 3])
def test_classes_are_those_of_logistic_regression(classes: int) -> None:
    inputs, targets = _three_classes(classes)
    lesson = _lesson(inputs, targets, classes=classes)
    losses = []
    for strength in _LOGISTIC:
        loss = 0.0
        for part in range(5):
            out = lesson.parts == part
            model = linear_model.LogisticRegression(C=strength, max_iter=1000).fit(
                inputs[~out], targets[~out]
            )
            told = model.predict_proba(inputs[out])
            loss += metrics.log_loss(
                targets[out], told, labels=list(range(classes)), normalize=False
            )
        losses.append(loss)
    best = linear_model.LogisticRegression(C=_LOGISTIC[int(np.argmin(losses))], max_iter=1000)

    learned = _head("linear").fit(lesson)
    found = _head("linear").predict(learned.arrays, inputs, lesson.shape)

    np.testing.assert_allclose(found, best.fit(inputs, targets).predict_proba(inputs), rtol=1e-8)
    assert 0 < int(np.argmin(losses)) < len(_LOGISTIC) - 1  # a choice was made


def test_a_class_that_no_row_learned_from_has_is_all_but_impossible() -> None:
    inputs, targets = _three_classes(2)
    lesson = _lesson(inputs, np.where(targets > 0, 2.0, 0.0), classes=3)

    learned = _head("linear").fit(lesson)
    found = _head("linear").predict(learned.arrays, inputs, lesson.shape)

    assert found[:, 1].max() < 1e-9
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert (found.argmax(axis=1) == lesson.targets).mean() > 0.7


# The network


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_the_network_is_scikit_learns_at_its_best_reading(classes: int) -> None:
    inputs, targets = _three_classes(classes) if classes else _numbers(90, 3)
    lesson = _lesson(inputs, targets, classes=classes)
    scaled = targets if classes else (targets - targets.mean()) / targets.std()
    kept = ~lesson.aside
    model = (neural_network.MLPClassifier if classes else neural_network.MLPRegressor)(
        hidden_layer_sizes=(64,),
        alpha=1e-2,
        learning_rate_init=1e-3,
        batch_size=16,
        random_state=np.random.RandomState(3),
    )
    named = {"classes": list(range(classes))} if classes else {}
    losses: list[float] = []
    told: list[FloatArray] = []
    while len(losses) - int(np.argmin(losses or [0.0])) <= 10 and len(losses) <= 200:
        model.partial_fit(inputs[kept], scaled[kept], **named)
        said = model.predict_proba(inputs) if classes else model.predict(inputs)
        told.append(said)
        aside = said[lesson.aside]
        if classes:
            own = aside[np.arange(len(aside)), targets[lesson.aside].astype(int)]
            losses.append(float(-np.log(own).mean()))
        else:
            losses.append(float(((aside - scaled[lesson.aside]) ** 2).mean()))
    best = int(np.argmin(losses))

    learned = _head("mlp").fit(lesson)
    found = _head("mlp").predict(learned.arrays, inputs, lesson.shape)

    assert learned.epochs == best + 1
    expected = told[best] if classes else told[best][:, None] * targets.std() + targets.mean()
    np.testing.assert_allclose(found, expected, rtol=1e-8)


# The transformer


def _norm(values: FloatArray, weights: FloatArray, bias: FloatArray) -> FloatArray:
    centred = values - values.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    result: FloatArray = scaled * weights + bias
    return result


def _forward(
    arrays: Mapping[str, NDArray[Any]], inputs: FloatArray, widths: tuple[int, ...]
) -> FloatArray:
    """Return what the small transformer says, in float64."""
    held = {name: np.asarray(array, np.float64) for name, array in arrays.items()}
    tokens = np.stack(
        [
            part @ held[f"maps.{place}.weight"].T + held[f"maps.{place}.bias"]
            for place, part in enumerate(np.split(inputs, np.cumsum(widths)[:-1], axis=1))
        ],
        axis=1,
    )
    for layer in range(2):
        own = {
            name.removeprefix(f"layers.{layer}."): array
            for name, array in held.items()
            if name.startswith(f"layers.{layer}.")
        }
        seen = _norm(tokens, own["norm1.weight"], own["norm1.bias"])
        mixed = seen @ own["self_attn.in_proj_weight"].T + own["self_attn.in_proj_bias"]
        asked, keys, values = (
            part.reshape(*part.shape[:2], 4, 8).swapaxes(1, 2)
            for part in np.split(mixed, 3, axis=-1)
        )
        close = np.exp(asked @ keys.swapaxes(-1, -2) / np.sqrt(8.0))
        close /= close.sum(axis=-1, keepdims=True)
        joined = (close @ values).swapaxes(1, 2).reshape(tokens.shape)
        tokens = tokens + joined @ own["self_attn.out_proj.weight"].T
        tokens = tokens + own["self_attn.out_proj.bias"]
        seen = _norm(tokens, own["norm2.weight"], own["norm2.bias"])
        hidden = np.maximum(seen @ own["linear1.weight"].T + own["linear1.bias"], 0.0)
        tokens = tokens + hidden @ own["linear2.weight"].T + own["linear2.bias"]
    result: FloatArray = tokens.mean(axis=1) @ held["out.weight"].T + held["out.bias"]
    return result


@pytest.mark.parametrize("classes", [0, 3])
def test_the_transformer_says_what_numpy_says_in_float64(classes: int) -> None:
    pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(24, 6))
    targets = inputs[:, 0] * 3.0 + 7.0
    if classes:
        targets = (np.abs(inputs[:, 0]) > 0.5).astype(float) + (inputs[:, 1] > 0)
    lesson = _lesson(inputs, targets, classes=classes, widths=(1, 3, 2))

    learned = _head("attention").fit(lesson)
    found = _head("attention").predict(learned.arrays, inputs, lesson.shape)

    said = _forward(learned.arrays, inputs, lesson.widths)
    if classes:
        shares = np.exp(said)
        np.testing.assert_allclose(found, shares / shares.sum(axis=1, keepdims=True), atol=1e-5)
    else:
        np.testing.assert_allclose(found, said * targets.std() + targets.mean(), atol=1e-4)
    assert learned.epochs > 0


def test_the_transformer_learns_a_product_of_two_inputs_and_a_line_does_not() -> None:
    pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(360, 2))
    product = inputs[:, 0] * inputs[:, 1]
    lesson = _lesson(inputs[:240], product[:240], widths=(1, 1))
    explained = {}

    for kind in ("linear", "attention"):
        learned = _head(kind).fit(lesson)
        found = _head(kind).predict(learned.arrays, inputs[240:], Shape((1, 1)))
        rest = ((found[:, 0] - product[240:]) ** 2).mean()
        explained[kind] = 1.0 - rest / product[240:].var()

    assert explained["attention"] > 0.6
    assert explained["linear"] < 0.1


@pytest.mark.parametrize("kind", ["linear", "mlp", "attention"])
def test_the_same_rows_give_the_same_bytes_whatever_was_drawn_before(kind: Any) -> None:
    torch = pytest.importorskip("torch")
    inputs, targets = _numbers(50, 4)
    lesson = _lesson(inputs, targets, widths=(3, 1))
    before = torch.get_num_threads(), torch.random.get_rng_state().clone()

    first = _head(kind).fit(lesson).arrays
    after = torch.get_num_threads(), torch.random.get_rng_state()
    torch.rand(5)
    np.random.rand(5)  # noqa: NPY002  what must not matter
    second = _head(kind).fit(lesson).arrays

    assert {name: array.tobytes() for name, array in first.items()} == {
        name: array.tobytes() for name, array in second.items()
    }
    assert after[0] == before[0]
    assert torch.equal(after[1], before[1])
