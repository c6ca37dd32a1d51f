"""The page on the default says what its evidence says, whatever that is."""

import copy
import json
from typing import Any
from xml.etree import ElementTree

import pytest
from scripts.docs_default import default_page
from scripts.docs_default_evidence import RESULT, Evidence
from scripts.docs_default_picture import picture

from assay.components.default_selection import default_selection

SVG = "{http://www.w3.org/2000/svg}"


def evidence(**changes: Any) -> Evidence:
    """Return evidence of two candidates beside the fixed points, with round numbers."""
    names = ("random", "longest", "old default", "default")
    kinds = ("cut off", "noise")
    taken = {"random": 0.1, "longest": 0.09, "old default": 0.3, "default": 0.02}
    rated = {"random": 0.0, "longest": -0.8, "old default": 0.1, "default": 0.3}
    tiny = {"random": 0.08, "longest": 0.0, "old default": 0.45, "default": 0.01}
    shape = {"median": 200.0, "tiny": 0.08, "very_long": 0.0, "text": 300.0}
    described: dict[str, Any] = {name: {"method": "random"} for name in names}
    described["default"] = {
        "method": "facility_location",
        "trade_off": 0.5,
        "quality": {
            "method": "substance",
            "enough_new": 0.91,
            "least_relevant": 0.32,
            "enough_tokens": 71,
        },
    }  # fmt: skip
    pool = {
        "rows": 1000,
        "spoiled_share": 0.1,
        "choosing": ["cut off"],
        "whole_above_spoiled": {"quality": {"cut off": 0.7, "noise": 0.9}},
        "taken": {
            name: {kind: {"5%": taken[name], "20%": taken[name]} for kind in kinds}
            for name in names
        },
        "neighbours_taken": {
            "more": {kind: {"5%": 0.04} for kind in kinds},
            "less": {kind: {"5%": 0.03} for kind in kinds},
        },
    }
    content: dict[str, Any] = {
        "default": "default",
        "candidates": described,
        "qualities": {"quality": described["default"]["quality"], "longest": "longest_response"},
        "tiny": 20,
        "very_long": 2000,
        "judged": {
            "hardware": {"cpu": "A processor"},
            "of": {
                "rows": 1000,
                "dimensions": 7,
                "bins": 20,
                "mean": 8.0,
                "sd": 1.0,
                "agreement_with_length": -0.06,
                "standard_error_of_random": {"5%": 0.14, "20%": 0.06},
                "agreement": {"quality": {"rows": 1000, "raw": 0.21, "at_equal_length": 0.19}},
                "above_pool": {name: {"5%": rated[name], "20%": 0.2} for name in names},
                "neighbours_above_pool": {
                    "more": {"5%": 0.31, "20%": 0.2},
                    "less": {"5%": 0.3, "20%": 0.02},
                },
            },
        },
        "spoiled": {"of": {"Alpaca": pool}},
        "shapes": {
            "of": {
                "Alpaca": {
                    "rows": 5000,
                    "pool": shape,
                    "chosen": {
                        name: {
                            b: {**shape, "tiny": tiny[name], "text": 375.0} for b in ("5%", "20%")
                        }
                        for name in names
                    },
                }
            }
        },
        "compared": {"of": {"equal rows": {"finished": False}}},
    }
    return Evidence(content | changes)


def tuned(axis: str = "samples", difference: float = -0.031) -> dict[str, Any]:
    """Return a comparison in which the default differs from random by so much on LIMA."""

    def arm(name: str, loss: float, value: float | None) -> dict[str, Any]:
        ends = (
            None if value is None else {"value": value, "low": value - 0.01, "high": value + 0.01}
        )
        return {"candidate": name, "budget": "300", "rows": 300.0, "tokens": 9000.0, "loss": loss,
                "to_random": ends}  # fmt: skip

    arms = {
        "rows": [arm("random", 4.5, None), arm("longest", 4.8, 0.3), arm("default", 4.6, 0.1)],
        "lima.jsonl": [
            arm("random", 5.0, None),
            arm("longest", 5.1, 0.1),
            arm("default", 5.0 + difference, difference),
        ],
    }
    sets = {"rows": {"kind": "held_out", "questions": 100},
            "lima.jsonl": {"kind": "other_source", "questions": 90}}  # fmt: skip
    found = {"finished": True, "base": "a-model", "pool": "alpaca", "pool_rows": 6000, "axis": axis,
             "budgets": ["300"], "seeds": 3, "recipe": "one epoch", "failed": 0, "sets": sets,
             "arms": arms}  # fmt: skip
    return {"of": {"a trial": found}}


