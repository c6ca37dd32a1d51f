"""A table is doubted where no counts could give it, and nowhere else."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.errors import DataError
from assay.evaluation.table_check import Checked, check_table
from assay.evaluation.win_table import read_win_table

SIZES = {"Vicuna": 80, "Koala": 180, "WizardLM": 218, "Self-Instruct": 252}


def _table(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path = folder / "table.csv"
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return path


def _checked(folder: Path, rows: Sequence[dict[str, Any]]) -> Checked:
    return check_table(read_win_table(_table(folder, rows)))


def _kinds(found: Checked) -> list[str]:
    return [each.kind for each in found.findings]


def _printed(wins: int, losses: int, count: int, digits: int, *, cut: bool) -> str:
    value = 1 + (wins - losses) / count
    scaled = value * 10**digits
    whole = math.floor(scaled + 1e-9) if cut else math.floor(scaled + 0.5 + 1e-9)
    return f"{whole / 10**digits:.{digits}f}"


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("digits", [2, 3, 4])
def test_a_table_made_of_counts_is_never_called_impossible(
    tmp_path: Path, digits: int, cut: bool
) -> None:
    rng = np.random.default_rng(digits)
    for _ in range(40):
        rows: list[dict[str, Any]] = []
        difference = 0
        for name, size in SIZES.items():
            wins = int(rng.integers(0, size + 1))
            losses = int(rng.integers(0, size - wins + 1))
            difference += wins - losses
            rows.append({"candidate": "a", "set": name,
                         "score": _printed(wins, losses, size, digits, cut=cut)})  # fmt: skip
        total = sum(SIZES.values())
        printed = _printed(difference, 0, total, digits, cut=cut)
        found = _checked(tmp_path, [*rows, {"candidate": "a", "set": "Total", "score": printed}])
        assert found.is_possible, found.findings
        # Beyond what rounding of the sets' scores leaves open.
        far = f"{float(printed) + (0.04 if float(printed) < 1 else -0.04):.{digits}f}"
        wrong = _checked(tmp_path, [*rows, {"candidate": "a", "set": "Total", "score": far}])
        assert "contradiction" in _kinds(wrong)


def test_scores_that_no_counts_give_are_named_with_the_nearest(tmp_path: Path) -> None:
    # 80 questions make steps of 0.0125: 1.275, 1.2875, 1.3. 1.287 is one of them, cut off.
    rows = [{"candidate": "a", "set": "Vicuna", "score": score}
            for score in ("1.29", "1.294", "1.2875", "1.287", "1.281", "2.10")]  # fmt: skip
    found = _checked(tmp_path, rows)

    wrong = {each.lines[0] for each in found.findings if each.kind == "impossible"}
    assert wrong == {3, 6, 7}
    words = next(each.words for each in found.findings if each.lines == (6,))
    assert "with 80 questions the nearest scores are 1.2750 and 1.2875" in words
    assert found.assumed == {"Vicuna"}


def test_a_score_that_is_cut_off_is_told_as_that(tmp_path: Path) -> None:
    # 1 + 51 / 1030 = 1.0495, of which the survey prints 1.04.
    counts = {"wins": 400, "ties": 281, "losses": 349}
    found = _checked(tmp_path, [{"candidate": "a", "set": "x", "score": "1.04", **counts}])

    assert _kinds(found) == ["remark"]
    assert "1.04 is cut off, not rounded: its counts give 1.0495" in found.findings[0].words


def test_counts_and_scores_are_held_against_each_other(tmp_path: Path) -> None:
    rows = [
        {"candidate": "a", "set": "x", "wins": 50, "ties": 20, "losses": 10, "questions": 80,
         "score": "1.5"},
        {"candidate": "b", "set": "x", "wins": 50, "ties": 20, "losses": 10, "questions": 80,
         "score": "1.55"},
        {"candidate": "c", "set": "x", "wins": 50, "ties": 30, "losses": 10, "questions": 80},
        {"candidate": "d", "set": "x", "wins": 50, "ties": 10, "losses": 10, "questions": 80},
    ]  # fmt: skip
    found = _checked(tmp_path, rows)

    assert [(each.kind, each.lines) for each in found.findings] == [
        ("impossible", (3,)), ("impossible", (4,)), ("remark", (5,)),
    ]  # fmt: skip
    assert "its counts give 1.5000" in found.findings[0].words
    assert "90 outcomes of 80 questions" in found.findings[1].words
    assert not found.is_possible


def test_totals_are_those_of_the_sets(tmp_path: Path) -> None:
    one: dict[str, Any] = {"candidate": "a", "set": "x", "wins": 40, "ties": 20, "losses": 20}
    two = {"candidate": "a", "set": "y", "wins": 10, "ties": 100, "losses": 70}
    right = {"candidate": "a", "set": "total", "wins": 50, "ties": 120, "losses": 90}
    wrong = {"candidate": "a", "set": "total", "wins": 51, "ties": 119, "losses": 90}

    assert _checked(tmp_path, [one, two, right]).findings == ()
    (finding,) = _checked(tmp_path, [one, two, wrong]).findings
    assert (finding.kind, finding.lines) == ("contradiction", (2, 3, 4))
    assert finding.words == "a on total: 51 / 119 / 90 in all, its sets 50 / 120 / 90"


def test_a_plain_mean_of_the_sets_is_recognised(tmp_path: Path) -> None:
    # Pooled: 1 + (20 - 60) / 260 = 0.8462. The mean of 1.25 and 0.6667 is 0.9583.
    rows: list[dict[str, Any]]
    rows = [{"candidate": "a", "set": "x", "score": "1.25", "questions": 80},
            {"candidate": "a", "set": "y", "score": "0.6667", "questions": 180},
            {"candidate": "a", "set": "overall", "score": "0.9583"}]  # fmt: skip
    (finding,) = _checked(tmp_path, rows).findings

    assert finding.kind == "contradiction"
    assert "its sets give 0.8462" in finding.words
    assert "is the plain mean of their scores" in finding.words


def test_a_line_of_means_is_held_against_the_mean_of_its_sets(tmp_path: Path) -> None:
    # The mean of 1.25 and 0.6667 is 0.95835; pooled it would be 0.8462.
    rows: list[dict[str, Any]]
    rows = [{"candidate": "a", "set": "x", "score": "1.25", "questions": 80},
            {"candidate": "a", "set": "y", "score": "0.6667", "questions": 180},
            {"candidate": "a", "set": "Average", "score": "0.958"}]  # fmt: skip
    wrong = [*rows[:2], {"candidate": "a", "set": "avg", "score": "0.846"}]

    assert _checked(tmp_path, rows).findings == ()
    (finding,) = _checked(tmp_path, wrong).findings
    assert (finding.kind, finding.lines) == ("contradiction", (2, 3, 4))
    assert finding.words == "a on avg: 0.846, and the mean of its sets is 0.9584"


def test_a_conclusion_that_hangs_on_the_judge_is_told(tmp_path: Path) -> None:
    def line(judge: str, wins: int, losses: int, candidate: str = "a") -> dict[str, Any]:
        return {"candidate": candidate, "set": "x", "judge": judge, "wins": wins,
                "ties": 100 - wins - losses, "losses": losses}  # fmt: skip

    turned = _checked(tmp_path, [line("one", 60, 20), line("two", 20, 60)])
    doubtful = _checked(tmp_path, [line("one", 60, 20), line("two", 32, 30)])
    agreed = _checked(tmp_path, [line("one", 60, 20), line("two", 62, 20)])
    alone = _checked(tmp_path, [line("one", 60, 20), line("two", 20, 60, "b")])

    assert _kinds(turned) == ["sensitive"]
    assert "wins or loses by who judges: 1.4000 by one and 0.6000 by two" in (
        turned.findings[0].words
    )
    assert _kinds(doubtful) == ["sensitive"]
    assert "beyond chance by some alone" in doubtful.findings[0].words
    assert _kinds(agreed) == ["remark"]
    assert alone.findings == ()


def test_lines_of_several_candidates_are_not_added_up(tmp_path: Path) -> None:
    rows: list[dict[str, Any]]
    rows = [{"candidate": name, "set": part, "wins": wins, "ties": 0, "losses": 10 - wins}
            for name, wins in (("a", 7), ("b", 3)) for part in ("x", "y")]  # fmt: skip
    rows += [{"candidate": name, "set": "all", "wins": wins, "ties": 0, "losses": 20 - wins}
             for name, wins in (("a", 14), ("b", 6))]  # fmt: skip

    assert _checked(tmp_path, rows).findings == ()


def test_a_set_of_unknown_size_leaves_the_total_unchecked_and_says_so(tmp_path: Path) -> None:
    rows = [{"candidate": "a", "set": "x", "score": "1.25"},
            {"candidate": "a", "set": "total", "score": "0.9"}]  # fmt: skip
    found = _checked(tmp_path, rows)

    assert found.is_possible
    assert "it cannot be checked without the questions of x" in found.findings[0].words


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("candidate,score\na,1\n", "has no column 'set'"),
        ("candidate,set,score\na,x,one\n", r"line 2: score is 'one', which is no number"),
        ("candidate,set,score\na,x,1/2\n", r"line 2: score is '1/2'"),
        ("candidate,set,wins,ties,losses\na,x,1,2,-3\n", r"line 2: losses is '-3'"),
        ("candidate,set,score\na,x,\n", "line 2 has neither a score nor"),
        ("candidate,set,score\n,x,1\n", "line 2 has no candidate"),
        ("candidate,set,score\na,x\n", "line 2 has 2 cells where the header has 3"),
        ("candidate,set,score\n", "holds no line below its header"),
        ('candidate,set,score\na,"x,1\n', "a quoted cell is never closed"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_win_table(tmp_path / "t.csv")
    with pytest.raises(DataError, match="no such file"):
        read_win_table(tmp_path / "none.csv")


def test_columns_go_by_the_names_that_papers_use(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("\ufeffModel\tDataset\tWin\tTie\tLose\tWS\n"
                                    "a\tx\t1,234\t0\t1,234\t1.00\n", encoding="utf-8")  # fmt: skip
    (line,) = read_win_table(tmp_path / "t.tsv")

    assert (line.candidate, line.set, line.counts) == ("a", "x", (1234, 0, 1234))
    assert line.score is not None
    assert line.score.text == "1.00"
