"""What every component must keep, whoever wrote it."""

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import Scorer, Selector, build
from assay.components.extras import is_installed, needed_extra
from assay.components.registry import components, find
from assay.components.walk import walk
from assay.errors import ConfigError, UnknownMethodError
from assay.features.passes import PoolFeature, RowFeature
from assay.samples import Scores

_GOLDEN = Path(__file__).with_name("golden_keys.json")
NAMES_NO_MODEL = {"reward", "classes", "deita"}
"""Methods that read a model of which none is at hand by default: their own tests run them."""
_MINIMUM: dict[str, dict[str, Any]] = {
    "judged_variants": {"judge": "http://localhost:8000/v1#model@1", "group": "seed"},
    "questioned": {"by": {"method": "record_field", "field": "mark"}},
    "written_tags": {"model": "some/model"},
    "alpagasus": {"judge": "http://localhost:8000/v1#model@1"},
    "answered": {"by": "generations"},
    "ask_llm": {"judge": "http://localhost:8000/v1#model@1"},
    "backtranslation": {"judge": "http://localhost:8000/v1#model@1"},
    "judged_pairs": {"judge": "http://localhost:8000/v1#model@1"},
    "judged_tags": {"judge": "http://localhost:8000/v1#model@1"},
    "judged_trees": {"judge": "http://localhost:8000/v1#model@1"},
    "judgments": {"judge": "http://localhost:8000/v1#model@1"},
    "qurating": {"judge": "http://localhost:8000/v1#model@1"},
    "deita": {"complexity_model": "some/complexity", "quality_model": "some/quality"},
    "rubric": {"judge": "http://localhost:8000/v1#model@1"},
    "tegit": {"judge": "http://localhost:8000/v1#model@1"},
    "tree_instruct": {"judge": "http://localhost:8000/v1#model@1"},
    "wavecoder": {"judge": "http://localhost:8000/v1#model@1"},
    "band": {"by": "compression_ifd"},
    "checkpoint": {"run": {"method": "tuned_model", "base": "some/model"}, "epoch": 1},
    "chosen": {"by": "random"},
    "classes": {"of": ["good", "bad"]},
    "classification": {"model": "some/reward-model"},
    "contamination": {"against": {"method": "file", "source": "questions.jsonl"}},
    "decontaminate": {"against": "questions.jsonl"},
    "deita_filter": {"by": "compression_ifd"},
    "distilled": {"of": "longest_response"},
    "gathered_labels": {"of": ["longest_response"]},
    "head_doubt": {"labels": "longest_response"},
    "length_alone": {"labels": "longest_response"},
    "rows_to_judge": {"of": "longest_response"},
    "scored_among": {"of": "longest_response", "by": {"method": "random", "budget": 9}},
    "ds2": {"by": "longest_response", "compress": [20, 24]},
    "file": {"source": "questions.jsonl"},
    "fitted_head": {"labels": "longest_response"},
    "head_predictions": {"by": {"method": "fitted_head", "labels": "longest_response"}},
    "gumbel_sample": {"by": "compression_ifd"},
    "imported": {"file": "ratings.csv", "column": "rating"},
    "instag": {"tags": {"method": "tag_field", "field": "tags"}},
    "instag_diverse": {"tags": {"method": "tag_field", "field": "tags"}},
    "imported_column": {"file": "ratings.csv", "column": "rating"},
    "learned": {"labels": "longest_response"},
    "mig": {"tags": {"method": "tag_field", "field": "tags"}},
    "normalised_tags": {"tags": {"method": "tag_field", "field": "tags"}},
    "lift": {"by": "compression_ifd"},
    "lift_quality": {"of": ["compression_ifd", "mtld"]},
    "perplexity_pruning": {"by": "compression_ifd", "keep": "low"},
    "product": {"of": ["compression_ifd", "mtld"]},
    "quota": {"by": "random"},
    "rank_mean": {"of": ["compression_ifd", "mtld"]},
    "tag_field": {"field": "tags"},
    "tag_graph": {"tags": {"method": "tag_field", "field": "tags"}},
    "threshold": {"by": "compression_ifd"},
    "top_score": {"by": "compression_ifd"},
    "weighted_sum": {"of": ["compression_ifd", "mtld"]},
    "record_field": {"field": "category"},
    "recorded_fields": {"fields": ["category"]},
    "with_demonstration": {"row": "0123456789abcdef"},
    "yes_no": {"model": "some/evaluator"},
    "where": {"attribute": "task", "values": ["qa"]},
    "where_field": {"field": "category", "condition": {"words": ["task1", "sea"]}},
    "where_text": {"measure": "words", "condition": {"at_least": 3}},
}


def _ours() -> list[type[Component]]:
    return [found for found in components() if found.__module__.startswith("assay.")]


def skip_where_it_cannot_run(component: Component) -> None:
    """Skip a test of a component that needs an optional package which is not installed."""
    for part in walk([component]):
        extra = needed_extra(part)
        if extra and not is_installed(extra):
            pytest.skip(f"{part.name} needs assay[{extra}]")


