"""Options of a selection become one selector, filters innermost."""

import json
from pathlib import Path

import pytest

from assay.cli.options.choosing import Choosing, requests
from assay.cli.options.grammar import Words
from assay.cli.options.models import Models
from assay.components.component import Selector
from assay.components.descriptions import describe
from assay.errors import BudgetError, UsageError
from assay.methods.combinations.quota import Quota
from assay.project import Project
from assay.runtime import Runtime


@pytest.fixture
def project(tmp_path: Path) -> Project:
    rows = [
        {"instruction": f"ask {i}", "context": "", "response": f"answer {i}",
         "category": "open_qa" if i % 2 else "closed_qa"}
        for i in range(12)
    ]  # fmt: skip
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Project(data=path, runtime=Runtime(cache=tmp_path / "cache", workers=1))


def _one(
    project: Project, choosing: Choosing, *methods: str, models: Models | None = None
) -> Selector:
    [request] = requests(project, Words(methods=methods), choosing, models)
    return request.selector


def test_a_score_stands_for_its_best_rows(project: Project) -> None:
    selector = _one(project, Choosing(budget="3"), "longest_response")

    assert describe(selector) == {"method": "top_score", "budget": 3, "by": "longest_response"}


def test_filters_come_before_the_method_in_one_chain(project: Project, tmp_path: Path) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"question": "who?"}\n')
    choosing = Choosing(
        budget="3", where=["task=open_qa"], against=[str(questions)], dedup="near"
    )  # fmt: skip

    selector = _one(project, choosing, "random")

    names = []
    step: Selector | None = selector
    while step is not None:
        names.append(step.name)
        step = step.within
    assert names == ["random", "deduplicate", "decontaminate", "where"]


def test_words_of_one_attribute_belong_together(project: Project) -> None:
    choosing = Choosing(budget="3", where=["task=open_qa", "task=closed_qa", "source!=data"])

    selector = _one(project, choosing, "random")

    assert selector.within is not None
    assert describe(selector.within) == {
        "method": "where", "attribute": "source", "values": ["data"], "keep": False,
        "within": {"method": "where", "attribute": "task", "values": ["open_qa", "closed_qa"]},
    }  # fmt: skip


def test_a_misspelt_word_is_found_before_any_work(project: Project) -> None:
    with pytest.raises(UsageError, match="no row has the task 'opn_qa'") as raised:
        _one(project, Choosing(budget="3", where=["task=opn_qa"]), "random")

    assert raised.value.hint == "did you mean 'open_qa' or 'closed_qa'?"


def test_seeds_make_one_selection_each(project: Project) -> None:
    made = requests(project, Words(methods=("random",)), Choosing(budget="3", seeds=2))

    assert [request.selector.seed for request in made] == [0, 1]
    assert [request.label for request in made] == ["seed0", "seed1"]


def test_a_seed_reaches_the_method_of_a_quota(project: Project) -> None:
    selector = _one(project, Choosing(budget="4", per="task", seed=7), "random")

    assert describe(selector)["by"] == {"method": "random", "seed": 7}


def test_shares_are_weights_with_a_budget_and_budgets_without(project: Project) -> None:
    weighted = _one(
        project, Choosing(budget="4", per="task", share=["open_qa=70%", "closed_qa=3"]), "random"
    )
    absolute = _one(project, Choosing(per="task", share=["open_qa=2"]), "random")

    assert describe(weighted)["weights"] == [["closed_qa", 3.0], ["open_qa", 70.0]]
    assert describe(absolute)["budgets"] == [["open_qa", 2]]


def test_base_and_tokenizer_reach_the_budgets_of_the_shares(project: Project) -> None:
    choosing = Choosing(
        per="task", share=["open_qa=50 tokens", "closed_qa=50%"], of="eligible", tokenizer="x"
    )

    selector = _one(project, choosing, "random")

    assert isinstance(selector, Quota)
    closed, open_ = dict(selector.budgets).values()
    assert (closed.of, closed.tokenizer) == ("eligible", "")
    assert (open_.unit, open_.tokenizer) == ("tokens", "x")


def test_several_methods_make_several_selections(project: Project) -> None:
    made = requests(project, Words(methods=("random", "mtld")), Choosing(budget="3"))

    assert [request.label for request in made] == ["random", "mtld"]


def test_the_base_of_a_percentage_is_part_of_the_budget(project: Project) -> None:
    selector = _one(project, Choosing(budget="50%", of="eligible"), "random")

    assert selector.budget is not None
    assert selector.budget.of == "eligible"


@pytest.mark.parametrize(
    ("choosing", "message"),
    [
        (Choosing(), "needs a budget"),
        (Choosing(budget="3", seed=1, seeds=2), "exclude each other"),
        (Choosing(budget="3", of="rows"), "--of 'rows'"),
        (Choosing(budget="3", tokenizer="x"), "counts a budget in tokens"),
        (Choosing(per="task", share=["a=1"], tokenizer="x"), "no --share is one"),
        (Choosing(budget="3", share=["a=1"]), "--share needs --per"),
        (Choosing(budget="3", per="colour"), "'colour' is not known"),
        (Choosing(budget="3", per="task", share=["open_qa=much"]), "is not a weight"),
        (Choosing(per="task"), "needs a budget"),
        (Choosing(budget="3", dedup="fuzzy"), "'fuzzy' is not known"),
        (Choosing(budget="3", where=["colour"]), "is no condition"),
        (Choosing(budget="3", where=["response.shouting=0"]), "no measure 'shouting'"),
        (Choosing(budget="3", where=["response~(a"]), "is no pattern"),
        (Choosing(budget="3", where=["response>=3"]), "is asked for a pattern"),
        (Choosing(budget="3", where=["response.words~a"]), "words is a number"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    project: Project, choosing: Choosing, message: str
) -> None:
    methods = ("random",) if choosing.budget or choosing.per else ()

    with pytest.raises(UsageError, match=message):
        requests(project, Words(methods=methods), choosing)


def test_an_encoder_for_a_method_without_one_is_refused(project: Project) -> None:
    with pytest.raises(UsageError, match="uses no encoder"):
        _one(project, Choosing(budget="3"), "random", models=Models(encoder="org/name"))


def test_an_encoder_reaches_the_features_of_a_method(project: Project) -> None:
    models = Models(encoder="org/name")

    selector = _one(project, Choosing(budget="3"), "k_center", models=models)

    assert describe(selector)["vectors"] == {"method": "embeddings", "model": "org/name"}


def test_a_language_model_reaches_the_scores_of_a_selection(project: Project) -> None:
    choosing = Choosing(budget="3", per="task", settings=["rendering.turns=last"])
    models = Models(model="gpt2", dtype="bfloat16")

    selector = _one(project, choosing, "ifd", models=models)

    assert describe(selector)["by"]["by"] == {
        "method": "ifd", "model": "gpt2", "dtype": "bfloat16", "rendering": {"turns": "last"},
    }  # fmt: skip


def test_one_method_that_reads_the_model_is_enough(project: Project) -> None:
    made = requests(
        project, Words(methods=("ifd", "random")), Choosing(budget="3"), Models(model="gpt2")
    )

    assert describe(made[0].selector)["by"] == {"method": "ifd", "model": "gpt2"}
    assert describe(made[1].selector) == {"method": "random", "budget": 3}


def test_a_budget_that_cannot_be_read_is_refused(project: Project) -> None:
    with pytest.raises(BudgetError):
        _one(project, Choosing(budget="5x"), "random")
