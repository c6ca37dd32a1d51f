"""Changes single bits of all that a small project has on disk, and watches what comes of it.

Each change is harmless (all that can be read is as it was), or noticed (a line on stderr or an
error names it). A change that alters something and says nothing is what must not be.

    python -m tests.bit_flips [--flips 300] [--seed 0] [--json FILE]
"""

import argparse
import contextlib
import json
import logging
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from assay.backends.held import HeldModels
from assay.cli.printing.loading_report import describe_load
from assay.cli.verbs.status import describe_project
from assay.compare.ledger import Ledger
from assay.compare.record_files import read_comparison, read_trial, write_comparison, write_trial
from assay.components import table
from assay.components.base import Component
from assay.components.component import Scorer, Selector
from assay.components.walk import walk
from assay.config.document import read_yaml
from assay.errors import AssayError
from assay.features.passes import PoolFeature, RowFeature
from assay.features.text import TextReading
from assay.files.checksums import SUMS, read_json, write_json
from assay.outcomes import ScoreTable, SelectionRecord
from assay.project import Project
from assay.runtime import Runtime
from assay.stores.cache import FolderStore
from assay.values import Matrix, RowValue
from assay.workspace.stored import stored_results
from tests.fixtures.make_earlier_project import SCORES, make
from tests.unit.compare.synthetic import synthetic

KINDS = {
    "rows of numbers": r"cache/(?!embeddings).*/rows-.*\.parquet",
    "rows of vectors": r"cache/embeddings/.*/rows-.*\.parquet",
    "vectors of a shard": r"cache/.*/rows-.*\.npy",
    "vectors in order": r"cache/.*/canonical-.*\.npy",
    "values of a pool": r"cache/(?!tuned_model).*\.safetensors",
    "descriptions of features": r"cache/.*/spec\.json",
    "sizes of batches": r"cache/token_budgets/.*",
    "training": r"cache/tuned_model/.*",
    "pool": r"project/pool-.*\.parquet",
    "record of the load": r"project/load\.json",
    "records set aside": r"project/set_aside\.jsonl",
    "scores": r"project/scores/.*",
    "selections": r"project/selections/.*",
    "names": r"project/(names|labels)/.*",
    "imported numbers": r"project/imports/.*",
    "runs": r"project/runs/.*/(manifest\.json|config\.yaml)",
    "trials": r"project/compare/trials/.*",
    "costs": r"project/compare/costs/.*",
    "comparison": r"project/compare/comparison-0/.*",
}
"""What a project and a cache hold, by a pattern of the path."""
LOST = {
    "training", "record of the load", "imported numbers", "runs", "trials", "comparison",
    "sizes of batches",
}  # fmt: skip
"""What looking alone does not make anew: a line has to be run again for it, or was told."""

Verdict = Literal["harmless", "noticed", "silent", "crash"]


class Flip(NamedTuple):
    """One changed bit, and what came of it."""

    kind: str
    file: str
    bit: int
    verdict: Verdict
    told: str


@dataclass(frozen=True)
class Seen:
    """All that can be read of a project: what it is worth, and what was said meanwhile."""

    values: dict[str, Any]
    told: list[str]


def build(folder: Path) -> None:
    """Fill a folder with a project, a cache, and what trainings and comparisons leave."""
    make(folder)
    cache, compare = folder / "cache", folder / "project" / "compare"
    record = synthetic(questions=20, seeds=1, draws=1, budgets=("5%",))
    write_comparison(compare / "comparison-0", record)
    write_trial(compare / "trials" / "one.parquet", record.trials[1])
    write_json(cache / "token_budgets" / "a-float32-cpu.json", {"tokens": 2048})
    with FolderStore(cache / "tuned_model" / "key", "digest").filling() as work:
        (work / "epoch-1").mkdir(exist_ok=True)
        weights = np.random.default_rng(0).integers(0, 256, 5000, np.uint8)
        (work / "epoch-1" / "model.safetensors").write_bytes(weights.tobytes())
        (work / "training.json").write_text('{"base": "assay:lm", "seconds": 0.5}')
    project = _open(folder, HeldModels())
    Ledger(project.engine, compare / "costs").choose(_ledger_part(project))