def _instance(kind: type[Component]) -> Component:
    return build({"method": kind.name, **_MINIMUM.get(kind.name, {})}, kind.kind)


every_component = pytest.mark.parametrize(
    "kind", _ours(), ids=lambda kind: f"{kind.kind}-{kind.name}"
)


@every_component
def test_its_first_sentence_and_every_field_are_described(kind: type[Component]) -> None:
    assert len(kind.summary()) > 15
    undescribed = [name for name, info in kind.model_fields.items() if not info.description]
    assert undescribed == []


@every_component
def test_it_cites_a_paper_or_says_why_there_is_none(kind: type[Component]) -> None:
    if isinstance(kind.paper, NoPaper):
        assert len(kind.paper.reason) > 5
        return
    assert isinstance(kind.paper, Paper)
    assert kind.paper.arxiv or kind.paper.doi or kind.paper.url
    assert 1950 < kind.paper.year <= 2026


@every_component
def test_equal_parameters_give_equal_keys(kind: type[Component]) -> None:
    one, other = _instance(kind), _instance(kind)

    assert one.key == other.key
    assert one == other
    assert len({one, other}) == 1


@every_component
def test_its_key_is_the_one_on_record(kind: type[Component]) -> None:
    golden = json.loads(_GOLDEN.read_text())

    assert golden.get(f"{kind.kind}/{kind.name}") == _instance(kind).key


def test_the_record_names_every_component_and_no_other() -> None:
    golden = json.loads(_GOLDEN.read_text())

    assert sorted(golden) == sorted(f"{kind.kind}/{kind.name}" for kind in _ours())


@every_component
def test_its_function_takes_exactly_what_it_requires(kind: type[Component]) -> None:
    instance = _instance(kind)
    function = _function(instance)
    if function is None:
        return
    keywords = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    takes_any = any(
        parameter.kind is inspect.Parameter.VAR_KEYWORD
        for parameter in inspect.signature(function).parameters.values()
    )
    required = {p.name for p in keywords if p.default is inspect.Parameter.empty}
    needs = set(instance.requires())
    assert required <= needs
    assert takes_any or needs <= {p.name for p in keywords}


def _function(instance: Component) -> Any:
    if isinstance(instance, Scorer):
        return instance.score
    if isinstance(instance, Selector):
        return instance.select
    return instance.compute if isinstance(instance, PoolFeature) else None


@every_component
def test_an_unknown_parameter_is_refused_by_name(kind: type[Component]) -> None:
    with pytest.raises(ConfigError, match="no parameter 'colour'"):
        build({"method": kind.name, "colour": 1, **_MINIMUM.get(kind.name, {})}, kind.kind)


@every_component
def test_requirements_end_in_rows_and_features(kind: type[Component]) -> None:
    for part in walk([_instance(kind)]):
        if isinstance(part, (RowFeature, PoolFeature)):
            assert part.scope in ("row", "pool")
        assert part.name


def test_a_misspelt_method_gets_a_suggestion() -> None:
    with pytest.raises(UnknownMethodError) as error:
        find("compresion_ifd")

    assert "compression_ifd" in str(error.value.hint)


def test_a_default_written_out_leaves_the_key_alone() -> None:
    plain = build({"method": "band", "by": "mtld"}, "selector")
    written = build({"method": "band", "by": "mtld", "low": 0.0, "high": 1, "seed": 0}, "selector")

    assert plain.key == written.key


def test_a_nested_change_changes_the_outer_key() -> None:
    one = build({"method": "top_score", "by": {"method": "rank_mean", "of": ["mtld"]}}, "selector")
    other = build({"method": "top_score", "by": {"method": "rank_mean", "of": ["hdd"]}}, "selector")

    assert one.key != other.key


def test_a_pinned_path_counts_by_its_digest_alone() -> None:
    here = build({"method": "decontaminate", "against": "a/q.jsonl@0123456789ab"}, "selector")
    there = build({"method": "decontaminate", "against": "b/q.jsonl@0123456789ab"}, "selector")
    changed = build({"method": "decontaminate", "against": "a/q.jsonl@0123456789ac"}, "selector")

    assert here.key == there.key
    assert here.key != changed.key


@pytest.mark.parametrize(
    "kind",
    [k for k in _ours() if k.kind == "scorer" and "weights" in k.model_fields],
)
def test_combinations_keep_nulls_null(kind: type[Scorer]) -> None:
    scorer = _instance(kind)
    full = Scores(np.array([1.0, 2.0, 3.0]), np.zeros(3, np.uint8))
    partial = Scores(np.array([3.0, np.nan, 1.0]), np.zeros(3, np.uint8))
    assert isinstance(scorer, Scorer)

    values = np.asarray(scorer.score(of=[full, partial]))

    assert np.isnan(values).tolist() == [False, True, False]