def line(page: str, begin: str) -> str:
    return next(text for text in page.splitlines() if text.startswith(begin))


def test_the_evidence_is_of_the_default_that_runs() -> None:
    content = json.loads(RESULT.read_text(encoding="utf-8"))
    recorded = content["candidates"][content["default"]]
    runs: Any = default_selection("5%").selector

    assert (recorded["method"], recorded["trade_off"]) == (runs.name, runs.trade_off)
    assert recorded["quality"]["method"] == runs.quality.name
    numbers = {name: value for name, value in recorded["quality"].items() if name != "method"}
    assert set(numbers) == {"enough_new", "least_relevant", "enough_tokens"}
    assert numbers == {name: getattr(runs.quality, name) for name in numbers}


def test_candidates_stand_side_by_side_on_all_yardsticks() -> None:
    page = default_page(evidence())

    default = "+0.30 | 2.0 % | 2.0 % | 2.0 % | 1.0 % | 1.25 |"
    longest = "\N{MINUS SIGN}0.80 | 9.0 % | 9.0 % | 9.0 % | 0.0 % | 1.25 |"
    assert line(page, "| **default** |") == f"| **default** | {default}"
    assert line(page, "| longest |") == f"| longest | {longest}"


def test_the_limits_of_the_quality_are_those_recorded() -> None:
    page = default_page(evidence())

    assert all(number in page for number in ("From 0.91 on", "least relevant 32 %", "71 on more"))
    assert "holds 1.25 times the text" in page.replace("\n", " ")


def test_what_cannot_be_told_from_chance_is_said() -> None:
    text = default_page(evidence()).replace("\n", " ")

    # 1.96 standard errors of 0.14; the old default's 0.1 is within.
    assert "only those beyond \N{PLUS-MINUS SIGN}0.27 can be told from chance" in text
    assert "Above: default. Below: longest." in text


def test_other_numbers_are_set_against_noise() -> None:
    text = default_page(evidence()).replace("\n", " ")

    # At 20 % 1.96 standard errors are 0.12, and "less" lies 0.18 below the default.
    assert "3 of the 4 ratings lie within 1.96 standard errors" in text
    # 0.1 * 0.9 * (1 / 50 - 1 / 1000) for one kind, halved for the mean of two: 0.0292 squared.
    assert "on Alpaca the furthest, more, takes 4.0 % beside 2.0 %" in text
    assert "(standard error of random rows 2.9 %)" in text


def test_conditions_that_hold_are_said_to() -> None:
    page = default_page(evidence())

    assert line(page, "| never more tiny").endswith("| held |")
    assert line(page, "| rated above the pool").endswith("| held |")
    assert line(page, "| fewer spoiled").endswith("| held |")
    assert line(page, "| neither random").endswith("| held |")
    assert line(page, "| below random on LIMA").endswith("| not measured yet |")


def test_conditions_that_do_not_hold_are_said_not_to() -> None:
    content = copy.deepcopy(dict(evidence().content))
    content["shapes"]["of"]["Alpaca"]["chosen"]["default"]["20%"]["tiny"] = 0.09
    content["judged"]["of"]["above_pool"]["default"]["20%"] = -0.01
    for by_budget in content["spoiled"]["of"]["Alpaca"]["taken"]["default"].values():
        by_budget["5%"] = 0.2
    page = default_page(Evidence(content))

    assert line(page, "| never more tiny").endswith("| **not held** (more on Alpaca at 20%) |")
    assert line(page, "| rated above the pool").endswith("| **not held** (not at 20%) |")
    assert "| **not held** (not on Alpaca at 5% (20.0 %)); over" in line(page, "| fewer spoiled")