def _ledger_part(project: Project) -> Selector:
    return project.engine.resolve(project.selector("random", budget=10, seed=3))


def _open(folder: Path, held: HeldModels) -> Project:
    runtime = Runtime(cache=folder / "cache", workers=1, offline=True, models=held)
    return Project(folder / "project", runtime=runtime)


def look(folder: Path, held: HeldModels) -> Seen:
    """Read all that a folder holds, as the verbs do."""
    values: dict[str, Any] = {}
    with _log() as told:

        def note(name: str, read: Callable[[], Any]) -> None:
            try:
                values[name] = read()
            except AssayError as error:
                values[name] = "an error"
                told.append(error.message)

        compare = folder / "project" / "compare"
        note("status", lambda: _status(folder / "project"))
        note("project", lambda: _project(folder, held))
        note("comparison", lambda: repr(read_comparison(compare / "comparison-0")))
        note("trial", lambda: repr(read_trial(compare / "trials" / "one.parquet")))
        note("budget", lambda: read_json(folder / "cache/token_budgets/a-float32-cpu.json"))
        note("training", lambda: _training(folder / "cache" / "tuned_model" / "key"))
        for path in sorted((folder / "project" / "runs").glob("*/config.yaml")):
            note("config", lambda path=path: repr(read_yaml(path).content))  # type: ignore[misc]
    return Seen(values, told)


def _status(folder: Path) -> str:
    found = describe_project(folder)
    for result in found["results"]:
        result.pop("made")
    return repr({name: value for name, value in found.items() if name != "bytes"})


def _training(folder: Path) -> dict[str, bytes] | None:
    found = FolderStore(folder, "digest").read()
    if found is None:
        return None
    files = [path for path in found.rglob("*.*") if path.is_file() and path.name != SUMS]
    return {path.name: path.read_bytes() for path in files}


def _project(folder: Path, held: HeldModels) -> dict[str, Any]:
    project = _open(folder, held)
    engine = project.engine
    pool = project.pool
    found: dict[str, Any] = {
        "rows": [repr(each) for each in pool.samples(np.arange(len(pool)))],
        "ids": pool.ids.tolist(),
        "held out": pool.held_out.tolist(),
        "load": repr(describe_load(project)),
        "frame": project.frame().sort("id").to_dict(as_series=False).__repr__(),
    }
    results = stored_results(project.results, pool.context)
    found["results"] = [(each.name, each.kind, repr(each.description)) for each in results]
    scorers: list[Component] = [project.scorer(name) for name in SCORES]
    selectors: list[Component] = [
        project.selector(budget="20%"),
        project.selector("k_center", budget=8),
        project.selector("random", budget=10, seed=3),
        project.selector("longest_response", budget="1000 tokens"),
        project.selector("quality", budget=6, within=project.selector("deduplicate", match="near")),
    ]
    for part in walk([*scorers, *selectors], resolve=engine.resolve):
        if isinstance(part, (RowFeature, PoolFeature, Scorer, Selector)):
            found[f"{part.kind} {part.label()}"] = _plain(engine.value(part))
    for selection in map(project.select, selectors):
        found[f"composition {selection.name}"] = repr(selection.composition())
    cost = Ledger(engine, folder / "project" / "compare" / "costs").choose(_ledger_part(project))
    assert np.isfinite(cost.seconds)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Matrix):
        rows = np.concatenate([block for _, block in value.blocks(7)])
        return rows.tobytes(), value.array.tobytes(), value.reason.tolist(), value.flags.tolist()
    if isinstance(value, RowValue):
        return repr(value.frame().to_dict(as_series=False)), value.reason.tolist()
    if isinstance(value, ScoreTable):
        return {name: _arrays(column) for name, column in value.columns.items()}
    if isinstance(value, SelectionRecord):
        return _arrays(value.selection), _arrays(value)
    return _arrays(value)


