"""Two runs on the same benchmark tasks, question by question."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assay.echo import Brief
from assay.errors import DataError
from assay.evaluation.harness_runs import Key, Metric, Run, TaskRun, differing
from assay.samples import FloatArray
from assay.solvers.multiplicity import holm
from assay.solvers.paired_scores import sign_test
from assay.solvers.students_t import student_quantile, two_sided_p
from assay.wording import listed, number_of

LEVEL = 0.05


@dataclass(frozen=True)
class Compared:
    """A metric of a task in two runs.

    Attributes:
        task: its name.
        metric: with its filter.
        questions: that both runs answered.
        candidate: mean of the candidate.
        reference: mean of the reference.
        low: lower end of the 95 % interval of the difference, paired by question.
        high: upper end.
        p: two-sided: the exact sign test where questions are right or wrong, or else Student's t.
        p_holm: corrected for every task and metric.
        low_is_better: whether low values are better.
        chance: accuracy of guessing; NaN where nothing is chosen.
    """

    task: str
    metric: Metric
    questions: int
    candidate: float
    reference: float
    low: float
    high: float
    p: float
    p_holm: float
    low_is_better: bool
    chance: float

    @property
    def difference(self) -> float:
        """Mean of the candidate less that of the reference."""
        return self.candidate - self.reference

    @property
    def gain(self) -> float:
        """By how much the candidate is better."""
        return -self.difference if self.low_is_better else self.difference

    @property
    def label(self) -> str:
        """Task and metric."""
        return f"{self.task} ({self.metric})"


@dataclass(frozen=True, repr=False)
class BenchmarkPairs(Brief):
    """Two runs.

    Attributes:
        candidate: name of the one.
        reference: name of the other.
        rows: by task and metric, in the order of the candidate's run.
        terms: under which each task was run, equal in both.
        refused: tasks that cannot be compared, with why.
        notes: what a reader should know.
    """

    candidate: str
    reference: str
    rows: tuple[Compared, ...]
    terms: Mapping[str, Mapping[str, str]]
    refused: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """What the two runs show, in a sentence."""
        sure = [row for row in self.rows if row.p_holm < LEVEL]
        better = [row.label for row in sure if row.gain > 0]
        worse = [row.label for row in sure if row.gain < 0]
        parts = [f"better on {listed(better)}"] if better else []
        parts += [f"worse on {listed(worse)}"] if worse else []
        said = " and ".join(parts) or "not told apart on any task"
        beyond = ", beyond chance" if parts else ""
        return f"{self.candidate} against {self.reference}: {said}{beyond}"


def compare_runs(candidate: Run, reference: Run) -> BenchmarkPairs:
    """Return how two runs differ on the tasks that both have, paired by question.

    Tasks whose terms differ are refused: their figures are not comparable.

    Raises:
        DataError: if no task can be compared.

    Source:
        Interval from the standard error of paired differences: Miller 2024, arXiv:2411.00640.
    """
    rows: list[Compared] = []
    refused: list[tuple[str, str]] = []
    notes = [
        f"{run.name}: no samples of {listed(run.unlogged)}, so that questions cannot be paired"
        for run in (candidate, reference)
        if run.unlogged
    ]
    for task, mine in candidate.tasks.items():
        theirs = reference.tasks.get(task)
        if theirs is None:
            refused.append((task, f"{reference.name} has not run it"))
        elif differ := differing(mine, theirs):
            refused.append((task, f"the runs differ in {listed(differ)}"))
        else:
            found = list(_compared(task, mine, theirs))
            rows += found
            notes += _notes(task, mine, theirs, found, (candidate.name, reference.name))
    if not rows:
        why = "; ".join(f"{task}: {reason}" for task, reason in refused) or "no samples were logged"
        raise DataError(
            f"{candidate.name} and {reference.name} have no task in common: {why}",
            hint="run both with the same harness, tasks and shots, and --log_samples",
        )
    adjusted = holm([row.p for row in rows])
    return BenchmarkPairs(
        candidate.name,
        reference.name,
        tuple(replace(row, p_holm=float(p)) for row, p in zip(rows, adjusted, strict=True)),
        {
            task: run.terms
            for task, run in candidate.tasks.items()
            if task in {r.task for r in rows}
        },
        tuple(refused),
        tuple(notes),
    )


def _compared(task: str, mine: TaskRun, theirs: TaskRun) -> list[Compared]:
    rows = []
    for metric, own in mine.values.items():
        other = theirs.values.get(metric, {})
        shared = [key for key in own if key in other]
        if len(shared) < 2:
            continue
        ours, others = _array(own, shared), _array(other, shared)
        low, high, p = _paired(ours, others)
        rows.append(
            Compared(
                task,
                metric,
                len(shared),
                float(ours.mean()),
                float(others.mean()),
                low,
                high,
                p,
                math.nan,
                metric.name in mine.low_is_better,
                mine.chance if metric.name.startswith("acc") else math.nan,
            )
        )
    return rows


def _array(values: Mapping[Key, float], keys: Sequence[Key]) -> FloatArray:
    return np.array([values[key] for key in keys], np.float64)


def _paired(mine: FloatArray, theirs: FloatArray) -> tuple[float, float, float]:
    """Return the ends of the interval of a mean difference, and its p-value."""
    differences = mine - theirs
    value, count = float(differences.mean()), len(differences)
    error = float(differences.std(ddof=1)) / math.sqrt(count)
    half = student_quantile(1 - LEVEL / 2, count - 1) * error
    if np.isin(mine, (0, 1)).all() and np.isin(theirs, (0, 1)).all():
        p = sign_test(int((differences > 0).sum()), int((differences < 0).sum()))
    elif error == 0:
        p = 1.0 if value == 0 else 0.0
    else:
        p = two_sided_p(value / error, count - 1)
    return value - half, value + half, p


def _notes(
    task: str, mine: TaskRun, theirs: TaskRun, rows: Sequence[Compared], names: tuple[str, str]
) -> list[str]:
    notes = []
    for name, run in zip(names, (mine, theirs), strict=True):
        if run.unlogged:
            notes.append(f"{task}: {number_of(run.unlogged, 'question')} of {name} not logged")
    alone = len(mine.prompts.keys() ^ theirs.prompts.keys())
    if alone:
        notes.append(f"{task}: {number_of(alone, 'question')} in one run alone, left out")
    shared = mine.prompts.keys() & theirs.prompts.keys()
    unlike = sum(mine.prompts[key] != theirs.prompts[key] for key in shared)
    if unlike:
        notes.append(f"{task}: {number_of(unlike, 'question')} with another prompt in each run")
    unusable = list(dict.fromkeys((*mine.unusable, *theirs.unusable)))
    if unusable:
        notes.append(f"{task}: {listed(unusable)} is no mean over questions, and is left out")
    for row in rows:
        for name, value in zip(names, (row.candidate, row.reference), strict=True):
            if _is_chance(value, row):
                notes.append(
                    f"{row.label}: {name} has {value:.4f}, which cannot be told from guessing, "
                    f"{row.chance:.4f}"
                )
    return notes


def _is_chance(value: float, row: Compared) -> bool:
    """Return whether an accuracy is not above that of guessing, beyond what questions vary."""
    if math.isnan(row.chance):
        return False
    error = math.sqrt(row.chance * (1 - row.chance) / row.questions)
    return value <= row.chance + student_quantile(1 - LEVEL, math.inf) * error
