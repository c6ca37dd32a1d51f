from pathlib import Path
from typing import Any

import pytest

from assay.components.base import Component
from assay.components.component import Chosen, Given, Selector, build
from assay.components.default_selection import default_selection
from assay.components.defaults import with_defaults
from assay.components.registry import components
from assay.components.rendering import Rendering
from assay.components.rule import Rule
from assay.config.config import Config, describe, load_config
from assay.config.writing import write_run_config
from assay.errors import ConfigError, DataError
from assay.features.embeddings import Embeddings
from assay.features.text import TokenCounts
from assay.formats.records import SourceSpec
from assay.methods.chance.random_rows import RandomNumber, RandomSample
from assay.methods.combinations.combination import RankMean
from assay.methods.combinations.quota import Quota
from assay.methods.combinations.top_score import TopScore
from assay.methods.filters.attributes import Where
from assay.methods.filters.cuts import Threshold
from assay.methods.filters.decontaminate import Decontaminate
from assay.methods.filters.deduplicate import Deduplicate
from assay.methods.geometry.k_center import KCenterGreedy
from assay.methods.likelihood.ifd import IFD
from assay.methods.likelihood.superfiltering import Superfiltering
from assay.methods.text.compression_ifd import CompressionIFD
from assay.methods.text.longest import LongestResponse
from assay.runtime import Runtime

_MINIMUM: dict[str, dict[str, Any]] = {
    "judged_variants": {"judge": "judge.gguf", "group": "seed", "orders": 3},
    "questioned": {"by": {"method": "record_field", "field": "mark"}},
    "written_tags": {"model": "some/model", "turns": "last"},
    "band": {"by": "compression_ifd", "low": 0.25},
    "alpagasus": {"judge": "http://localhost:8000/v1#model@1", "dimension": "helpfulness"},
    "answered": {"by": "generations"},
    "judgments": {"judge": "http://localhost:8000/v1#model@1", "prompt": "lift", "repeats": 2},
    "judged_pairs": {"judge": "judge.gguf", "dimension": "facts", "repeats": 20},
    "judged_tags": {"judge": "http://localhost:8000/v1#model@1", "turns": "last"},
    "judged_trees": {"judge": "http://localhost:8000/v1#model@1", "answers": "json"},
    "qurating": {"judge": "http://localhost:8000/v1#model@1", "dimension": "facts"},
    "rubric": {"judge": "http://localhost:8000/v1#model@1", "prompt": "ds2", "main": "overall"},
    "tree_instruct": {"judge": "http://localhost:8000/v1#model@1", "over_turns": "sum"},
    "deita": {"by": "judge", "judge": "http://localhost:8000/v1#model@1", "parts": "quality"},
    "label_probabilities": {"model": "some/model", "question": "deita_quality", "turns": "last"},
    "checkpoint": {"run": {"method": "tuned_model", "base": "some/model"}, "step": 3},
    "chosen": {"by": {"method": "random", "budget": "5%"}},
    "classes": {"model": "some/classifier", "of": ["0", "1"], "expected": [0, 1], "better": "low"},
    "classification": {"model": "some/reward-model", "part": "response"},
    "contamination": {"against": {"method": "file", "source": "questions.jsonl"}},
    "decontaminate": {"against": "questions.jsonl"},
    "deita_filter": {"by": "compression_ifd"},
    "distilled": {"of": "longest_response"},
    "gathered_labels": {"of": ["longest_response"]},
    "head_doubt": {"labels": "longest_response"},
    "length_alone": {"labels": "longest_response"},
    "rows_to_judge": {"of": "longest_response"},
    "scored_among": {"of": "longest_response", "by": "random"},
    "ds2": {"by": "longest_response", "compress": [4, 9], "vectors": "embeddings"},
    "file": {"source": "questions.jsonl", "role": "evaluation"},
    "ifd": {"model": "gpt2", "rendering": {"template": "vicuna", "turns": "last"}},
    "fitted_head": {"labels": {"method": "record_field", "field": "stars"}, "groups": "clusters"},
    "head_predictions": {"by": {"method": "fitted_head", "labels": "longest_response"}},
    "gumbel_sample": {"by": {"method": "imported", "file": "ratings.csv", "column": "rating"}},
    "imported": {"file": "ratings.csv", "column": "rating"},
    "instag": {"tags": {"method": "tag_field", "field": "tags"}},
    "instag_diverse": {
        "tags": {"method": "normalised_tags", "tags": {"method": "tag_field", "field": "tags"}}
    },
    "imported_column": {"file": "ratings.csv", "column": "rating"},
    "attribute": {"attribute": "task"},
    "learned": {
        "dataset": {"method": "file", "source": "ratings.jsonl", "role": "anchors"},
        "labels": {"method": "record_field", "field": "stars"},
        "inputs": [{"method": "embeddings", "part": "prompt"}, "lengths"],
    },
    "mig": {"tags": {"method": "tag_field", "field": "tags"}, "quality": "mtld"},
    "normalised_tags": {"tags": {"method": "tag_field", "field": "a.tags"}, "alpha": 2},
    "lift": {"by": "compression_ifd", "components": None, "share": 0.5},
    "lift_quality": {"of": ["compression_ifd", "mtld"], "weights": [1, 3], "best": [1, 100]},
    "perplexity_pruning": {"by": "compression_ifd", "keep": "low"},
    "product": {"of": ["compression_ifd", "mtld"]},
    "quota": {"by": "random", "weights": {"a": 1.0, "b": 0.5}, "budgets": {"a": 5, "b": "5%"}},
    "rank_mean": {"of": ["compression_ifd", "mtld"], "weights": [1, 3]},
    "tag_field": {"file": "tags.jsonl", "match": "text"},
    "tag_graph": {"tags": {"method": "tag_field", "field": "tags"}, "threshold": 0.8},
    "threshold": {"by": "compression_ifd", "low": -0.5},
    "yes_no": {"model": "some/evaluator"},
    "top_score": {"by": "compression_ifd", "rule": {"below": 1}},
    "weighted_sum": {"of": ["compression_ifd", {"method": "random_number", "seed": 3}]},
    "record_field": {"field": "meta.stars"},
    "recorded_fields": {"fields": ["meta", "stars"], "file": "questions.jsonl"},
    "with_demonstration": {"row": "0123456789abcdef", "of": {"method": "dropped", "rate": 0.5}},
    "where": {"attribute": "task", "values": ["qa", "=odd"]},
    "where_field": {"field": "meta.stars", "condition": {"above": 3.5, "keep": False}},
    "where_text": {"part": "prompt", "condition": {"pattern": "a|b"}},
}


