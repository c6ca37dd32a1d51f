"""Defaults reach every parameter that nobody set, and no other."""

import pytest

from assay.components.base import Component
from assay.components.defaults import kinds_named, with_defaults
from assay.features.hidden_states import HiddenStates
from assay.features.log_probs import ResponseLogProbs
from assay.methods.chance.random_rows import RandomSample
from assay.methods.combinations.combination import RankMean
from assay.methods.combinations.top_score import TopScore
from assay.methods.geometry.k_center import KCenterGreedy
from assay.methods.likelihood.ifd import IFD
from assay.methods.likelihood.superfiltering import Superfiltering
from assay.methods.text.compression_ifd import CompressionIFD


def test_a_language_model_replaces_the_embedded_one_where_nobody_named_another() -> None:
    selector = TopScore(by=RankMean(of=(IFD(), Superfiltering(model="own"), CompressionIFD())))

    changed = with_defaults(selector, language_model="gpt2")

    of = (IFD(model="gpt2"), Superfiltering(model="own"), CompressionIFD())
    assert changed == TopScore(by=RankMean(of=of))


def test_the_embedded_model_named_by_hand_stays() -> None:
    scorer = IFD(model="assay:lm")

    assert with_defaults(scorer, language_model="gpt2") is scorer


def test_a_language_model_reaches_features_that_a_selection_holds() -> None:
    changed = with_defaults(KCenterGreedy(vectors=HiddenStates(), budget=5), language_model="gpt2")

    assert changed == KCenterGreedy(vectors=HiddenStates(model="gpt2"), budget=5)


def test_a_model_left_empty_by_hand_counts_as_not_named() -> None:
    assert with_defaults(IFD(model=""), language_model="gpt2") == IFD(model="gpt2")


def test_a_number_format_goes_where_a_language_model_is_read_and_nobody_chose_one() -> None:
    chosen = RankMean(of=(IFD(), Superfiltering(dtype="float32"), CompressionIFD()))

    changed = with_defaults(chosen, dtype="bfloat16")

    of = (IFD(dtype="bfloat16"), Superfiltering(dtype="float32"), CompressionIFD())
    assert changed == RankMean(of=of)


def test_a_filled_model_is_handed_to_what_a_method_requires() -> None:
    changed = with_defaults(IFD(), language_model="gpt2", dtype="float16")

    assert list(changed.children()) == [
        ResponseLogProbs(model="gpt2", dtype="float16", given=given)
        for given in ("prompt", "nothing")
    ]


def test_nothing_changes_without_defaults() -> None:
    selector = TopScore(by=IFD(), budget=5)

    assert with_defaults(selector) is selector


@pytest.mark.parametrize(
    ("component", "kinds"),
    [
        (TopScore(by=IFD()), {"language_model", "template"}),
        (KCenterGreedy(), {"encoder"}),
        (RandomSample(budget="2M tokens"), {"tokenizer"}),
        (CompressionIFD(), set()),
    ],
)
def test_the_kinds_of_models_that_a_component_names(component: Component, kinds: set[str]) -> None:
    assert kinds_named(component) == kinds
