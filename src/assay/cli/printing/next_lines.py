"""The lines that are proposed next: whole ones, which do what they say when they are pasted.

What the line before was told and the next one needs, too, is repeated.
"""

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.cli.naming import output_name, shown_path, shown_source, typed_path
from assay.cli.shell import quoted

if TYPE_CHECKING:
    from assay.cli.options.choosing import Choosing
    from assay.cli.options.models import Models
    from assay.cli.options.writing import Writing
    from assay.components.base import Component
    from assay.components.component import Scorer
    from assay.models.recipe import Recipe
    from assay.workspace.named_selection import NamedSelection
    from assay.workspace.workspace import Workspace

_FEW_ROWS = 20


def words(option: str, value: object) -> list[str]:
    """Return an option and its value as they are typed; nothing for None, nothing and False."""
    if isinstance(value, (list, tuple)):
        return [word for each in value for word in (option, quoted(str(each)))]
    if value is True:
        return [option]
    return [option, quoted(str(value))] if value or (value == 0 and value is not False) else []


def joined(*parts: str | Sequence[str]) -> str:
    """Return ``assay`` and words that are typed already as one line."""
    flat = [[part] if isinstance(part, str) else part for part in parts]
    return " ".join(["assay", *(word for part in flat for word in part if word)])


def usual_budget(rows: int) -> str:
    """Return a budget that chooses something."""
    return "5%" if rows >= _FEW_ROWS else "1"


def first_selection(project: "Workspace", *method: str) -> str:
    """Return the line that chooses by a method, or by what is chosen by without one."""
    budget = usual_budget(len(project.engine.shown))
    subset = quoted(output_name(project, "subset"))
    return joined("select", shown_source(project), method, "--budget", budget, "-o", subset)


def after_scores(
    project: "Workspace", scorer: "Scorer", models: "Models", files: Sequence[Path]
) -> str | None:
    """Return the line that chooses by a score, as it was computed; None if no line says it."""
    from assay.components.walk import walk

    own = _own_file(scorer, files)
    setting, reads = score_words(scorer, models)
    if own is None:
        if any(_own_file(item, files) is not None for item in walk([scorer])):
            return None
        return first_selection(
            project, "facility_location", "--set", quoted(f"quality={setting}"), *reads
        )
    changed = [f"{name}={_text(value)}" for name, value in _parameters(scorer, models).items()]
    return first_selection(project, typed_path(own), *words("--set", changed), *reads)


def score_words(scorer: "Scorer", models: "Models") -> tuple[str, list[str]]:
    """Return a score as the text of a parameter, and the options that name its models."""
    parameters = _parameters(scorer, models)
    text = _text({"method": scorer.name, **parameters}) if parameters else scorer.name
    return text, model_options(models)


def model_options(models: "Models") -> list[str]:
    """Return the options that name models as they are typed."""
    found = [words(f"--{name}", value) for name, value in vars(models).items()]
    return [word for option in found for word in option]


def _parameters(scorer: "Scorer", models: "Models") -> dict[str, Any]:
    """Return the parameters that no option of models sets."""
    from assay.components.descriptions import describe
    from assay.components.references import pinned_fields

    named = {
        "language_model": models.model,
        "encoder": models.encoder,
        "judge": models.judge,
    }
    by_option = {
        name for name, kind in pinned_fields(type(scorer)).items() if named.get(kind) is not None
    }
    if models.dtype is not None:
        by_option.add("dtype")
    described = describe(scorer)
    return {name: value for name, value in described.items() if name not in {"method", *by_option}}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _own_file(component: "Component", files: Sequence[Path]) -> Path | None:
    """Return the file among some that a method lies in."""
    source = Path(inspect.getfile(type(component))).resolve()
    return next((file for file in files if file.resolve() == source), None)


def after_selection(
    selection: "NamedSelection",
    described: Mapping[str, Any],
    choosing: "Choosing",
    writing: "Writing",
    files: Sequence[Path],
) -> Iterator[str]:
    """Yield the lines that follow a selection: write it, look at it, put chance beside it."""
    project, source, name = selection.project, shown_source(selection.project), selection.name
    if not described["written"]:
        subset = quoted(output_name(project, "subset"))
        yield joined("export", source, quoted(name), *map(typed_path, files), "-o", subset)
    yield joined("show", source, quoted(name))
    if described["written"] and not name.startswith("random"):
        yield _chance(selection, choosing, writing)


def _chance(selection: "NamedSelection", choosing: "Choosing", writing: "Writing") -> str:
    """Return the line that chooses as many rows among the same ones at random."""
    project, kept = selection.project, ["dedup", "against", "where", "per", "share"]
    budget: object = choosing.budget
    if selection.record.selection.stop != "budget" or not (budget or choosing.share):
        budget = len(selection)
    else:
        kept += ["of", "tokenizer"]
    options = [word for option in kept for word in _given(choosing, option)]
    output = output_name(project, "random")
    if writing.layout_out is not None and writing.output is not None:
        output = f"random{''.join(Path(writing.output).suffixes)}"
    return joined(
        "select", shown_source(project), "random", words("--budget", budget), options,
        "-o", quoted(output), words("--format", writing.layout_out),
    )  # fmt: skip


def _given(choosing: "Choosing", option: str) -> list[str]:
    value = getattr(choosing, option)
    return [] if value == getattr(type(choosing), option) else words(f"--{option}", value)


def show_row(project: "Workspace", row_id: int, *options: str) -> str:
    """Return the line that shows a row."""
    from assay.workspace.stored import shortest_id

    return joined("show", shown_source(project), shortest_id(project.pool.ids, row_id), options)


def reading_options(project: "Workspace") -> list[str]:
    """Return the options by which a file like those of a project is read."""
    spec = project.load_record.specs[0]
    mapping = [f"{name}={text}" for name, text in (spec.get("mapping") or {}).items()]
    return [*words("--layout", spec.get("layout")), *words("--map", mapping)]


def recipe_options(recipe: "Recipe") -> list[str]:
    """Return the options that describe how a model is trained."""
    from assay.components.references import name_of
    from assay.models.recipe import Recipe

    usual = Recipe()
    found = ["--full"] if recipe.weights == "full" else []
    for name in ("epochs", "learning_rate", "batch_size", "device_batch", "max_length", "template",
                 "dtype"):  # fmt: skip
        value = getattr(recipe, name)
        shown = name_of(value) if isinstance(value, str) else value
        if shown != getattr(usual, name):
            found += words(f"--{name.replace('_', '-')}", shown)
    return found


def model_path(name: str) -> str:
    """Return a model's name as it is typed here."""
    from assay.components.references import name_of

    plain = name_of(name)
    return quoted(shown_path(Path(plain)) if Path(plain).exists() else plain)
