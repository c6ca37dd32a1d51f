"""The `compare` section of a configuration file: what is compared, and what is written."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.components.budget import Budget
from assay.components.descriptions import describe, escaped, plain_value
from assay.components.parts import changed_fields
from assay.config.build import build_arms
from assay.config.document import Document, LocatedError
from assay.config.sections import CompareSection, Description, Sections
from assay.errors import AssayError

if TYPE_CHECKING:
    from assay.compare.experiment import Experiment

_PLACE = "compare"


@dataclass(frozen=True)
class ComparisonConfig:
    """A comparison that a file asks for.

    Attributes:
        experiment: what is compared.
        report: where the report is written; None for beside the records.
        best: where the winner's rows are written; None for nowhere.
    """

    experiment: "Experiment"
    report: Path | None
    best: Path | None


def build_comparison(
    document: Document, sections: Sections, folder: Path
) -> ComparisonConfig | None:
    """Return the comparison that a file asks for, None if it asks for none.

    Args:
        document: for file and line in errors.
        sections: the file, checked.
        folder: from which its paths are read.

    Raises:
        LocatedError: with file, line and remedy, for the first thing that is wrong.
    """
    section = sections.compare
    if section is None:
        return None
    try:
        experiment = _experiment(document, sections, section, folder)
    except LocatedError:
        raise
    except AssayError as error:
        raise document.error((_PLACE,), *error.words) from error
    return ComparisonConfig(
        experiment,
        None if section.report is None else folder / section.report,
        None if section.best is None else folder / section.best,
    )


def _experiment(
    document: Document, sections: Sections, section: CompareSection, folder: Path
) -> "Experiment":
    from assay.compare.experiment import Experiment, answering  # noqa: PLC0415  loads the project

    named: Mapping[str, Description] = (
        {name: name for name in sections.selections} if section.methods is None else section.methods
    )
    recipe = section.recipe
    return Experiment(
        bases=tuple(_path(base, folder) for base in section.base),
        budgets=tuple(Budget.model_validate(budget) for budget in section.budgets),
        methods=build_arms(document, sections, folder, named),
        axis=section.budget_axis,
        seeds=section.tune_seeds,
        draws=section.draws,
        recipe=recipe.model_copy(update={"template": _path(recipe.template, folder)}),
        others=tuple(str(folder / file) for file in section.other_sources),
        primary="" if section.primary is None else str(folder / section.primary),
        answers=answering(section.answers),
        hold_out=section.hold_out,
        questions=section.questions,
        full=section.full_data,
        untuned=section.base_model,
        keep_models=section.keep_models,
        title=section.title,
    )


def _path(name: str, folder: Path) -> str:
    """Return a path of the file from its folder; a name of something else as it is."""
    path = folder / name
    return str(path) if path.exists() else name


def comparison_section(
    experiment: "Experiment", folder: Path, *, report: Path | None, best: Path | None
) -> dict[str, Any]:
    """Return the section that asks for a comparison again, as plain values.

    Args:
        experiment: what is compared.
        folder: from which its paths are written.
        report: where the report was written, if not beside the records.
        best: where the winner's rows were written, if they were.
    """
    plain = {
        name: selector.model_copy(update={"budget": None})
        for name, selector in experiment.methods.items()
    }
    recipe = {name: plain_value(value) for name, value in changed_fields(experiment.recipe).items()}
    if "template" in recipe:
        recipe["template"] = _moved(recipe["template"], folder)
    section: dict[str, Any] = {
        "base": [_moved(base, folder) for base in experiment.bases],
        "budgets": [plain_value(budget) for budget in experiment.budgets],
        "methods": {
            name: escaped(describe(selector, relative_to=folder))
            for name, selector in plain.items()
        },
        "budget_axis": experiment.axis,
        "tune_seeds": experiment.seeds,
        "draws": experiment.draws,
        "other_sources": [_moved(file, folder) for file in experiment.others],
        "primary": _moved(experiment.primary, folder) if experiment.primary else None,
        "answers": experiment.answers.max_new_tokens if experiment.answers else None,
        "hold_out": experiment.hold_out,
        "questions": experiment.questions,
        "full_data": experiment.full,
        "base_model": experiment.untuned,
        "recipe": recipe,
        "keep_models": experiment.keep_models,
        "title": experiment.title or None,
        "report": None if report is None else os.path.relpath(report, folder),
        "best": None if best is None else os.path.relpath(best, folder),
    }
    return {name: value for name, value in section.items() if value not in (None, [], {})}


def _moved(name: str, folder: Path) -> str:
    return os.path.relpath(name, folder) if Path(name).exists() else name
