"""What trainings take and what came of them, for people."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.cli.console import facts, table, terminal
from assay.cli.naming import shown_path, shown_source
from assay.cli.printing.next_lines import joined, words
from assay.compare.remarks import few_steps
from assay.components.references import name_of, short_name
from assay.components.rendering import COMMON
from assay.models.recipe import Recipe
from assay.progress import format_seconds

if TYPE_CHECKING:
    from assay.tuning.tuned_model import TunedModel
    from assay.workspace.workspace import Workspace


def print_prices(project: "Workspace", wanted: "Sequence[tuple[str, TunedModel]]") -> None:
    """Print what some trainings would take; nothing of them is kept.

    Args:
        project: whose rows they are.
        wanted: names and trainings.

    Raises:
        AssayError: whatever would stop a training, too.
    """
    from assay.workspace.trainings import price

    # Trainings that differ in their seed alone take the same time.
    known = {feature.model_copy(update={"seed": 0}): feature for _, feature in wanted}
    prices = {plain: price(project.engine, feature) for plain, feature in known.items()}
    rows = [
        (name, prices[feature.model_copy(update={"seed": 0})],
         project.engine.is_stored(project.engine.resolve(feature)))
        for name, feature in wanted
    ]  # fmt: skip
    seconds = sum(0.0 if stored else found.seconds for _, found, stored in rows)
    page = terminal()
    if page.settings.as_json:
        entries = [{"training": n, **p._asdict(), "at_hand": stored} for n, p, stored in rows]
        page.document({"trainings": entries, "seconds": seconds})
        return
    page.result(
        table(
            ["training", ("rows", "right"), ("steps", "right"), ("tokens", "right"),
             ("FLOP", "right"), ("time", "right")],
            [(name, found.rows, found.steps, found.tokens, f"{found.flops:.1e}",
              "at hand" if stored else format_seconds(found.seconds))
             for name, found, stored in rows],
        )
    )  # fmt: skip
    _warn_of_few_steps(wanted[0][1].recipe, [(name, found.steps) for name, found, _ in rows])
    page.note(f"about {format_seconds(seconds)} in all; nothing was kept")


def print_trainings(project: "Workspace", entries: Sequence[dict[str, Any]]) -> None:
    """Tell a person what came of some trainings, and what to do next.

    Args:
        project: whose rows they are.
        entries: what is told of each: the fields of `Tuned`, its name, its models, its losses.
    """
    page = terminal()
    if len(entries) == 1:
        entry = entries[0]
        page.note(facts(_facts(entry)))
    else:
        page.result(
            table(
                ["training", ("rows", "right"), ("steps", "right"), ("tokens", "right"),
                 ("before", "right"), ("after", "right"), ("time", "right"), "model"],
                [(each["training"], each["rows"], each["steps"], each["tokens"],
                  each["loss_before"], each["loss_after"], format_seconds(each["seconds"]),
                  shown_path(Path(each["models"][-1])))
                 for each in entries],
            )
        )  # fmt: skip
    recipe = Recipe.model_validate(entries[0]["recipe"])
    _warn_of_few_steps(recipe, [(each["training"], each["steps"]) for each in entries])
    source, model = shown_source(project), words("--model", shown_path(_last(entries)))
    template = name_of(entries[-1]["recipe"]["template"])
    usual = template == COMMON.template
    wording = [] if usual else words("--set", f"rendering.template={template}")
    page.next(joined("score", source, "perplexity", model, wording))


def _last(entries: Sequence[dict[str, Any]]) -> Path:
    return Path(entries[-1]["models"][-1])


def _warn_of_few_steps(recipe: Recipe, steps_of: Sequence[tuple[str, int]]) -> None:
    reported = few_steps(recipe, steps_of)
    if reported:
        terminal().warn(terminal().spelled(reported))


def _facts(entry: dict[str, Any]) -> "list[tuple[str, object]]":
    kind = "all weights" if entry["recipe"]["weights"] == "full" else "adapter"
    share = entry["trained_parameters"] / entry["parameters"]
    reported: list[tuple[str, object]] = [
        ("trained", (f"{short_name(entry['base'])} on {entry['training']}: {kind}, "
                     f"{entry['trained_parameters']:,} parameters ({share:.1%} of the base)")),
        ("rows", f"{entry['rows']:,} as {entry['sequences']:,} sequences"),
        ("steps", f"{entry['steps']:,} in {len(entry['learning_rates'])} epochs"),
        ("tokens", (f"{entry['tokens']:,} read, {entry['scored_tokens']:,} of them learned "
                    f"({entry['flops']:.1e} FLOP, an estimate)")),
        ("loss", (f"{entry['loss_before']:.4f} before, {entry['loss_after']:.4f} after, per token "
                  "of the answers trained on")),
        ("time", format_seconds(entry["seconds"])),
    ]  # fmt: skip
    for label, counts in (("left out", entry["left_out"]), ("note", entry["noted"])):
        if counts:
            words = (f"{name.lower().replace('_', ' ')} {n:,}" for name, n in counts.items())
            reported.append((label, ", ".join(words)))
    reported += [("model", shown_path(Path(path))) for path in entry["models"]]
    return reported
