"""What Python and a notebook echo of what the library returns."""

import json
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from assay.compare.records import Arm, Comparison, EvaluationSet, Trial
from assay.config.config import load_config
from assay.echo import Brief, brief, card
from assay.engine.planning import plan
from assay.models.recipe import Recipe, Tuned
from assay.project import Project
from assay.runtime import Runtime

_HOSTILE = "<script>alert('x')</script> & <b>\u202e\x1b[2J</b> \"'"
_ROWS = 60


class _Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


_OURS = {"div", "strong", "dl", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td"}


def _checked(page: str) -> str:
    """Return the text of what a notebook shows, once it has nothing in it but our tags."""
    parsed = _Tags(page)
    assert parsed.tags <= _OURS
    text = "|".join(parsed.texts)
    assert not {"\x1b", "\u202e"} & set(text)
    assert len(page) < 20_000
    return text


def _shown(value: Any) -> str:
    page: str = value._repr_html_()
    return page


@pytest.fixture
def project(tmp_path: Path) -> Project:
    rows = [
        {"instruction": f"{_HOSTILE} {place}", "output": f"{_HOSTILE} " * (place + 1)}
        for place in range(_ROWS)
    ]
    path = tmp_path / "<b>rows & more.json"
    path.write_text(json.dumps(rows))
    runtime = Runtime(cache=tmp_path / "cache", workers=1)
    return Project(tmp_path / "<i>p", data=path, hold_out=0.1, runtime=runtime)


def test_everything_that_the_library_returns_is_one_short_line(
    project: Project, tmp_path: Path
) -> None:
    best = project.select("longest_response", budget=40)
    several = project.select("random", budget=40, seeds=3)
    tables = project.score("longest_response", "compression_ifd", "ttr")
    (tmp_path / "run.yaml").write_text(
        f"data: {json.dumps(str(project.load_record.files[0].path))}\n"
        "scores: [ttr]\nselections: {few: {method: random, budget: 5}}\n"
    )
    config = load_config(tmp_path / "run.yaml")
    one_line = [
        project, project.pool, best, best.record, best.record.selection, best.selector,
        *several, *tables, tables[0].main, best.composition(), best.shapes(),
        best.export(tmp_path / "a.json"), best.export(tmp_path / "b.jsonl", layout="trl"),
        project.load_record, project.sample(best.ids[0]), project.results, project.engine,
        plan(project.engine, [best.selector]), config, config.run(runtime=project.runtime),
        *(project.engine.value(item) for item in best.scorers()),
    ]  # fmt: skip

    for value in one_line:
        told = repr(value)
        assert len(told) <= 600, told
        assert told.isprintable(), told
    # A list is echoed by the reprs of what it holds.
    assert len(repr(several)) < 300
    assert len(repr(tables)) < 600


def test_a_selection_and_a_project_say_what_they_are(project: Project) -> None:
    best = project.select("longest_response", budget=40)
    [table] = project.score("longest_response")

    assert repr(best) == "NamedSelection('longest_response-40', 40 of 57 rows)"
    assert repr(project) == f"Project({str(project.folder)!r}, 60 rows)"
    assert repr(project.pool) == "Pool(60 rows, 3 of them held out)"
    assert repr(table).startswith("ScoreTable('longest_response', 60 of 60 rows have a number; 4")
    assert repr(best.selector) == "TopScore(budget=Budget('40 samples'), by=LongestResponse())"


def test_what_a_notebook_shows_is_text_whatever_the_rows_hold(project: Project) -> None:
    best = project.select("longest_response", budget=40)
    [table] = project.score("longest_response")

    chosen, whole, scores = (_checked(value._repr_html_()) for value in (best, project, table))

    assert "40 of 57 that could be chosen" in chosen
    assert best.ids[0] in chosen
    assert "alert('x')" in chosen
    assert "the first 5" in chosen
    assert "<b>rows & more.json" in whole
    assert "|60|" in whole
    assert "longest_response-40" in whole
    assert "median" in scores
    for frame in (best.frame(), project.frame()):
        assert "<script" not in frame._repr_html_()
        assert "<b>" not in frame._repr_html_()


def test_a_notebook_shows_what_a_list_of_results_holds(project: Project) -> None:
    few, many = (project.select("random", budget=9, seeds=seeds) for seeds in (2, 12))
    tables = project.score("longest_response", "ttr")

    chosen, scores, cut = (_Tags(_shown(value)).texts for value in (few, tables, many))

    assert [text for text in chosen if text in {each.name for each in few}] == [
        each.name for each in few
    ]
    assert [text for text in scores if text in ("longest_response", "ttr")] == [
        "longest_response",
        "ttr",
    ]
    assert cut[-1] == "and 2 more"
    _checked(_shown(few))


def test_a_score_with_rows_without_numbers_says_why(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{"instruction": f"{n}", "output": "a" * n} for n in range(9)]))
    runtime = Runtime(cache=tmp_path / "cache", workers=1, max_unscored=1)
    [table] = Project(data=path, runtime=runtime, max_set_aside=1).score("longest_response")

    assert repr(table) == (
        "ScoreTable('longest_response', 8 of 9 rows have a number; 1 to 8, median 4.5; "
        "empty response 1)"
    )
    assert "empty response 1" in _checked(table._repr_html_())


