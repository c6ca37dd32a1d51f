import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from assay.compare.record_files import read_comparison, write_comparison
from assay.compare.records import Comparison
from assay.compare.study import merged
from assay.compare.verdict import verdict
from assay.reports.comparison.page import render, write_report
from tests.unit.compare.synthetic import failing, synthetic, without

COMPARISON = synthetic(questions=40, others=("dolly", "lima"))
PAGE = render(COMPARISON, rebuild="assay compare --again")
ALIKE = synthetic({f"arm{n}": 0.0 for n in range(12)}, questions=10, seeds=1)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.links: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [(k, v or "") for k, v in attrs if k in ("src", "href", "srcset", "action")]
        if tag not in ("meta", "br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader


def _text(page: str) -> str:
    return " ".join(" ".join(_read(page).texts).split())


def _charts(page: str) -> list[ET.Element]:
    return [ET.fromstring(svg) for svg in re.findall(r"<svg .*?</svg>", page, re.DOTALL)]


DIGEST = "0123456789abcdef"
FREE = {"training_flops": float("nan"), "selection_flops": float("nan")}
FLAT = {"values": {"held out": np.full(40, 2.0)}}


def _all_trials(**changes: Any) -> Comparison:
    return replace(COMPARISON, trials=tuple(replace(t, **changes) for t in COMPARISON.trials))


BROKEN = {
    "nothing run": replace(COMPARISON, trials=(), powers=(), models={}),
    "no random": without(COMPARISON, "random"),
    "no cost": _all_trials(**FREE),
    "equal losses": _all_trials(**FLAT),
    "one question": synthetic({"ifd": 0.0}, questions=1, others=()),
    "one run each": synthetic({"ifd": 0.0}, questions=20, seeds=1, draws=1, budgets=("5%",)),
    "many arms": ALIKE,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_every_comparison_has_a_whole_page(kind: str) -> None:
    page = render(BROKEN[kind], rebuild="x")

    reader = _read(page)
    assert reader.open == []
    assert not re.search(r"\b(nan|inf|None)\b", page.replace("no tuning", ""))
    assert all(chart.tag == "svg" and len(chart) for chart in _charts(page))


def test_the_page_asks_for_nothing_from_outside() -> None:
    assert _read(PAGE).links == []
    assert not re.search(r"https?:|@import|url\(|<script|<link|<iframe", PAGE)


def test_equal_records_give_equal_pages() -> None:
    turned = replace(COMPARISON, trials=COMPARISON.trials[::-1])

    assert render(turned, rebuild="assay compare --again") == PAGE


def test_the_verdict_comes_first_and_word_for_word() -> None:
    found, text = verdict(COMPARISON), _text(PAGE)

    claim = " ".join(found.claim.split())
    assert claim in text
    assert text.index(found.headline) < text.index("Loss over budget")


def test_sets_are_apart_by_kind() -> None:
    text = _text(PAGE)

    places = [text.index(w) for w in ("Held out of the pool", "Other sources", "Difference to")]
    assert places == sorted(places)
    assert text.index("dolly") > places[1]
    titles = [chart.get("aria-label") for chart in _charts(PAGE) if chart.get("role") == "img"]
    assert titles == [
        "Loss over budget on held out",
        "Loss over budget on dolly",
        "Loss over budget on lima",
        "Loss against total cost",
    ]


def test_every_random_draw_is_a_dot() -> None:
    chart = next(c for c in _charts(PAGE) if c.get("aria-label") == "Loss over budget on held out")

    dots = [e for e in chart.iter("circle") if e.get("class") == "mark random"]
    assert len(dots) == 3 * 5


def test_nothing_is_drawn_outside_its_chart() -> None:
    for chart in (c for c in _charts(PAGE + render(ALIKE, rebuild="x")) if c.get("role") == "img"):
        width, height = (float(n) for n in (chart.get("viewBox") or "").split()[2:])
        for item in chart.iter():
            pairs = re.findall(
                r"(-?[\d.]+)[ ,](-?[\d.]+)", item.get("d") or item.get("points") or ""
            )
            pairs += [(item.get("x") or item.get("cx"), item.get("y") or item.get("cy"))]
            for x, y in pairs:
                assert x is None or 0 <= float(x) <= width
                assert y is None or 0 <= float(y) <= height


def test_names_beside_the_curves_do_not_overlap() -> None:
    chart = next(c for c in _charts(render(ALIKE, rebuild="x")) if c.get("role") == "img")

    names = [e for e in chart.iter("text") if (e.get("class") or "").startswith("name")]
    heights = sorted(float(e.get("y") or 0) for e in names)
    assert len(names) >= 13
    assert min(np.diff(heights)) >= 12.9


def test_failed_runs_are_shown_with_their_errors_escaped() -> None:
    page = render(failing(COMPARISON, "ifd", "5%", "<script>alert(1)</script>"), rebuild="x")

    assert "<script" not in page
    assert "1 run failed" in _text(page)
    assert 'class="with-fault"' in page
    assert "seed 0 failed: &lt;script&gt;" in page


def test_every_word_from_outside_is_escaped() -> None:
    bad = "<i>&\"'"
    arms = tuple(replace(arm, words=bad) for arm in COMPARISON.arms)
    page = render(
        replace(
            COMPARISON, title=bad, bases=(bad,), pool=bad, recipe=bad, arms=arms, models={bad: bad}
        ),
        rebuild=bad,
    )

    assert "<i>" not in page
    assert _read(page).open == []


def test_what_was_held_equal_and_what_made_the_scores_are_told() -> None:
    text = _text(PAGE)

    assert COMPARISON.recipe in text
    assert "equal numbers of samples" in text
    assert "assay:lm: embedded, 6.8 M parameters" in text
    assert "assay compare --again" in text


def test_light_dark_and_paper_are_styled() -> None:
    assert "prefers-color-scheme: dark" in PAGE
    assert "@media print" in PAGE


def test_the_page_can_be_made_from_stored_records(tmp_path: Path) -> None:
    write_comparison(tmp_path / "records", COMPARISON)

    write_report(tmp_path / "a.html", read_comparison(tmp_path / "records"), rebuild="x")

    assert (tmp_path / "a.html").read_text(encoding="utf-8") == render(COMPARISON, rebuild="x")


def test_the_table_tells_the_tokens_of_the_rows_from_those_that_are_trained_on() -> None:
    trials = tuple(
        replace(trial, chosen_tokens=75_212, read_tokens=48_520)
        if trial.arm == "longest_response" and trial.budget == "5%"
        else trial
        for trial in COMPARISON.trials
    )

    text = _text(render(replace(COMPARISON, trials=trials), rebuild="x"))

    assert text.count("48,520 of rows of 75,212") == 1
    assert "of rows of" not in _text(PAGE)  # records of an earlier form do not say it


def test_several_base_models_have_their_figures_one_after_the_other() -> None:
    other = replace(
        synthetic({"ifd": 0.0}, questions=40, others=(), seed=3), bases=(f"org/small@{DIGEST}",)
    )
    one = replace(
        synthetic({"ifd": -0.05}, questions=40, others=(), seeds=5), bases=(f"org/large@{DIGEST}",)
    )
    made = merged([replace(one, tune_seeds=3), other])
    page = render(made, rebuild="assay compare")
    text = _text(page)

    assert f"Base models org/large@{DIGEST} and org/small@{DIGEST}" in text
    assert "org/large: ifd beats random rows" in text
    assert "org/small: Nothing here is distinguishable from random" in text
    assert text.index("Does a better base model gain more?") < text.index("With org/large")
    assert len(_charts(page)) > len(_charts(render(one, rebuild="assay compare")))
    assert text.index("With org/large") < text.index("With org/small")
    assert "with org/large" not in text.partition("With org/large")[2]


def test_the_surveys_questions_are_answered() -> None:
    made = synthetic({"ifd": -0.05, "longest_response": 0.02}, questions=60, seeds=3)
    text = _text(render(made, rebuild="assay compare"))

    order = [
        text.index(words)
        for words in (
            "Does it beat conventional selection?",
            "Does a better base model gain more? One base model was compared.",
            "Does more data help?",
            "Loss over budget",
        )
    ]
    assert order == sorted(order)
    assert "random: 25% to all rows (full)" in text
    assert "from random rows of the same budget, the longest responses and all rows." in text
    partly = _text(render(without(made, "full"), rebuild="assay compare"))
    assert "from random rows of the same budget and the longest responses." in partly