def _arrays(value: Any) -> str:
    fields = getattr(value, "_fields", None) or list(value.__dataclass_fields__)
    with np.printoptions(threshold=10**9, precision=17, floatmode="unique"):
        return repr({name: getattr(value, name) for name in fields if name != "selection"})


@contextlib.contextmanager
def _log() -> Iterator[list[str]]:
    """Yield a list that gets the warnings of the library, which the command line shows."""
    told: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    handler = Keep(logging.WARNING)
    logging.getLogger("assay").addHandler(handler)
    try:
        yield told
    finally:
        logging.getLogger("assay").removeHandler(handler)


def files_by_kind(folder: Path) -> dict[str, list[Path]]:
    """Return the files of every kind that there are."""
    found: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        name = path.relative_to(folder).as_posix()
        for kind, pattern in KINDS.items():
            if re.fullmatch(pattern, name) and path.stat().st_size:
                found[kind].append(path)
    return found


def flips(pristine: Path, work: Path, count: int, seed: int) -> Iterator[Flip]:
    """Yield what comes of some changed bits, the kinds of files in turn; each in a fresh copy.

    Args:
        pristine: what `build` filled.
        work: where the copies are made, one after the other.
        count: how many bits, one at a time.
        seed: of the choice of files and bits.
    """
    generator = np.random.default_rng(seed)
    held = HeldModels()
    look(pristine, held)  # what is first asked for there is kept, and listed from then on
    _renew(pristine, work)
    sound = look(work, held)
    assert sound.told == [], sound.told
    kinds = files_by_kind(pristine)
    for place in range(count):
        kind = list(KINDS)[place % len(KINDS)]
        files = kinds[kind]
        file = files[int(generator.integers(len(files)))].relative_to(pristine)
        bit = int(generator.integers((pristine / file).stat().st_size * 8))
        _renew(pristine, work, place)
        _flip(work / file, bit)
        verdict, told = _verdict(work, held, sound, kind, file)
        yield Flip(kind, file.as_posix(), bit, verdict, told)


def _renew(pristine: Path, work: Path, place: int = 0) -> None:
    """Copy a folder; what lay there is put aside, which is quicker than to remove it."""
    if work.exists():
        work.rename(work.with_name(f"{work.name}-{place}"))
    shutil.copytree(pristine, work, copy_function=shutil.copy)  # files of their own time


def _flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def _verdict(
    work: Path, held: HeldModels, sound: Seen, kind: str, file: Path
) -> tuple[Verdict, str]:
    components = dict(table._components)
    try:
        seen = look(work, held)
    except Exception as error:  # a crash is what is looked for
        return "crash", f"{type(error).__name__}: {error}"
    finally:
        table._components.clear()
        table._components.update(components)
    told = " / ".join(seen.told)
    if not told:
        return ("harmless" if seen.values == sound.values else "silent"), ""
    if file.stem not in told and file.parent.parent.name not in told:
        return "crash", f"{file} is not named: {told}"
    if kind not in LOST:
        again = look(work, held)
        if again.told or again.values != sound.values:
            return "crash", f"not made anew after: {told}; {again.told}"
    return "noticed", told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    TextReading.rows_per_shard = 32
    with tempfile.TemporaryDirectory() as name:
        pristine, work = Path(name) / "pristine", Path(name) / "work"
        build(pristine)
        done = []
        for flip in flips(pristine, work, options.flips, options.seed):
            done.append(flip)
            print(flip.verdict, flip.kind, flip.file, flip.bit, flip.told, sep="\t", flush=True)
    table = Counter((flip.kind, flip.verdict) for flip in done)
    totals = dict(Counter(flip.verdict for flip in done))
    print(totals)
    if options.json:
        by_kind = {kind: {v: n for (k, v), n in table.items() if k == kind} for kind in KINDS}
        result = {"flips": len(done), "seed": options.seed, "verdicts": totals, "kinds": by_kind}
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
