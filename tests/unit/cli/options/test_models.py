"""Options that name models go to methods that read them, and say what is missing before work."""

import importlib.util
import json
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from assay.cli.options.models import Models, check_models, model_errors, with_models
from assay.components.base import Component
from assay.components.component import Scorer
from assay.errors import AssayError, MissingExtraError, ModelLoadError, UsageError
from assay.features.hidden_states import HiddenStates
from assay.methods.combinations.combination import RankMean
from assay.methods.combinations.top_score import TopScore
from assay.methods.geometry.k_center import KCenterGreedy
from assay.methods.likelihood.ifd import IFD
from assay.methods.text.compression_ifd import CompressionIFD
from assay.methods.text.longest import LongestResponse
from assay.project import Project
from assay.runtime import Runtime
from assay.tuning.tuned_model import TunedModel


@pytest.fixture
def project(tmp_path: Path) -> Project:
    path = tmp_path / "data.jsonl"
    row = {"instruction": "ask", "context": "", "response": "answer", "category": "open_qa"}
    path.write_text(json.dumps(row) + "\n")
    return Project(data=path, runtime=Runtime(cache=tmp_path / "cache", workers=1, offline=True))


@pytest.fixture
def torch_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: ModuleSpec(name, None))


def _error(project: Project, component: Component) -> AssayError:
    [(faulty, error)] = model_errors(project, [component])
    assert faulty is component
    return error


def test_a_model_and_its_format_go_to_the_methods_that_read_one() -> None:
    methods: list[Scorer] = [IFD(), CompressionIFD()]

    named = with_models(methods, Models(model="gpt2", dtype="bfloat16"))

    assert named == [IFD(model="gpt2", dtype="bfloat16"), CompressionIFD()]


@pytest.mark.parametrize(
    ("components", "models", "message"),
    [
        ([CompressionIFD()], Models(model="gpt2"),
         "--model: compression_ifd reads no language model"),
        ([TopScore(by=CompressionIFD(), budget=5)], Models(model="gpt2"),
         "--model: compression_ifd reads no language model"),
        ([CompressionIFD(), LongestResponse()], Models(dtype="float16"),
         "--dtype: each of compression_ifd, longest_response reads no language model"),
        ([IFD()], Models(encoder="org/name"), "--encoder: ifd uses no encoder"),
        ([IFD()], Models(model="gpt2", dtype="float8"), "--dtype 'float8' is not known"),
    ],
)  # fmt: skip
def test_an_option_that_no_method_reads_is_refused(
    components: list[Component], models: Models, message: str
) -> None:
    with pytest.raises(UsageError) as raised:
        with_models(components, models)

    assert raised.value.message == message


@pytest.mark.parametrize(
    ("component", "named"),
    [
        (IFD(model=""), "ifd"),
        (TopScore(by=IFD(model=""), budget=5), "ifd"),
        (RankMean(of=(CompressionIFD(), IFD(model=""))), "ifd"),
        (KCenterGreedy(vectors=HiddenStates(model=""), budget=5), "k_center"),
        (TunedModel(), "tuned_model"),
    ],
)
def test_a_method_whose_model_is_named_empty_says_so(
    project: Project, component: Component, named: str
) -> None:
    error = _error(project, component)

    assert isinstance(error, ModelLoadError)
    assert error.message == f"{named} reads a causal language model, and none is named"
    assert error.hint is not None
    assert error.hint.startswith("--model gpt2, assay:lm, any causal model")
    assert "safetensors" in error.hint


def test_a_configuration_names_its_model_in_its_own_way(project: Project) -> None:
    with pytest.raises(ModelLoadError) as raised:
        check_models(project, [IFD(model="")], naming="defaults: {language_model: gpt2}")

    assert raised.value.hint is not None
    assert raised.value.hint.startswith("defaults: {language_model: gpt2}, assay:lm, any")


@pytest.mark.usefixtures("no_torch")
def test_without_torch_the_install_line_comes_before_any_look_at_the_hub(project: Project) -> None:
    error = _error(project, TopScore(by=IFD(model="org/that-is-nowhere"), budget=1))

    assert isinstance(error, MissingExtraError)
    assert error.message == "ifd needs the optional extra 'models'"
    assert error.hint == "pip install 'assay[models]'"


@pytest.mark.usefixtures("no_torch")
def test_without_torch_stored_scores_can_still_be_used(project: Project, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    scorer = IFD(model=str(model))
    table = project.scorer(CompressionIFD())
    [stored] = project.score(table)
    resolved = project.engine.resolve(scorer)
    project.results.write_scores(resolved, project.pool.ids, stored, project.pool.context)

    assert list(model_errors(project, [scorer])) == []
    assert list(model_errors(project, [IFD(model=str(model), mode="reference")])) != []


@pytest.mark.usefixtures("no_torch")
def test_methods_without_a_language_model_need_no_torch(project: Project) -> None:
    check_models(project, [CompressionIFD(), KCenterGreedy(budget=1)])


@pytest.mark.usefixtures("no_torch")
def test_the_embedded_model_needs_no_torch_unless_products_are_to_be_short(
    project: Project,
) -> None:
    check_models(project, [IFD(), KCenterGreedy(vectors=HiddenStates(), budget=1)])

    error = _error(project, IFD(dtype="bfloat16"))
    assert isinstance(error, MissingExtraError)
    assert error.hint == "pip install 'assay[models]'"


@pytest.mark.usefixtures("torch_there")
def test_with_torch_nothing_is_asked_of_the_hub(project: Project) -> None:
    check_models(project, [IFD(model="org/that-is-nowhere")])
