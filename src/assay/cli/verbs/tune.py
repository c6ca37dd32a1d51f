"""``assay tune``: train a model on rows that were chosen."""

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.app import CHOOSE, verb
from assay.cli.console import terminal
from assay.cli.options.groups import Everywhere, Loading, Words, Working
from assay.cli.options.models import DTypeOption
from assay.cli.options.opening import open_words
from assay.cli.options.recipe_options import HOW, RecipeOptions, recipe_of

if TYPE_CHECKING:
    from assay.cli.options.grammar import Words as Parsed
    from assay.components.component import Selector
    from assay.models.recipe import Recipe, Tuned
    from assay.project import Project
    from assay.tuning.tuned_model import TunedModel
    from assay.workspace.trainings import Losses


@dataclass(frozen=True)
class Training:
    """Options that say what is trained, how often and where to."""

    base: Annotated[
        str | None,
        typer.Option("--base", metavar="NAME", show_default=False, rich_help_panel=HOW,
                     help="Causal language model to train: a folder, or org/name."),
    ] = None  # fmt: skip
    steps: Annotated[
        int | None,
        typer.Option(min=1, show_default=False, rich_help_panel=HOW,
                     help="So many optimiser steps instead, whatever the number of rows."),
    ] = None  # fmt: skip
    dtype: DTypeOption = None
    keep: Annotated[
        str | None,
        typer.Option(metavar="last|all|1,2", show_default=False, rich_help_panel=HOW,
                     help="Epochs whose weights are kept; the last by default."),
    ] = None  # fmt: skip
    seeds: Annotated[
        int,
        typer.Option(min=1, rich_help_panel=HOW,
                     help="Train so often, with seeds 0, 1, ..."),
    ] = 1  # fmt: skip
    budget: Annotated[
        str | None,
        typer.Option(metavar="AMOUNT", show_default=False, rich_help_panel="What to choose",
                     help="How much a method named here chooses: 5%, 5000 or '2M tokens'."),
    ] = None  # fmt: skip
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FOLDER", show_default=False,
                     help="Folder for the weights; else they stay in the cache.",
                     rich_help_panel="What to write"),
    ] = None  # fmt: skip


@verb(
    "tune",
    panel=CHOOSE,
    examples=(
        "assay tune alpaca_data.json ifd-5pct --base gpt2 -o tuned",
        "assay tune alpaca_data.json random --budget 1000 --base gpt2 --epochs 1",
        "assay tune alpaca_data.json random --budget 5% --base org/name --full --seeds 3",
        "assay tune alpaca_data.json --base gpt2 --dry-run",
    ),
)
def tune(
    words: Words,
    training: Training,
    recipes: RecipeOptions,
    reading: Loading,
    everywhere: Everywhere,
    working: Working,
) -> None:
    """Train a language model on selections, by name, or by method and budget; or on all rows.

    Rows that are held out are never trained on. A training that was killed goes on where it was,
    and one that was done before is not done again.
    """
    from assay.cli.naming import shown_path
    from assay.cli.options.models import check_models
    from assay.cli.printing.tuning_report import print_prices
    from assay.errors import DataError, UsageError

    if training.base is None:
        raise UsageError("no model to train is named", hint="--base gpt2")
    output = None if training.output is None else Path(training.output)
    if output is not None and output.exists() and (output.is_file() or any(output.iterdir())):
        raise DataError(f"{shown_path(output)} is there already", hint="name a new folder: -o NEW")
    recipe = recipe_of(
        recipes,
        steps=training.steps,
        checkpoints=None if training.keep is None else _epochs(training.keep),
        dtype=training.dtype,
    )
    parsed, names = _split(words or [], everywhere.project)
    project, _ = open_words(parsed, everywhere, reading, working)
    wanted = _trainings(project, parsed, names, training, recipe)
    features = [feature for _, feature in wanted]
    check_models(project, features, naming="assay select ... --model gpt2, to choose first")
    if working.dry_run:
        print_prices(project, wanted)
        return
    _tune(project, wanted, output)


def _epochs(text: str) -> Any:
    from assay.errors import UsageError

    if text in ("all", "last"):
        return text
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--keep {text!r} names no epochs", hint="last, all, or 1,2") from None


