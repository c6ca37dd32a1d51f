"""Runs of lm-evaluation-harness: what each question of each task got, and under which terms.

Read is what ``lm-eval run --log_samples --output_path`` writes: ``results_DATE.json`` and, beside
it, ``samples_TASK_DATE.jsonl``, as of version 0.4.13.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from assay.errors import DataError
from assay.wording import listed

_RESULTS = "results_*.json"
_ROUNDING = 1e-9

Key = tuple[str, int]
"""A question: the hash of its document, and which of the equal ones it is."""


class Metric(NamedTuple):
    """A metric under a filter, such as ``exact_match`` under ``strict-match``."""

    name: str
    filter: str

    def __str__(self) -> str:
        """Return it as the harness spells it, without the filter that does nothing."""
        return self.name if self.filter == "none" else f"{self.name},{self.filter}"


@dataclass(frozen=True)
class TaskRun:
    """What a run got on a task.

    Attributes:
        terms: what has to be equal for two runs to be comparable, by name: versions of harness and
            task, task hash, shots, chat template, system instruction.
        values: of each metric, what each question got; metrics that are no mean stay out.
        low_is_better: metrics of which low values are better.
        prompts: hash of each question's prompt.
        chance: accuracy of guessing among the choices; NaN where there are none.
        unusable: metrics that are no mean over questions.
        unlogged: questions that were asked, by the results, and are not among the samples.
    """

    terms: Mapping[str, str]
    values: Mapping[Metric, Mapping[Key, float]]
    low_is_better: frozenset[str]
    prompts: Mapping[Key, str]
    chance: float
    unusable: tuple[str, ...]
    unlogged: int


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        name: of the model, as the run tells it.
        path: its results.
        tasks: by name; without those whose samples were not logged.
        unlogged: tasks whose samples were not logged.
    """

    name: str
    path: Path
    tasks: Mapping[str, TaskRun]
    unlogged: tuple[str, ...]

    def is_called(self, name: str) -> bool:
        """Return whether a person may mean it: by its model, the end of that, or its folder."""
        wanted = name.strip("/").lower()
        model = self.name.partition(" in ")[0]
        own = {self.name.lower(), model.lower(), model.rstrip("/").rpartition("/")[2].lower()}
        return wanted in own | {part.lower() for part in self.path.parts}


def results_in(path: Path) -> list[Path]:
    """Return the results that a file or folder of a run holds; none if it is something else."""
    if path.is_dir():
        return sorted(path.rglob(_RESULTS))
    return [path] if path.is_file() and path.match(_RESULTS) else []


def read_run(path: Path) -> Run:
    """Return a run.

    Args:
        path: its folder, or its ``results_DATE.json``.

    Raises:
        DataError: if there is none or there are several, or a file is broken, with its line.
    """
    found = results_in(path)
    if not found:
        raise DataError(f"{path} holds no results_*.json of lm-evaluation-harness")
    if len(found) > 1:
        raise DataError(
            f"{path} holds {len(found)} runs: {listed([each.name for each in found])}",
            hint="name the results_*.json of one",
        )
    (results,) = found
    data = _json(results.read_text(encoding="utf-8"), str(results))
    if not isinstance(data.get("results"), dict):
        raise DataError(f"{results} has no `results`: it is no run of lm-evaluation-harness")
    date = results.stem.removeprefix("results_")
    tasks, unlogged = {}, []
    for task in data["results"]:
        samples = results.with_name(f"samples_{task}_{date}.jsonl")
        if samples.is_file():
            tasks[task] = _task(data, task, samples)
        elif task not in data.get("group_subtasks", {}) or not data["group_subtasks"][task]:
            unlogged.append(task)
    name = str(data.get("model_name") or data.get("model_source") or results.parent.name)
    return Run(name, results, tasks, tuple(unlogged))


