"""Figures of published judge records, against the same counted by cases from their own fields."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.evaluation.outcomes import RULES
from assay.evaluation.recorded import read_recorded
from assay.evaluation.report import Report, report_on
from assay.evaluation.winning import Winning

_RECORDS = Path(__file__).parents[2] / "../shared/data/records"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not _RECORDS.exists(), reason="needs ../shared/data/records"),
]
_CASES = {
    "sum-sign": {
        ("win", "win"): "win", ("win", "tie"): "win", ("tie", "win"): "win",
        ("lose", "lose"): "lose", ("lose", "tie"): "lose", ("tie", "lose"): "lose",
    },
    "agree-else-tie": {("win", "win"): "win", ("lose", "lose"): "lose"},
}  # fmt: skip
Pair = tuple[float, float]


def _lines(name: str) -> list[dict[str, Any]]:
    with gzip.open(_RECORDS / name, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def _document(name: str) -> Any:
    with gzip.open(_RECORDS / name, "rt", encoding="utf-8") as stream:
        return json.load(stream)


def _report(*names: str, candidate: str) -> Report:
    return report_on(read_recorded([_RECORDS / name for name in names], candidate))


def _said(pair: Pair) -> str:
    own, other = pair
    return "win" if own > other else "lose" if own < other else "tie"


def _counted(pairs: list[tuple[Pair, Pair]], rule: str) -> Counter[str]:
    """Return outcomes of pairs of (candidate's, other's) scores in both orders."""
    if rule == "mean-score":
        return Counter(_said((one[0] + two[0], one[1] + two[1])) for one, two in pairs)
    return Counter(_CASES[rule].get((_said(one), _said(two)), "tie") for one, two in pairs)


def _by_rule(total: Winning | None) -> dict[str, Counter[str]]:
    assert total is not None
    found = {"sum-sign": total.score, **total.other_rules}
    return {
        name: +Counter(win=each.wins, tie=each.ties, lose=each.losses)
        for name, each in found.items()
    }


def _cherry() -> list[tuple[Pair, Pair]]:
    pairs = []
    for record in _document("cherry_vicuna_reviews_gpt3.5.json.gz")["data"]:
        first, second = json.loads(record["scores"]), json.loads(record["scores_reverse"])
        pairs.append(((first[0], first[1]), (second[1], second[0])))
    return pairs


@pytest.mark.parametrize("rule", RULES)
def test_cherry_s_vicuna_reviews_by_every_rule(rule: str) -> None:
    report = _report("cherry_vicuna_reviews_gpt3.5.json.gz", candidate="Answer1")

    assert _by_rule(report.total)[rule] == _counted(_cherry(), rule)
    assert list(report.sets) == ["vicuna"]


def test_cherry_s_score_is_the_two_orders_means_at_most_apart() -> None:
    total = _report("cherry_vicuna_reviews_gpt3.5.json.gz", candidate="Answer1").total

    assert total is not None
    values = np.array([
        {"win": 1, "tie": 0, "lose": -1}[
            _CASES["sum-sign"].get((_said(one), _said(two)), "tie")
        ]
        for one, two in _cherry()
    ])  # fmt: skip
    assert total.score.win_score.value == pytest.approx(1 + values.mean(), abs=1e-12)
    assert total.score.standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(80))
    orders = [np.mean([np.sign(p[at][0] - p[at][1]) for p in _cherry()]) for at in (0, 1)]
    assert total.leanings.score_by_order == pytest.approx([1 + each for each in orders])


@pytest.mark.parametrize("rule", RULES)
def test_diverse_evol_by_every_rule_with_relative_score_and_win_and_tie(rule: str) -> None:
    records = _lines("diverseevol_rd_0_vs_chat.jsonl.gz")
    pairs = [(tuple(r["eval_QUERY0"]), tuple(r["eval_QUERY1"])) for r in records]
    total = _report("diverseevol_rd_0_vs_chat.jsonl.gz", candidate="baseline_davinci/rd_0").total

    own, other = (sum(one[at] + two[at] for one, two in pairs) for at in (0, 1))
    level = sum(one[0] + two[0] >= one[1] + two[1] for one, two in pairs)
    assert total is not None
    assert total.scores is not None
    assert _by_rule(total)[rule] == _counted(pairs, rule)
    assert total.scores.relative.value == pytest.approx(100 * own / other, abs=1e-9)
    assert total.scores.win_and_tie.value == pytest.approx(level / len(pairs), abs=1e-12)


def test_alpaca_eval_s_win_rate_and_its_error() -> None:
    records = _document("alpaca_eval_LMCocktail_100.json.gz")
    values = np.array([record["preference"] for record in records]) - 1
    found = _report("alpaca_eval_LMCocktail_100.json.gz", candidate="LMCocktail-10.7B-v1").total

    assert found is not None
    assert found.preference == pytest.approx(
        (100 * values.mean(), 100 * values.std(ddof=1) / np.sqrt(len(values))), abs=1e-9
    )


def test_selfee_s_two_files_are_joined_from_either_side() -> None:
    names = (
        "selfee_chatgpt_vs_selfee_13b_enforce_0_revisions.jsonl.gz",
        "selfee_selfee_13b_enforce_0_revisions_vs_chatgpt.jsonl.gz",
    )
    first, second = ({r["question_id"]: r["score"] for r in _lines(name)} for name in names)
    pairs = [(tuple(first[each]), tuple(second[each][::-1])) for each in first]
    own = _report(*names, candidate="chatgpt")
    other = _report(*names[::-1], candidate="selfee_13b_enforce_0_revisions")

    for rule, counts in _by_rule(own.total).items():
        assert counts == _counted(pairs, rule)
        turned = _by_rule(other.total)[rule]
        assert (turned["win"], turned["lose"]) == (counts["lose"], counts["win"])
    assert len(own.recorded.items) == len(first) == 80


def test_mt_bench_s_pairs_and_their_adjusted_rate() -> None:
    records = _lines("mt_bench_gpt-4_pair.jsonl.gz")
    counts = Counter(r["g1_winner"] if r["g1_winner"] == r["g2_winner"] else "tie" for r in records)
    total = _report("mt_bench_gpt-4_pair.jsonl.gz", candidate="phi-3-dpo").total

    assert total is not None
    found = total.other_rules["agree-else-tie"]
    assert (found.wins, found.ties, found.losses) == (
        counts["model_2"], counts["tie"], counts["model_1"],
    )  # fmt: skip
    adjusted = (counts["model_2"] + 0.5 * counts["tie"]) / len(records)
    assert found.half_tie_rate == pytest.approx(adjusted, abs=1e-12)


def test_mt_bench_s_mean_is_over_all_turns() -> None:
    scores = [record["score"] for record in _lines("mt_bench_gpt-4_single.jsonl.gz")]
    rating = _report("mt_bench_gpt-4_single.jsonl.gz", candidate="phi-3-dpo").ratings

    assert rating is not None
    assert rating.mean == pytest.approx(np.mean([s for s in scores if s >= 0]), abs=1e-12)


def test_pandalm_s_strengths_maximise_the_likelihood_of_its_majorities() -> None:
    optimise = pytest.importorskip("scipy.optimize")
    met = []
    for record in _document("pandalm_100.json.gz"):
        votes = Counter(record[f"annotator{n}"] for n in (1, 2, 3))
        [(vote, count)] = votes.most_common(1)
        shares = {0: 0.5, 1: 1.0, 2: 0.0}
        met.append((*record["cmp_key"].split("_"), shares[vote] if count > 1 else 0.5))
    names = sorted({name for first, second, _ in met for name in (first, second)})

    def loss(point: Any) -> float:
        strength = dict(zip(names, point, strict=True))
        ahead = np.array([strength[a] - strength[b] for a, b, _ in met])
        won = np.array([share for _, _, share in met])
        return float((np.logaddexp(0, ahead) - won * ahead).sum() + 1e-9 * (point @ point))

    point = optimise.minimize(loss, np.zeros(len(names)), tol=1e-10).x
    wanted = dict(zip(names, point - point.mean(), strict=True))
    found = {
        each.name: each.strength.value
        for each in _report("pandalm_100.json.gz", candidate="llama-7b").standings
    }

    assert found == pytest.approx(wanted, abs=1e-3)


def test_every_reply_of_these_files_says_what_is_stored() -> None:
    for name, candidate in (
        ("cherry_vicuna_reviews_gpt3.5.json.gz", "Answer1"),
        ("diverseevol_rd_0_vs_chat.jsonl.gz", "rd_0"),
        ("selfee_chatgpt_vs_selfee_13b_enforce_0_revisions.jsonl.gz", "chatgpt"),
    ):
        found = read_recorded([_RECORDS / name], candidate).contradictions
        assert found.read > 70
        assert found[1:] == (0, 0, 0, 0)