def _ours() -> list[type[Component]]:
    return [found for found in components() if found.__module__.startswith("assay.")]


def _write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "data.jsonl").touch()
    path = tmp_path / "assay.yaml"
    path.write_text(text if "data:" in text else f"data: data.jsonl\n{text}", encoding="utf-8")
    return path


def _load(tmp_path: Path, text: str) -> Config:
    return load_config(_write(tmp_path, text))


def _selection(tmp_path: Path, text: str) -> Selector:
    (selector,) = _load(tmp_path, f"selections:\n  chosen: {text}\n").selections["chosen"]
    return selector


def _refused(tmp_path: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    return caught.value


# Descriptions


@pytest.mark.parametrize("kind", _ours(), ids=lambda kind: f"{kind.kind}-{kind.name}")
def test_a_description_gives_an_equal_component_back(kind: type[Component]) -> None:
    component = build({"method": kind.name, **_MINIMUM.get(kind.name, {})}, kind.kind)

    described = describe(component)

    assert build(described, kind.kind).key == component.key
    assert described["method"] == kind.name


@pytest.mark.parametrize("kind", _ours(), ids=lambda kind: f"{kind.kind}-{kind.name}")
def test_a_described_component_survives_a_file(kind: type[Component], tmp_path: Path) -> None:
    component = build({"method": kind.name, **_MINIMUM.get(kind.name, {})}, kind.kind)
    scorer: Component = TopScore(by=CompressionIFD())
    if component.kind == "selector":
        scorer = component
    elif component.kind == "scorer":
        scorer = TopScore(by=component)
    elif component.kind == "feature" and kind.name == "embeddings":
        scorer = KCenterGreedy(vectors=component, budget=5)
    assert isinstance(scorer, Selector)

    write_run_config(
        tmp_path / "run.yaml", sources=[SourceSpec("data.jsonl")], selections={"it": scorer}
    )

    (again,) = load_config(tmp_path / "run.yaml").selections["it"]
    assert _placed(again) == _placed(scorer)


def _placed(component: Component) -> str:
    """Return a component's form with file names in place of paths."""
    return str(describe(component)).replace(str(Path.cwd()), "").replace("../", "")


def test_only_what_differs_from_the_default_is_described() -> None:
    selector = KCenterGreedy(vectors=Embeddings(part="response"), budget="5%", seed=0)

    assert describe(selector) == {
        "method": "k_center",
        "budget": "5%",
        "vectors": {"method": "embeddings", "part": "response"},
    }


def test_nested_components_without_parameters_are_described_by_name() -> None:
    assert describe(TopScore(by=CompressionIFD(), budget=50)) == {
        "method": "top_score",
        "budget": 50,
        "by": "compression_ifd",
    }


@pytest.mark.parametrize(
    "budget",
    [
        50,
        "5%",
        "2M tokens",
        "12.5%",
        {"amount": "5%", "of": "eligible"},
        {"amount": "2k tokens", "tokenizer": "assay:encoder@0123456789ab"},
        {"amount": "1000", "share": (1, 3), "rounding": "ceil"},
    ],
)
def test_budgets_survive_description(budget: object) -> None:
    selector = RandomSample.model_validate({"budget": budget})

    assert build(describe(selector), "selector").key == selector.key


def test_a_budget_may_name_its_base(tmp_path: Path) -> None:
    chosen = _selection(tmp_path, "{method: random, budget: {amount: 5%, of: eligible}}")

    assert chosen.budget is not None
    assert (chosen.budget.amount, chosen.budget.unit, chosen.budget.of) == (
        "5",
        "percent",
        "eligible",
    )


# Sections


def test_the_shortest_file_names_its_data(tmp_path: Path) -> None:
    config = _load(tmp_path, "data: data.jsonl")

    assert config.sources == (SourceSpec(str(tmp_path / "data.jsonl")),)
    assert (config.hold_out, config.max_set_aside, config.project) == (0.0, 0.02, None)


def test_paths_are_relative_to_the_file_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "questions.jsonl").touch()
    path = _write(
        tmp_path,
        """
project: made
data: data.jsonl
selections: {clean: {method: decontaminate, against: questions.jsonl}}
exports: [{selection: clean, output: out/clean.jsonl}]
""",
    )
    monkeypatch.chdir("/")

    config = load_config(path)

    assert config.project == tmp_path / "made"
    assert config.sources[0].location == str(tmp_path / "data.jsonl")
    (clean,) = config.selections["clean"]
    assert isinstance(clean, Decontaminate)
    assert Path(clean.against) == tmp_path / "questions.jsonl"
    assert config.exports[0].output == tmp_path / "out" / "clean.jsonl"