def test_a_comparison_shows_its_arms() -> None:
    part = EvaluationSet("held", "held_out", np.arange(3, dtype=np.uint64), np.ones(3, np.int64))
    losses = {"held": np.array([1.0, 2.0, np.nan])}
    trials = [
        Trial(name, "5%", 10, 100, None, seed, "done", values=losses)
        for name in ("<b>mine</b>", "random")
        for seed in range(2)
    ]
    arms = (Arm("<b>mine</b>", "method", "mine()"), Arm("random", "random", "random()"))
    compared = Comparison(
        "A <i>title</i>", ("some/base",), "rows", 200, ("5%",), "samples", 2, "LoRA", (part,),
        "held", arms, tuple(trials), {}, "1",
    )  # fmt: skip

    assert repr(compared) == (
        "Comparison('A <i>title</i>', 2 arms at 5%, 4 trainings of some/base)"
    )
    text = _checked(compared._repr_html_())
    assert "<b>mine</b>|5%|2|1.5000" in text
    assert len(repr(trials)) < 1500
    assert "values={'held': <3 float64>}" in repr(trials[0])


def test_arrays_tables_and_long_texts_are_told_in_a_few_words() -> None:
    assert brief(np.zeros((7, 2))) == "<7 x 2 float64>"
    assert brief(pl.Series("a", ["x"] * 9)) == "<9 String>"
    assert brief(pl.DataFrame({"a": [1, 2]})) == "<table of 2 rows>"
    assert len(brief("long " * 1000)) <= 72
    assert len(brief({str(n): "word " * 100 for n in range(1000)})) < 500
    assert brief([1, 2, 3, 4, 5]) == "[1, 2, 3, 4, ...]"


@dataclass(frozen=True, repr=False)
class _Held(Brief):
    name: str
    numbers: object


def test_a_brief_value_names_its_fields() -> None:
    assert repr(_Held("a\nb", np.zeros(3))) == "_Held(name='a\\nb', numbers=<3 float64>)"


def test_a_recipe_and_what_came_of_it_are_one_line(tmp_path: Path) -> None:
    recipe = Recipe(epochs=1, learning_rate=1e-4)
    tuned = Tuned(
        folder=tmp_path, base="some/base@0123456789abcdef0123456789abcdef01234567", recipe=recipe,
        seed=0, epochs=(1,), rows=5000, sequences=5000, left_out={}, noted={}, steps=4000,
        losses=tuple(range(4000)), learning_rates=(1e-4,), tokens=1, scored_tokens=1,
        parameters=1, trained_parameters=1, flops=1.0, seconds=1.0, producer={},
    )  # fmt: skip

    assert repr(recipe) == "Recipe(learning_rate=0.0001, epochs=1)"
    assert repr(tuned).startswith("Tuned('some/base")
    assert repr(tuned).endswith(f", 5,000 rows, 4,000 steps, {str(tmp_path)!r})")
    assert len(repr(tuned)) < 100 + len(str(tmp_path))


def test_a_card_leaves_out_what_is_unknown() -> None:
    assert card("a < b", [("rows", 12345), ("without", None)]) == (
        '<div class="assay"><strong>a &lt; b</strong><dl><dt>rows</dt><dd>12,345</dd></dl></div>'
    )