def _json(text: str, where: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise DataError(f"{where} is no JSON: {error}") from error
    if not isinstance(data, dict):
        raise DataError(f"{where} is no JSON object")
    return data


def _task(data: Mapping[str, Any], task: str, samples: Path) -> TaskRun:
    values: dict[Metric, dict[Key, float]] = {}
    prompts: dict[Key, str] = {}
    seen: dict[tuple[str, str], int] = {}
    chances: list[float] = []
    skipped: dict[str, None] = {}
    for line in _lines(samples):
        chosen = str(line.get("filter", "none"))
        document = str(line["doc_hash"])
        number = seen.get((document, chosen), 0)
        seen[document, chosen] = number + 1
        key = (document, number)
        prompts[key] = str(line.get("prompt_hash", ""))
        arguments = line.get("arguments")
        if len(line.get("resps", ())) > 1 and arguments is not None:
            chances.append(1 / len(arguments))
        for name in line.get("metrics", ()):
            value = line.get(name)
            if isinstance(value, (int, float)) and math.isfinite(value):
                values.setdefault(Metric(name, chosen), {})[key] = float(value)
            else:
                skipped[name] = None
    asked = data.get("n-samples", {}).get(task, {}).get("effective", 0)
    unlogged = max(0, int(asked) - len(prompts))
    # Where samples are missing, the mean of the others is not the figure.
    unusable = [metric for metric, own in values.items() if metric.name in skipped
                or not (unlogged or _is_mean(data["results"][task], metric, own))]  # fmt: skip
    for metric in unusable:
        del values[metric]
    named = dict.fromkeys([*skipped, *(metric.name for metric in unusable)])
    higher = data.get("higher_is_better", {}).get(task, {})
    return TaskRun(
        _terms(data, task),
        values,
        frozenset(name for name, better in higher.items() if better is False),
        prompts,
        sum(chances) / len(chances) if chances else math.nan,
        tuple(named),
        unlogged,
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for number, text in enumerate(file, start=1):
            if not text.strip():
                continue
            line = _json(text, f"{path}: line {number}")
            if "doc_hash" not in line:
                raise DataError(
                    f"{path}: line {number} has no doc_hash, by which questions are joined",
                    hint="run lm-eval 0.4.4 or later with --log_samples",
                )
            yield line


def _is_mean(results: Mapping[str, Any], metric: Metric, own: Mapping[Key, float]) -> bool:
    """Return whether the figure of a metric is the mean over its questions, as far as is told."""
    reported = results.get(f"{metric.name},{metric.filter}")
    if not isinstance(reported, (int, float)):
        return True
    return abs(sum(own.values()) / len(own) - reported) <= _ROUNDING * max(1.0, abs(reported))


def _terms(data: Mapping[str, Any], task: str) -> dict[str, str]:
    """Return what two runs on a task have to have in common."""
    of_task = {
        "version of the harness": data.get("lm_eval_version"),
        "version of the task": data.get("versions", {}).get(task),
        "hash of the task": data.get("task_hashes", {}).get(task),
        "number of shots": data.get("n-shot", {}).get(task),
        "chat template": data.get("chat_template_sha"),
        "system instruction": data.get("system_instruction_sha"),
        "shots as turns": data.get("fewshot_as_multiturn"),
    }
    return {name: "" if value is None else str(value) for name, value in of_task.items()}


def differing(one: TaskRun, other: TaskRun) -> list[str]:
    """Return the names of the terms in which two runs on a task differ."""
    return [name for name, value in one.terms.items() if other.terms.get(name) != value]


def distinct(runs: Sequence[Run]) -> list[Run]:
    """Return runs with names of their own: those of one model go by their folders, too."""
    names = [run.name for run in runs]
    return [
        run if names.count(run.name) == 1 else replace(run, name=f"{run.name} in {run.path.parent}")
        for run in runs
    ]


def pick(runs: Sequence[Run], name: str) -> Run:
    """Return the run that a person means.

    Raises:
        DataError: if there is none of that name, or several.
    """
    found = [run for run in runs if run.is_called(name)]
    if len(found) == 1:
        return found[0]
    names = [f"{run.name} ({run.path.parent})" for run in runs]
    problem = (
        f"no run is called {name!r}" if not found else f"{len(found)} runs are called {name!r}"
    )
    raise DataError(f"{problem}: there are {listed(names)}", hint="name its folder")