def test_candidates_that_hold_the_conditions_are_named() -> None:
    text = default_page(evidence()).replace("\n", " ")

    # Random has no rating above 0 at 5 %, longest neither; the old default takes tiny answers.
    assert "are held by 1 of the 4 candidates: default." in text


def test_a_quality_with_a_name_is_called_by_it() -> None:
    page = default_page(evidence())

    assert "| **default** | `facility_location(trade_off=0.5, quality=quality)` |" in page
    assert line(page, "| *quality* |").startswith("| *quality* | `substance(enough_new=0.91")


def test_a_candidate_better_on_every_yardstick_is_named() -> None:
    content = copy.deepcopy(dict(evidence().content))
    content["judged"]["of"]["above_pool"]["longest"]["5%"] = 0.9
    for by_budget in content["spoiled"]["of"]["Alpaca"]["taken"]["longest"].values():
        by_budget["5%"] = 0.0
    page = default_page(Evidence(content))

    assert line(page, "| neither random").endswith("| **not held** (longest) |")


def test_what_is_not_measured_yet_is_said() -> None:
    page = default_page(evidence())

    assert "Losses of tuned models are not measured yet for: equal rows." in page
    assert "At equal tokens losses are not measured yet" in page


@pytest.mark.parametrize(
    ("difference", "told"),
    [(-0.031, "| held: \N{MINUS SIGN}0.031"), (0.02, "| held: +0.020")],
)
def test_losses_of_tuned_models_are_shown(difference: float, told: str) -> None:
    page = default_page(evidence(compared=tuned(difference=difference)))

    assert told in line(page, "| below random on LIMA")
    assert "not measured yet for" not in page
    assert "90 of lima.jsonl" in page
    assert (
        "| longest | 300 | 9,000 | +0.100 (+0.090 to +0.110) | +0.300 (+0.290 to +0.310) |" in page
    )


def test_a_rival_that_beats_random_where_the_default_does_not_is_named() -> None:
    compared = tuned(difference=0.02)
    (found,) = compared["of"].values()
    found["arms"]["lima.jsonl"][1]["to_random"] = {"value": -0.1, "low": -0.2, "high": -0.05}
    page = default_page(evidence(compared=compared))

    condition = line(page, "| below random on LIMA")
    assert "**not held**" in condition
    assert "Told apart below random: longest" in condition


@pytest.mark.parametrize(
    ("difference", "told"),
    [
        (-0.031, "So the default stands under `--budget '200k tokens'` as well."),
        (-0.005, "**Under `--budget '200k tokens'` take `random`**"),
        (0.02, "**Under `--budget '200k tokens'` take `random`**"),
    ],
)
def test_a_budget_in_tokens_has_its_own_words_once_measured(difference: float, told: str) -> None:
    page = default_page(evidence(compared=tuned(axis="tokens", difference=difference)))

    assert told in page
    assert "+0.100 (+0.090 to +0.110) on the pool's own rows, by 300 rows beside 300" in page


def points(drawn: str) -> list[dict[str, tuple[float, float]]]:
    """Return the places of the candidates in each panel of a picture."""
    root = ElementTree.fromstring(drawn)
    panels = []
    for group in root.findall(f"{SVG}g")[:-1]:
        found = {}
        for circle in group.iter(f"{SVG}circle"):
            title = circle.find(f"{SVG}title")
            assert title is not None
            name = str(title.text).partition(":")[0]
            found[name] = (float(circle.attrib["cx"]), float(circle.attrib["cy"]))
        panels.append(found)
    return panels


def test_the_picture_has_every_candidate_where_its_values_are() -> None:
    (panel,) = points(picture(evidence()))

    assert set(panel) == {"random", "longest", "old default", "default"}
    by_spoiled = sorted(panel, key=lambda name: panel[name][0])
    by_rating = sorted(panel, key=lambda name: -panel[name][1])
    assert by_spoiled == ["default", "longest", "random", "old default"]
    assert by_rating == ["longest", "random", "old default", "default"]


def test_the_picture_has_a_panel_for_each_comparison() -> None:
    _, panel = points(picture(evidence(compared=tuned())))

    assert panel["random"][0] < panel["default"][0] < panel["longest"][0]
    assert panel["default"][1] > panel["random"][1] > panel["longest"][1]  # down is less
