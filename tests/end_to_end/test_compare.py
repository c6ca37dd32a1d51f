"""Real comparisons: a kill, a signal that was planted, and rows that are all alike."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from assay.compare.questions import HELD_OUT
from assay.compare.record_files import read_comparison, read_trial
from assay.compare.records import Comparison
from assay.compare.statistics import summary
from assay.compare.study import Study
from assay.compare.verdict import verdict
from assay.components.base import NoPaper, Paper
from assay.components.component import Scorer
from assay.features.text import Lengths
from assay.methods.combinations.top_score import TopScore
from assay.models.recipe import Recipe
from assay.project import Project
from assay.runtime import Runtime
from assay.samples import FloatArray
from assay.values import Numbers
from tests.comparisons import experiment
from tests.end_to_end.jobs import kill_group, wait_until
from tests.fork_server import Process, start
from tests.tiny_models import llama_config, llama_tokenizer, write_model

pytest.importorskip("trl")
pytestmark = pytest.mark.slow

# Equal lengths: among clean rows, no arm has a reason to prefer one.
_NAMES = ("Ada", "Ben", "Cyd", "Dia", "Eli", "Flo", "Gus", "Hal", "Ida", "Joe")
_THINGS = ("music", "books", "ships", "trees", "bread", "honey", "chess", "poems")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_RECIPE = Recipe(
    weights="full", epochs=6, batch_size=4, device_batch=4, max_length=128, learning_rate=3e-3
)


class FewWords(Scorer):
    """Prefers answers of many words for their characters: the clean ones."""

    name = "words_per_character"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a toy for tests")

    def requires(self) -> dict[str, Any]:
        return {"lengths": Lengths()}

    def score(self, *, lengths: Numbers) -> FloatArray:
        return lengths["response_words"] / lengths["response_characters"]


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows nothing yet: small weights, so that all tokens are alike to it."""
    config = llama_config(initializer_range=0.02, hidden_size=32, intermediate_size=64,
                          max_position_embeddings=128, head_dim=8)  # fmt: skip
    return write_model(tmp_path_factory.mktemp("untrained"), config, llama_tokenizer())


def _clean(rng: np.random.Generator) -> dict[str, str]:
    name, thing = rng.choice(_NAMES), rng.choice(_THINGS)
    return {"instruction": f"What does {name} like, {rng.integers(10**5, 10**6)}?",
            "output": f"I know that {name} likes {thing} best of all."}  # fmt: skip


def _noise(rng: np.random.Generator) -> dict[str, str]:
    letters = "".join(rng.choice(list(_LETTERS), 44))
    return {"instruction": f"What does {rng.choice(_NAMES)} like, {rng.integers(10**5, 10**6)}?",
            "output": f"{letters[:18]} {letters[18:]}"}  # fmt: skip


def _project(folder: Path, rows: Sequence[dict[str, str]], **settings: Any) -> Project:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.json").write_text(json.dumps(rows))
    runtime = Runtime(cache=folder / "cache", workers=1, device="cpu", offline=True)
    return Project(folder / "project", data=folder / "rows.json", runtime=runtime, **settings)


def _planted(folder: Path) -> Project:
    """Return a pool of which half is noise, but for the rows held out, which are clean."""
    rng = np.random.Generator(np.random.Philox(1))
    clean, noise = [_clean(rng) for _ in range(60)], [_noise(rng) for _ in range(40)]
    all_rows = _project(folder / "all", [*clean, *noise], hold_out=0.3)
    # A row's fate depends on its text alone: noise that would be asked about is left out.
    held = {sample.instruction for sample in all_rows.pool.conversations(
        np.flatnonzero(all_rows.pool.held_out))}  # fmt: skip
    free = [row for row in noise if row["instruction"] not in held]
    return _project(folder, [*clean, *free], hold_out=0.3)