def test_several_sources_keep_their_fields(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        """
data:
  sources:
    - data.jsonl
    - {source: org/name, name: hub, config: en, split: train, revision: v1}
    - {source: data.jsonl, name: again, map: {response: "{label}"}, container: jsonl}
  hold_out: 1%
  max_set_aside: 0.5
""",
    )

    assert [source.location for source in config.sources] == [
        str(tmp_path / "data.jsonl"),
        "org/name",
        str(tmp_path / "data.jsonl"),
    ]
    assert config.sources[1] == SourceSpec("org/name", "hub", "en", "train", "v1")
    assert config.sources[2].mapping == {"response": "{label}"}
    assert config.sources[2].container == "jsonl"
    assert (config.hold_out, config.max_set_aside) == (0.01, 0.5)


def test_a_single_source_may_have_its_fields_beside_it(tmp_path: Path) -> None:
    config = _load(tmp_path, "data: {source: data.jsonl, name: mine, hold_out: 2%}")

    assert config.sources[0].name == "mine"
    assert config.hold_out == 0.02


def test_threads_of_the_file_set_the_processes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.runtime.limit_threads", lambda count: None)
    plain = _load(tmp_path, "limits: {threads: 2}").runtime()
    fewer = _load(tmp_path, "limits: {threads: 2, workers: 1}").runtime()

    assert (plain.threads, plain.workers) == (2, 2)
    assert (fewer.threads, fewer.workers) == (2, 1)


