"""A learned score is refused where it tells no more than chance."""

from typing import Any

import numpy as np
import pytest

from assay.components.component import build
from assay.errors import ConfigError, FeatureError
from assay.features.head_fit import HeadFit
from assay.features.head_fitting import Fitting, labelled
from assay.methods.judged.learned import Learned
from assay.pool.pool import hash_array
from assay.random_numbers import philox
from assay.runtime import Runtime
from assay.samples import Flag, FloatArray, Reason
from assay.values import Numbers

pytest.importorskip("sklearn")

_ROWS = 60
_HEAD = Runtime(workers=1).head("linear")


def _fit(inputs: FloatArray, targets: FloatArray, classes: tuple[str, ...] = ()) -> HeadFit:
    words = np.sort(philox(np.arange(len(inputs), dtype=np.uint64), (1, 2)))
    hashes = hash_array([int(word).to_bytes(8, "big") + b"12345678" for word in words])
    fitting = Fitting(
        head=_HEAD,
        rows=inputs,
        scaled=np.ones(inputs.shape[1], np.bool_),
        widths=(inputs.shape[1],),
        taught=labelled(hashes, np.full(len(inputs), -1), targets, classes),
        folds=5,
        seed=0,
    )
    return fitting.whole(hash_array([]), lambda count: None)


def _scored(fit: HeadFit, **parameters: Any) -> FloatArray:
    scorer = build({"method": "learned", "labels": "longest_response", **parameters}, "scorer")
    assert isinstance(scorer, Learned)
    count = len(fit.targets)
    columns = {name: fit.held_out[:, place] for place, name in enumerate(fit.classes or ("value",))}
    none = np.zeros(count, np.uint8)
    return scorer.score(head=fit, told=Numbers(none, none.astype(np.uint16), columns))


def _is_refused(fit: HeadFit) -> bool:
    try:
        _scored(fit)
    except FeatureError:
        return True
    return False


@pytest.mark.slow
def test_labels_that_are_noise_are_refused_and_planted_ones_are_not() -> None:
    refused = {"noise": 0, "planted": 0}
    for seed in range(40):
        rng = np.random.default_rng(seed)
        inputs = rng.normal(size=(_ROWS, 6))
        noise = rng.normal(size=_ROWS)
        refused["noise"] += _is_refused(_fit(inputs, noise))
        if seed % 4 == 0:
            refused["planted"] += _is_refused(_fit(inputs, inputs @ np.ones(6) + noise))

    assert refused["noise"] >= 38
    assert refused["planted"] == 0


def test_a_refusal_says_how_well_it_tells_and_what_to_do() -> None:
    rng = np.random.default_rng(0)
    fit = _fit(rng.normal(size=(_ROWS, 3)), rng.normal(size=_ROWS))

    with pytest.raises(
        FeatureError, match=r"fitted on 60 labelled rows; held-out Spearman"
    ) as said:
        _scored(fit)
    assert "least=-1" in str(said.value.hint).replace("'", "")
    assert len(_scored(fit, least=-1)) == _ROWS


def test_what_is_asked_at_least_is_of_the_lower_end() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(_ROWS, 2))
    fit = _fit(inputs, inputs[:, 0] + rng.normal(size=_ROWS))
    low, high = fit.figures().interval

    np.testing.assert_array_equal(_scored(fit, least=low - 1e-6), fit.held_out[:, 0])
    assert low < fit.figures().correlation < high
    with pytest.raises(FeatureError, match="not above"):
        _scored(fit, least=low + 1e-6)


def test_labels_that_do_not_differ_are_refused() -> None:
    fit = _fit(np.random.default_rng(0).normal(size=(_ROWS, 2)), np.full(_ROWS, 3.0))

    with pytest.raises(FeatureError, match="not above 0"):
        _scored(fit)


def test_the_probability_of_the_class_that_is_asked_for_is_the_score() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(_ROWS, 2))
    fit = _fit(inputs, (inputs[:, 0] > 0).astype(float), ("bad", "good"))

    good, bad = (_scored(fit, target_class=word) for word in ("good", "bad"))

    assert good[inputs[:, 0] > 0].min() > 0.5 > good[inputs[:, 0] < -0.5].max()
    np.testing.assert_allclose(good + bad, 1.0)
    for word in ("", "fine"):
        with pytest.raises(ConfigError, match="the labels are bad, good"):
            _scored(fit, target_class=word)
    with pytest.raises(ConfigError, match="they are numbers"):
        _scored(_fit(inputs, inputs[:, 0]), target_class="good")


def test_which_end_is_better_is_a_parameter() -> None:
    assert Learned(labels="longest_response").prefer == "high"
    assert Learned(labels="longest_response", better="low").sign == -1.0


def test_most_rows_beyond_the_labelled_ones_are_refused() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(_ROWS, 2))
    fit = _fit(inputs, inputs[:, 0])
    scorer, forced = Learned(labels="longest_response"), Learned(labels="mtld", least=-1)
    numbers, reason = {"value": np.arange(10.0)}, np.zeros(10, np.uint8)
    reason[9] = Reason.NO_WORDS
    flags = np.zeros(10, np.uint16)
    flags[:4] = flags[9] = Flag.BEYOND_LABELS

    found = scorer.score(head=fit, told=Numbers(reason, flags, numbers))
    assert found[:9].tolist() == list(range(9))
    flags[4] = Flag.BEYOND_LABELS
    with pytest.raises(FeatureError, match="5 of 9 rows have a length or another number beyond"):
        scorer.score(head=fit, told=Numbers(reason, flags, numbers))
    assert forced.score(head=fit, told=Numbers(reason, flags, numbers))[0] == 0