def test_an_arm_that_avoids_planted_noise_beats_random_rows(
    tmp_path: Path, untrained: Path
) -> None:
    terms = experiment(
        untrained, "20%", recipe=_RECIPE, seeds=2, full=False, untuned=False,
        methods={"clean": TopScore(by=FewWords())},
    )  # fmt: skip

    made = Study(_planted(tmp_path), terms).run()

    found = verdict(made)
    rows = {row.arm: row for row in summary(made)}
    assert (found.outcome, found.arm) == ("better", "clean"), found.claim
    noisy = rows["longest_response"].difference  # noise is longer than what is clean
    assert rows["clean"].difference is not None
    assert rows["clean"].difference.high < 0
    assert noisy is not None
    assert noisy.low > 0


def test_rows_that_are_all_alike_give_no_claim(tmp_path: Path, untrained: Path) -> None:
    rng = np.random.Generator(np.random.Philox(2))
    project = _project(tmp_path, [_clean(rng) for _ in range(60)])
    terms = experiment(untrained, "20%", recipe=_RECIPE, seeds=2, full=False, untuned=False)

    made = Study(project, terms).run()

    assert verdict(made).outcome == "undecided"
    assert not any(row.significant for row in summary(made))


_JOB = """
import sys
from pathlib import Path
from assay.compare.study import Study
from assay.project import Project
from assay.runtime import Runtime
from tests.comparisons import experiment

base, folder = sys.argv[1:]
runtime = Runtime(cache=Path(folder) / "cache", workers=1, device="cpu", offline=True)
project = Project(Path(folder) / "project", data=Path(folder) / "rows.json", runtime=runtime)
Study(project, experiment(Path(base), full=False)).run()
"""


_HELD = """
import time
from assay.compare import trials
write, written = trials.write_trial, []
def write_four(path, trial):
    written.append(path)
    if len(written) > 4:
        time.sleep(3600)
    write(path, trial)
trials.write_trial = write_four
"""
"""Lets a job not end before it is killed, however late that is."""


def _start(base: Path, folder: Path, prelude: str = "") -> Process:
    threads = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    return start(
        prelude + _JOB, [base, folder], environment=os.environ | threads,
        imported="assay and torch",
    )  # fmt: skip


def _same(one: Comparison, other: Comparison) -> None:
    """Insist that two comparisons hold the same, but for times."""
    for mine, theirs in zip(one.trials, other.trials, strict=True):
        assert (mine.arm, mine.draw, mine.seed, mine.rows, mine.tokens, mine.subset) == (
            theirs.arm, theirs.draw, theirs.seed, theirs.rows, theirs.tokens, theirs.subset
        )  # fmt: skip
        assert mine.training_flops == theirs.training_flops
        assert np.array_equal(mine.values[HELD_OUT], theirs.values[HELD_OUT])


def test_a_comparison_that_is_killed_goes_on_and_ends_the_same(
    tmp_path: Path, llama_folder: Path
) -> None:
    rng = np.random.Generator(np.random.Philox(3))
    rows = [_clean(rng) for _ in range(60)]
    whole = Study(_project(tmp_path / "whole", rows), experiment(llama_folder, full=False)).run()
    folder = tmp_path / "killed"
    folder.mkdir()
    shutil.copy(tmp_path / "whole/rows.json", folder)
    # How many tokens go together is measured once per cache, and may change the last digits.
    shutil.copytree(tmp_path / "whole/cache/token_budgets", folder / "cache/token_budgets")
    trials = folder / "project/comparisons/trials"

    process = _start(llama_folder, folder, _HELD)
    wait_until(lambda: len(list(trials.glob("*.parquet"))) >= 3, process)
    kill_group(process)
    before = {trial.subset: trial for trial in map(read_trial, trials.glob("*.parquet"))}
    again = _start(llama_folder, folder)
    _, errors = again.communicate()
    assert again.returncode == 0, errors

    (records,) = (folder / "project/comparisons").glob("comparison-*")
    made = read_comparison(records)
    assert 3 <= len(before) < len(whole.trials) - 1
    _same(whole, made)
    kept = {trial.subset: trial.training_seconds for trial in made.trials}
    assert all(kept[subset] == trial.training_seconds for subset, trial in before.items())
    assert not list((folder / "cache/tuned_model").rglob("*.safetensors"))