def _split(words: Sequence[str], project: Path | None) -> "tuple[Parsed, list[str]]":
    """Return what the words stand for, and those that must be names of selections."""
    from assay.cli.options.grammar import is_method, parse_words
    from assay.cli.options.names import split_words

    _, _, others = split_words([word for word in words if not is_method(word)])
    return parse_words([word for word in words if word not in others], project), others


def _trainings(
    project: "Project",
    parsed: "Parsed",
    names: Sequence[str],
    training: Training,
    recipe: "Recipe",
) -> "list[tuple[str, TunedModel]]":
    """Return every training by a name that tells it from the others."""
    from assay.components.result_names import derived_name
    from assay.errors import UsageError
    from assay.workspace.stored import stored_selection
    from assay.workspace.trainings import tuned_model

    if parsed.methods and training.budget is None:
        raise UsageError("a method needs a budget to choose by", hint="add --budget 5%")
    if training.budget is not None and not parsed.methods:
        raise UsageError("--budget is for a method, and none is named", hint="random --budget 5%")
    chosen: list[tuple[str, Selector | None]] = []
    for method in parsed.methods:
        made_by = project.selector(method, budget=training.budget)
        chosen.append((derived_name(made_by), made_by))
    chosen += [(name, stored_selection(project, name).selector) for name in names]
    made = []
    for stem, selector in chosen or [("all", None)]:
        for seed in range(training.seeds):
            base = str(training.base)
            feature = tuned_model(selector, base=base, recipe=recipe, seed=seed)
            made.append((f"{stem}-seed{seed}" if training.seeds > 1 else stem, feature))
    return made


def _tune(
    project: "Project", wanted: "Sequence[tuple[str, TunedModel]]", output: Path | None
) -> None:
    from assay.cli.printing.tuning_report import print_trainings
    from assay.cli.recording import recorded
    from assay.workspace.trainings import losses

    done: list[tuple[str, Tuned, Losses]] = []
    written: list[list[Path]] = []
    with recorded(project, "tune", sys.argv[2:], [feature for _, feature in wanted]) as run:
        for name, feature in wanted:
            with run.stage("train"):
                tuned = project.engine.value(feature)
            with run.stage("measure"):
                done.append((name, tuned, losses(project.engine, feature, tuned)))
        with run.stage("write"):
            for name, tuned, _ in done:
                alone = len(wanted) == 1
                written.append([] if output is None else _write(tuned, name, output, alone))
        entries = [
            {"training": name, **tuned.model_dump(mode="json"),
             "folder": str(tuned.folder), "loss_before": loss.before, "loss_after": loss.after,
             "models": [str(path) for path in paths or map(tuned.after, tuned.epochs)]}
            for (name, tuned, loss), paths in zip(done, written, strict=True)
        ]  # fmt: skip
        run.facts["trainings"] = [
            {name: value for name, value in entry.items() if name != "losses"} for entry in entries
        ]
    if terminal().settings.as_json:
        terminal().document(entries[0] if len(entries) == 1 else entries)
    else:
        print_trainings(project, entries)


def _write(tuned: "Tuned", name: str, output: Path, alone: bool) -> list[Path]:
    """Copy the weights out, the record beside them, and return the models' folders."""
    from assay.files import atomic_folder, write_text
    from assay.models.recipe import RECORD
    from assay.wording import all_without_folders

    single = alone and len(tuned.epochs) == 1
    paths = []
    for epoch in tuned.epochs:
        suffix = "" if len(tuned.epochs) == 1 else f"-epoch{epoch}"
        path = output if single else output / f"{name}{suffix}"
        if path.is_dir():
            path.rmdir()  # an empty one, as was checked
        with atomic_folder(path) as folder:
            shutil.copytree(tuned.after(epoch), folder, dirs_exist_ok=True)
        paths.append(path)
    stem = output if single else output / name
    # It goes where the weights go: where the base lies here is left out.
    record = all_without_folders(json.loads((tuned.folder / RECORD).read_text(encoding="utf-8")))
    text = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
    write_text(stem.with_name(f"{stem.name}.assay.json"), text)
    return paths