def test_limits_reach_the_runtime(tmp_path: Path) -> None:
    config = _load(tmp_path, "limits: {max_unscored: 10%, workers: 3, device: 'cuda:1'}")

    runtime = config.runtime(Runtime(offline=True))

    assert (runtime.max_unscored, runtime.workers, runtime.offline) == (0.1, 3, True)
    assert runtime.device == "cuda:1"


def test_scores_are_a_list_or_names_of_ones_own(tmp_path: Path) -> None:
    listed = _load(tmp_path, "scores: [mtld, {method: longest_response, unit_of_length: words}]")
    named = _load(tmp_path, "scores: {variety: mtld}")

    assert listed.scores["longest_response"] == LongestResponse(unit_of_length="words")
    assert list(listed.scores) == ["mtld", "longest_response"]
    assert named.scores["variety"].name == "mtld"


# References


def test_names_may_be_used_before_they_are_defined(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        """
selections:
  best: {method: top_score, by: =both, budget: 5%, within: =wide}
  wide: {method: threshold, by: compression_ifd, low: 0.5}
scores:
  both: {method: rank_mean, of: [=length, compression_ifd]}
  length: longest_response
""",
    )

    expected = TopScore(
        by=RankMean(of=(LongestResponse(), CompressionIFD())),
        budget="5%",
        within=Threshold(by=CompressionIFD(), low=0.5),
    )
    assert config.selections["best"] == (expected,)


def test_a_score_where_a_selection_is_wanted_means_its_best_rows(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        """
scores: {length: {method: longest_response, unit_of_length: words}}
selections:
  a: {method: =length, budget: 5}
  b: {method: longest_response, unit_of_length: words, budget: 5}
  c: {method: quota, by: =length, per: task, budget: 5}
""",
    )

    by_words = TopScore(by=LongestResponse(unit_of_length="words"), budget=5)
    assert config.selections["a"] == config.selections["b"] == (by_words,)
    by = TopScore(by=LongestResponse(unit_of_length="words"))
    assert config.selections["c"] == (Quota(by=by, per="task", budget=5),)


def test_a_named_selection_may_be_taken_with_another_budget(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        """
selections:
  small: {method: k_center, vectors: {method: embeddings, part: prompt}, budget: 5}
  large: {method: =small, budget: 50}
""",
    )

    vectors = Embeddings(part="prompt")
    assert config.selections["large"] == (KCenterGreedy(vectors=vectors, budget=50),)


def test_names_that_lead_back_to_themselves_are_refused(tmp_path: Path) -> None:
    error = _refused(
        tmp_path,
        """
selections:
  a: {method: random, budget: 5, within: =b}
  b: {method: random, budget: 5, within: =a}
""",
    )

    assert "a -> b -> a" in error.message
    assert "line 5" in error.message


def test_text_that_begins_with_an_equals_sign_is_doubled(tmp_path: Path) -> None:
    text = "{method: where, attribute: task, values: ['==odd', even]}"

    assert _selection(tmp_path, text) == Where(attribute="task", values=("=odd", "even"))


# Wishes


