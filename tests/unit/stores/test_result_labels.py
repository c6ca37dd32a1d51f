"""A project keeps every result, and finds each by its name."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from assay.config.config import load_config
from assay.errors import UsageError
from assay.methods.combinations.top_score import TopScore
from assay.methods.text.longest import LongestResponse
from assay.project import Project
from assay.runtime import Runtime
from assay.stores.results import Results
from assay.workspace.stored import find_result, stored_results, stored_selection
from tests.unit.methods.planted import PlantedScore

# Characters and words rank these answers in opposite orders.
ANSWERS = ["a b c d e", "aaaaaaaaaa bb", "cccccccccccccccccccccc", "d d d"]
CHARACTERS = {"ask 0": 9.0, "ask 1": 13.0, "ask 2": 22.0, "ask 3": 5.0}
WORDS = {"ask 0": 5.0, "ask 1": 2.0, "ask 2": 1.0, "ask 3": 3.0}
BY_WORDS = {"method": "longest_response", "unit_of_length": "words"}

Open = Callable[..., Project]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    rows = [{"instruction": f"ask {i}", "output": text} for i, text in enumerate(ANSWERS)]
    (tmp_path / "data.json").write_text(json.dumps(rows))

    def again(hold_out: float = 0.0) -> Project:
        runtime = Runtime(cache=tmp_path / "cache", workers=1)
        return Project(data=tmp_path / "data.json", hold_out=hold_out, runtime=runtime)

    return again


def _column(project: Project, name: str) -> dict[str, float]:
    prompts = [conversation.prompt for conversation in project.pool.conversations(np.arange(4))]
    return dict(zip(prompts, project.frame()[name].to_list(), strict=True))


def _listen(project: Project) -> list[str]:
    """Return what is said from now on when a name moves, as it is said."""
    said: list[str] = []
    project.results.labels.tell = said.append
    return said


def _asked(project: Project, name: str) -> list[str]:
    ids = stored_selection(project, name).ids.tolist()
    return [project.sample(row_id).conversation.prompt for row_id in ids]


def _scores(project: Project) -> list[str]:
    """Return the columns of a frame that hold scores."""
    places = ("id", "file", "record", "sample")
    names = [name for name in project.frame().columns if not name.endswith(".reason")]
    return [name for name in names if name not in places]


def test_two_lengths_are_two_scores(opened: Open) -> None:
    opened().score("longest_response")
    project = opened()
    project.score(BY_WORDS)

    assert _scores(project) == ["longest_response", "longest_response-unit_of_length-words"]
    assert _column(project, "longest_response") == CHARACTERS
    assert _column(project, "longest_response-unit_of_length-words") == WORDS


def test_selections_that_differ_in_anything_all_stay(opened: Open) -> None:
    project = opened()
    within = {"method": "where", "attribute": "source", "values": ["data"]}
    made = [
        project.select("longest_response", budget=2),
        project.select(BY_WORDS, budget=2),
        project.select("longest_response", budget=2, within=within),
        project.select("longest_response", budget=2, within={"method": "deduplicate"}),
        project.select("longest_response", budget=2, rule="none"),
        project.select("longest_response", budget=2, seed=1),
        project.select("k_center", budget=2),
        project.select("k_center", budget=2, seed=4),
        project.select(
            "k_center", budget=2,
            vectors={"method": "embeddings", "model": "assay:encoder-spelled"},
        ),
    ]  # fmt: skip

    again = opened()
    names = [selection.name for selection in made]
    assert len(set(names)) == len(made)
    assert [stored_selection(again, name).selector.key for name in names] == [
        selection.selector.key for selection in made
    ]
    assert _asked(again, names[0]) == ["ask 2", "ask 1"]
    assert _asked(again, names[1]) == ["ask 0", "ask 3"]


def test_a_combination_of_one_score_in_two_forms_shows_both(opened: Open) -> None:
    chosen = opened().select(
        {"method": "rank_mean", "of": ["longest_response", BY_WORDS]}, budget=4
    )

    frame = chosen.frame()

    shown = dict(zip(frame["prompt"], frame["longest_response"], strict=True))
    assert shown == CHARACTERS
    words = frame["longest_response-unit_of_length-words"]
    assert dict(zip(frame["prompt"], words, strict=True)) == WORDS


def test_rows_held_out_and_not_are_two_results(opened: Open) -> None:
    whole = opened().select(BY_WORDS, budget=1).ids.tolist()
    part = opened(hold_out=0.5).select(BY_WORDS, budget=1).ids.tolist()
    assert whole != part

    project = opened()
    again = project.results.read_selection(
        stored_selection(project, "longest_response-unit_of_length-words-1").selector,
        project.pool.context,
    )
    assert again is not None
    assert (
        stored_selection(project, "longest_response-unit_of_length-words-1").ids.tolist() == whole
    )
    assert (
        stored_selection(
            opened(hold_out=0.5), "longest_response-unit_of_length-words-1"
        ).ids.tolist()
        == part
    )


def test_a_name_that_a_person_gives_is_the_one_that_is_shown(opened: Open) -> None:
    project = opened()
    project.score(BY_WORDS, name="wordy")
    chosen = project.select("longest_response", budget=2, name="mine")

    assert chosen.name == chosen.manifest()["selection"] == "mine"
    assert _column(project, "wordy") == WORDS
    assert [r.name for r in stored_results(project.results, project.pool.context)] == [
        "longest_response", "wordy", "mine"
    ]  # fmt: skip
    # The derived name still leads there.
    assert _asked(project, "longest_response-2") == _asked(project, "mine") == ["ask 2", "ask 1"]


def test_seeds_are_told_apart_below_a_name(opened: Open) -> None:
    made = opened().select("random", budget=2, seeds=2, name="chance")

    assert [selection.name for selection in made] == ["chance-seed0", "chance-seed1"]


def test_a_name_that_moves_is_told_of_and_the_result_keeps_another(opened: Open) -> None:
    project = opened()
    said = _listen(project)
    project.select("longest_response", budget=2, name="mine")
    project.select(BY_WORDS, budget=2, name="mine")

    [told] = said
    assert told == (
        "mine named top_score(budget=2 samples, by=longest_response) before, "
        "which is longest_response-2 now"
    )
    assert _asked(project, "mine") == ["ask 0", "ask 3"]
    assert _asked(project, "longest_response-2") == ["ask 2", "ask 1"]


def test_a_derived_name_that_a_person_took_leaves_no_result_without_one(opened: Open) -> None:
    project = opened()
    said = _listen(project)
    first = project.select("longest_response", budget=2)
    project.select(BY_WORDS, budget=2, name="longest_response-2")

    moved = f"longest_response-2-{first.selector.key[:6]}"
    assert _asked(project, "longest_response-2") == ["ask 0", "ask 3"]
    assert _asked(project, moved) == ["ask 2", "ask 1"]
    assert moved in said[0]
    # And who asks for the first anew gets it, not what took its name.
    again = opened().select("longest_response", budget=2)
    assert (again.name, again.ids.tolist()) == (moved, first.ids.tolist())


def test_the_same_result_may_have_several_names(opened: Open) -> None:
    project = opened()
    said = _listen(project)
    project.select("longest_response", budget=2, name="one")
    second = project.select("longest_response", budget=2, name="two")

    assert (second.name, said) == ("two", [])
    assert _asked(project, "one") == _asked(project, "two")


def test_one_name_for_several_scores_is_refused(opened: Open) -> None:
    with pytest.raises(UsageError, match="names one score, and 2 are asked for"):
        opened().score("longest_response", BY_WORDS, name="both")


def test_names_of_a_file_are_kept(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "assay.yaml").write_text(
        "data: data.json\n"
        "scores: {chars: longest_response, wordy: {method: longest_response, "
        "unit_of_length: words}}\n"
        "selections:\n"
        "  first: {method: =chars, budget: 2}\n"
        "  second: {method: =wordy, budget: 2}\n"
        "  chance: {method: random, budget: 2, seeds: [3, 4]}\n"
    )
    config = load_config(tmp_path / "assay.yaml")
    result = config.run(runtime=Runtime(cache=tmp_path / "cache", workers=1))

    project = opened()
    assert {s.name for group in result.selections.values() for s in group} == {
        "first", "second", "chance-seed3", "chance-seed4"
    }  # fmt: skip
    assert _column(project, "chars") == CHARACTERS
    assert _column(project, "wordy") == WORDS
    assert _asked(project, "first") == ["ask 2", "ask 1"]
    assert _asked(project, "second") == ["ask 0", "ask 3"]


def test_a_project_of_an_earlier_version_keeps_its_names(opened: Open) -> None:
    project = opened()
    project.score(BY_WORDS)
    chosen = project.select(BY_WORDS, budget=2)
    _as_before(project, "scores", "longest_response", "longest_response")
    _as_before(project, "selections", "longest_response-2", "longest_response-2")

    again = opened()
    assert list(again.results.names()) == ["longest_response", "longest_response-2"]
    assert _column(again, "longest_response") == WORDS
    assert stored_selection(again, "longest_response-2").ids.tolist() == chosen.ids.tolist()
    # What is asked for anew is not made anew, and what is new takes no name away.
    before = sorted(path.name for path in again.folder.rglob("*.parquet"))
    assert again.select(BY_WORDS, budget=2).name == "longest_response-2"
    assert sorted(path.name for path in again.folder.rglob("*.parquet")) == before
    again.score("longest_response")
    assert sorted(_scores(again))[0] == "longest_response"
    assert _column(again, "longest_response") == WORDS
    [other] = set(_scores(again)) - {"longest_response"}
    assert _column(again, other) == CHARACTERS


def _as_before(project: Project, kind: str, stem: str, name: str) -> None:
    """Lay a result out as earlier versions did: half the key, no rows, a path under its name."""
    [new] = [p for p in (project.folder / kind).iterdir() if p.name.startswith(f"{stem}-")]
    key = new.name.removeprefix(f"{stem}-").split("-")[0]
    old = new.rename(new.with_name(f"{stem}-{key[:8]}.parquet"))
    for label in (project.folder / "names").iterdir():
        if key in label.read_text():
            label.unlink()
    (project.folder / "names" / name).write_text(f"{kind}/{old.name}\n")


def test_a_result_made_otherwise_takes_the_name_and_says_so(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = opened()
    said = _listen(project)
    project.score("longest_response")
    monkeypatch.setattr(LongestResponse, "version", 99)
    project.score("longest_response")

    assert said == ["longest_response: what makes it has changed, and it now names the new result"]
    found = find_result(project, "longest_response")
    assert found.path == project.results.score_path(LongestResponse(), project.pool.context)
    assert _scores(project) == ["longest_response"]


def test_a_name_of_any_letters_is_kept(tmp_path: Path) -> None:
    labels = Results(tmp_path).labels
    selector = TopScore(by=PlantedScore(), budget=2)
    names = ["my best/of all", ".hidden", "模" * 90, "plain"]
    for name in names:
        labels.give(selector, name)

    assert set(labels.read()) == set(names)