def test_wishes_become_filters_before_the_method(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").touch()
    chosen = _selection(
        tmp_path,
        "{method: random, budget: 5, where: {language: [en, de]}, dedup: near, against: q.jsonl}",
    )

    where = Where(attribute="language", values=("en", "de"))
    clean = Decontaminate(against=str(tmp_path / "q.jsonl"), within=where)
    assert chosen == RandomSample(budget=5, within=Deduplicate(match="near", within=clean))


def test_per_divides_the_budget_between_groups(tmp_path: Path) -> None:
    chosen = _selection(tmp_path, "{method: compression_ifd, budget: 10, per: task}")

    assert chosen == Quota(by=TopScore(by=CompressionIFD()), per="task", budget=10)


def test_a_parameter_of_the_method_comes_before_a_wish(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").touch()

    chosen = _selection(tmp_path, "{method: decontaminate, against: q.jsonl}")

    assert chosen == Decontaminate(against=str(tmp_path / "q.jsonl"))


def test_seeds_make_as_many_selections(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        "selections: {a: {method: random, budget: 5, seeds: 3}, "
        "b: {method: random, budget: 5, seeds: [7, 9]}}",
    )

    assert [s.seed for s in config.selections["a"]] == [0, 1, 2]
    assert config.selections["b"] == (
        RandomSample(budget=5, seed=7),
        RandomSample(budget=5, seed=9),
    )


def test_a_seed_reaches_the_selector_inside_a_quota(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        "selections: {a: {method: quota, by: random, per: task, budget: 5, seeds: [0, 1]}, "
        "b: {method: random, per: task, budget: 5, seeds: [0, 1]}}",
    )

    seeds = [s.by.seed for s in config.selections["a"] if isinstance(s, Quota)]
    assert seeds == [0, 1]
    assert config.selections["a"] == config.selections["b"]


def test_seeds_leave_named_selections_alone(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        """
selections:
  half: {method: random, budget: 50%}
  part: {method: random, budget: 5, within: =half, seeds: [4]}
""",
    )

    assert config.selections["part"] == (
        RandomSample(budget=5, seed=4, within=RandomSample(budget="50%")),
    )


def test_without_a_method_the_default_recipe_is_meant(tmp_path: Path) -> None:
    assert _selection(tmp_path, "{budget: 5%}") == default_selection("5%").selector


def test_the_default_recipe_takes_parameters(tmp_path: Path) -> None:
    chosen = _selection(tmp_path, "{budget: 5%, trade_off: 0.1}")

    expected = default_selection("5%").selector.model_copy(update={"trade_off": 0.1})
    assert chosen == expected


# Defaults


def test_defaults_hold_where_nothing_else_is_said(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        """
defaults: {encoder: org/other, budget: 7%, seed: 5}
selections:
  plain: k_center
  own: {method: k_center, budget: 3, seed: 1, vectors: {method: embeddings, model: "assay:encoder"}}
  cut: {method: threshold, by: mtld, low: 3}
""",
    )

    vectors = Embeddings(model="org/other")
    assert config.selections["plain"] == (KCenterGreedy(vectors=vectors, budget="7%", seed=5),)
    assert config.selections["own"] == (KCenterGreedy(budget=3, seed=1),)
    assert config.selections["cut"][0].budget is None


def test_a_default_tokenizer_reaches_what_counts_tokens_and_nothing_else() -> None:
    in_tokens = RandomSample(budget="5k tokens")
    in_rows = RandomSample(budget=5)
    by_words = LongestResponse(unit_of_length="words")
    by_tokens = LongestResponse(unit_of_length="tokens")

    changed = [
        with_defaults(c, tokenizer="t.json") for c in (in_tokens, in_rows, by_words, by_tokens)
    ]

    assert isinstance(changed[0], RandomSample)
    assert changed[0].budget is not None
    assert changed[0].budget.tokenizer == "t.json"
    assert changed[1] == in_rows
    assert changed[2] == by_words
    assert changed[3] == LongestResponse(unit_of_length="tokens", tokenizer="t.json")
    assert with_defaults(TokenCounts(), tokenizer="t.json") == TokenCounts(tokenizer="t.json")


def test_a_value_set_by_hand_is_never_replaced_by_a_default() -> None:
    selector = TopScore(by=RankMean(of=(RandomNumber(seed=0), RandomNumber())), budget=5)

    changed = with_defaults(selector, seed=8)

    of = (RandomNumber(seed=0), RandomNumber(seed=8))
    assert changed == TopScore(by=RankMean(of=of), budget=5, seed=8)


def test_a_default_language_model_is_a_path_of_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()

    config = _load(
        tmp_path,
        """
defaults: {language_model: tiny, dtype: bfloat16}
scores: {a: ifd, b: {method: superfiltering, model: gpt2, dtype: float32}, c: compression_ifd}
selections:
  best: {method: ifd, budget: 2}
""",
    )

    tiny = IFD(model=str(tmp_path / "tiny"), dtype="bfloat16")
    gpt2 = Superfiltering(model="gpt2")
    assert config.scores == {"a": tiny, "b": gpt2, "c": CompressionIFD()}
    assert config.selections["best"] == (TopScore(by=tiny, budget=2),)


def test_a_rendering_is_written_inside_its_method(tmp_path: Path) -> None:
    (tmp_path / "own.json").touch()
    (tmp_path / "vicuna").mkdir()

    config = _load(
        tmp_path,
        """
scores:
  named: {method: ifd, rendering: {template: vicuna, turns: last, max_tokens: 512}}
  own: {method: ifd, rendering: {template: own.json}}
""",
    )

    named = Rendering(template="vicuna", turns="last", max_tokens=512)
    own = Rendering(template=str(tmp_path / "own.json"))
    assert config.scores == {"named": IFD(rendering=named), "own": IFD(rendering=own)}


def test_a_run_writes_models_and_templates_as_paths_from_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs" / "plain").mkdir(parents=True)
    (tmp_path / "tiny").mkdir()
    (tmp_path / "own.json").touch()
    (tmp_path / "plain").mkdir()
    monkeypatch.chdir(tmp_path)
    digest = "0123456789ab"
    own = IFD(model=f"tiny@{digest}", rendering=Rendering(template=f"own.json@{digest}"))
    named = IFD(model="gpt2", rendering=Rendering(template=f"plain@{digest}"), dtype="float16")
    path = tmp_path / "runs" / "run.yaml"

    write_run_config(path, sources=[SourceSpec("data.jsonl")], scores=[own, named])

    text = path.read_text(encoding="utf-8")
    assert f"model: ../tiny@{digest}" in text
    assert f"template: ../own.json@{digest}" in text
    assert f"template: plain@{digest}" in text
    again = load_config(path).scores
    assert again["ifd-model-gpt2-rendering-template-plain-dtype-float16"] == named
    assert describe(again["ifd-model-tiny-rendering-template-own_json"]) == {
        "method": "ifd",
        "model": f"{tmp_path}/runs/../tiny@{digest}",
        "rendering": {"template": f"{tmp_path}/runs/../own.json@{digest}"},
    }


# Errors

_WRONG = [
    ("xyzzy: 1", "line 2", "has no key 'xyzzy'", "it takes project"),
    ("selection: {}", "line 2", "has no key 'selection'", "'selections'"),
    ("limits: {worker: 2}", "line 2", "limits has no key 'worker'", "'workers'"),
    ("limits: {workers: 0}", "line 2", "limits.workers = 0", ""),
    ("limits: {device: gpu}", "line 2", "limits.device = 'gpu': write auto, cpu, cuda", ""),
    ("defaults: {dtype: float8}", "line 2", "defaults.dtype = 'float8'", ""),
    ("defaults: {model: gpt2}", "line 2", "defaults has no key 'model'", "'language_model'"),
    (
        "scores:\n  a: {method: ifd,\n      rendering: {turns: lst}}",
        "line 4",
        "rendering.turns = 'lst'",
        "",
    ),
    ("limits:\n  max_unscored: lots", "line 3", "limits.max_unscored", ""),
    ("data: {hold_out: 1%}", "line 1", "data names no source", "source"),
    ("data:\n  source: a.json\n  sauce: b", "line 3", "has no key 'sauce'", "'source'"),
    ("data:\n  hold_out: 150%\n  source: a.json", "line 2", "hold_out", ""),
    ("data:\n  sources:\n  - source: a\n    spilt: b", "line 4", "'spilt'", "'split'"),
    ("scores: [mtld, mtldd]", "line 2", "no method is called 'mtldd'", "'mtld'"),
    ("scores:\n  - mtld\n  - mtld", "line 2", "scores: 'mtld' stands twice", ""),
    ("scores:\n  a: 5", "line 3", "scores.a = 5: write NAME or {method: NAME, ...}", ""),
    ("data: 5", "line 1", "data = 5", ""),
    ("data: {source: a, sources: b}", "line 1", "has both `source` and `sources`", ""),
    (
        "scores:\n  a:\n    method: rank_mean\n    of:\n    - mtld\n    - {method: ttr, size: 3}",
        "line 7",
        "ttr has no parameter 'size'",
        "",
    ),
    (
        "scores:\n  a:\n    method: ifd\n    rendering:\n      template: =own",
        "line 6",
        "rendering holds no component",
        "==own",
    ),
    ("scores:\n  - method: ttr\n    size: 1", "line 4", "ttr has no parameter 'size'", ""),
    ("selections:\n  a: randm", "line 3", "no method is called 'randm'", "'random'"),
    ("selections:\n  a: {method: random,\n    bugdet: 5}", "line 4", "'bugdet'", "'budget'"),
    ("selections:\n  a: {method: random,\n    budget: lots}", "line 4", "budget 'lots'", "5%"),
    ("selections:\n  a: {method: random,\n    budget: 200%}", "line 4", "more than every", ""),
    ("selections:\n  a:\n    method: band\n    by: mtld\n    low: 3", "line 6", "low", ""),
    ("selections:\n  a:\n    method: top_score\n    by: random", "line 5", "'random'", ""),
    ("selections:\n  a:\n    method: quota\n    by: =b", "line 5", "called 'b'", ""),
    ("selections:\n  a: {}", "line 3", "needs a method or a budget", "5%"),
    ("selections:\n  a:\n    method: random\n    per: tsk", "line 5", "'tsk'", "'task'"),
    ("selections:\n  a:\n    method: random\n    where: [score]", "line 5", "no condition", "NAME"),
    ("selections:\n  a:\n    method: random\n    where: a>b", "line 5", "'b' is not a number", ""),
    ("selections:\n  a:\n    method: random\n    dedup: fuzzy", "line 5", "fuzzy", ""),
    ("selections:\n  a:\n    method: random\n    seeds: few", "line 5", "seeds = 'few'", "(5)"),
    ("selections:\n  a:\n    method: top_score\n    by: [mtld", "line", "expected", ""),
    ("selections: {a: random, a: random}", "line 2", "duplicate key", "keep one"),
    ("selections:\n  when: 2020-01-01", "line 3", "date", "quotes"),
    ("exports: [{selection: best, output: b}]", "line 2", "no selection is called 'best'", ""),
    ("exports:\n  - {selection: a, output: b, format: trll}", "line 3", "format", ""),
    ("plugins: [missing.py]", "line 2", "missing.py does not exist", ""),
]


@pytest.mark.parametrize(("text", "place", "message", "hint"), _WRONG, ids=[w[0] for w in _WRONG])
def test_what_is_wrong_is_said_with_file_line_and_remedy(
    tmp_path: Path, text: str, place: str, message: str, hint: str
) -> None:
    error = _refused(tmp_path, text)

    assert "assay.yaml" in error.message
    assert place in error.message
    assert message in error.message
    assert hint in (error.hint or "")


def test_several_seeds_need_several_files(tmp_path: Path) -> None:
    text = (
        "selections: {a: {method: random, budget: 5, seeds: 2}}\n"
        "exports:\n  - selection: a\n    output: "
    )

    error = _refused(tmp_path, text + "a.jsonl")

    assert "line 5" in error.message
    assert "{seed}" in (error.hint or "")
    assert len(_load(tmp_path, text + "'a-{seed}.jsonl'").exports) == 1


def test_a_selection_of_several_seeds_cannot_be_referred_to(tmp_path: Path) -> None:
    error = _refused(
        tmp_path,
        "selections:\n  a: {method: random, budget: 5, seeds: 2}\n"
        "  b: {method: random, budget: 1,\n    within: =a}",
    )

    assert "line 5" in error.message
    assert "one per seed" in error.message


def test_a_missing_file_is_an_error_one_can_act_on(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read") as caught:
        load_config(tmp_path / "none.yaml")

    assert "assay init" in (caught.value.hint or "")


def test_yaml_is_read_as_version_1_2(tmp_path: Path) -> None:
    config = _load(tmp_path, "data: {sources: [{source: data.jsonl, name: no}]}")

    assert config.sources[0].name == "no"


# Writing


def test_a_run_is_written_so_that_it_replays(tmp_path: Path) -> None:
    for name in ("data.jsonl", "q.jsonl"):
        (tmp_path / name).touch()
    selector = TopScore(
        by=CompressionIFD(),
        budget="5%",
        rule=Rule(below=1.0),
        within=Decontaminate(against=str(tmp_path / "q.jsonl")),
    )
    path = tmp_path / "made.assay" / "runs" / "one" / "config.yaml"
    path.parent.mkdir(parents=True)

    write_run_config(
        path,
        sources=[
            SourceSpec(str(tmp_path / "data.jsonl"), name="mine", mapping={"response": "{a}"})
        ],
        scores=[LongestResponse(), LongestResponse(unit_of_length="words")],
        selections={"best": selector},
        exports=[{"selection": "best", "output": tmp_path / "best.json", "format": "trl"}],
        hold_out=0.01,
        max_set_aside=0.3,
        project=tmp_path / "made.assay",
    )
    config = load_config(path)

    assert config.sources == (
        SourceSpec(str(tmp_path / "data.jsonl"), name="mine", mapping={"response": "{a}"}),
    )
    assert (config.hold_out, config.max_set_aside) == (0.01, 0.3)
    assert list(config.scores.values()) == [
        LongestResponse(),
        LongestResponse(unit_of_length="words"),
    ]
    (best,) = config.selections["best"]
    assert isinstance(best.within, Decontaminate)
    assert Path(best.within.against).resolve() == tmp_path / "q.jsonl"
    assert describe(best.model_copy(update={"within": None})) == describe(
        selector.model_copy(update={"within": None})
    )
    assert config.exports[0].output.resolve() == tmp_path / "best.json"
    assert config.exports[0].layout == "trl"
    assert config.project is not None
    assert config.project.resolve() == tmp_path / "made.assay"
    assert str(tmp_path) not in path.read_text()


def test_a_pinned_name_keeps_its_digest_in_a_written_run(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").touch()
    pinned = Decontaminate(against=f"{tmp_path / 'q.jsonl'}@0123456789ab")
    vectors = Embeddings(model="assay:encoder@ba9876543210")
    chosen = KCenterGreedy(vectors=vectors, budget=5, within=pinned)

    write_run_config(tmp_path / "c.yaml", sources=[SourceSpec("-")], selections={"it": chosen})
    (again,) = load_config(tmp_path / "c.yaml").selections["it"]

    assert again.key == chosen.key
    assert again == chosen


def test_only_keeps_the_exports_of_what_is_kept(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        """
scores: [mtld]
selections: {a: {method: random, budget: 5}, b: {method: random, budget: 6}}
exports: [{selection: a, output: a.json}, {selection: b, output: b.json}]
""",
    )

    part = config.only(["b"])

    assert (list(part.scores), list(part.selections)) == ([], ["b"])
    assert [export.selection for export in part.exports] == ["b"]
    with pytest.raises(ConfigError, match="names no score or selection 'c'"):
        config.only(["c"])


def test_data_that_is_missing_is_told_when_it_is_opened(tmp_path: Path) -> None:
    config = _load(tmp_path, "data: other.jsonl")

    with pytest.raises(DataError, match=r"other\.jsonl"):
        config.open(Runtime(cache=tmp_path / "cache"))


def test_datasets_are_described_like_everything_else() -> None:
    chosen = Chosen(by=RandomSample(budget=5))

    assert describe(Embeddings(dataset=chosen)) == {
        "method": "embeddings",
        "dataset": {"method": "chosen", "by": {"method": "random", "budget": 5}},
    }
    assert describe(Embeddings(dataset=Given())) == {"method": "embeddings"}


_COMPARED = """
data: {source: data.json}
selections:
  whole: {method: k_center}
  usual: {}
  divided: {method: random, per: task, dedup: exact}
  shared: {method: quota, by: mtld, per: source}
  again: {method: =usual, trade_off: 0.25}
  written: {method: mtld, budget: 3}
exports:
  - {selection: written, output: out.jsonl}
compare:
  base: gpt2
  budgets: [10%]
"""


def test_a_selection_that_is_only_compared_needs_no_budget_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "assay.yaml").write_text(_COMPARED)

    config = load_config(tmp_path / "assay.yaml")

    assert [*config.selections] == ["written"]
    assert config.comparison is not None
    arms = config.comparison.experiment.methods
    assert [*arms] == ["whole", "usual", "divided", "shared", "again", "written"]
    assert {str(arm.selector and arm.selector.budget) for arm in
            config.comparison.experiment.contenders()} == {"None"}  # fmt: skip
    assert arms["again"].trade_off == 0.25  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("output: out", "output: out.jsonl}\n  - {selection: usual, output: b"), "usual"),
        (("  budgets: [10%]", "  budgets: [10%]\n  methods: [whole]"), "usual"),
        (("compare:\n  base: gpt2\n  budgets: [10%]\n", ""), "usual"),
        (("output: out", "output: out.jsonl}\n  - {selection: shared, output: b"), "shared"),
    ],
)
def test_a_selection_that_is_written_or_not_compared_needs_one(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    (tmp_path / "assay.yaml").write_text(_COMPARED.replace(*change))

    with pytest.raises(ConfigError, match=f"selections.{message}: .* needs a"):
        load_config(tmp_path / "assay.yaml")
