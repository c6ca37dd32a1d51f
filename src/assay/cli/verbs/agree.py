"""``assay agree``: how well a cheap model ranks your rows as an expensive one does."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.app import LOOK, verb
from assay.cli.console import terminal
from assay.cli.help import Verb
from assay.cli.options.groups import Everywhere, Loading, Words, Working
from assay.cli.options.models import DTypeOption
from assay.cli.options.opening import open_words

if TYPE_CHECKING:
    from assay.agreement.sample_reading import SampleReader
    from assay.cli.console import Column
    from assay.components.component import Scorer
    from assay.project import Project

_METHOD = "superfiltering"
_OPTION = "--models"


@dataclass(frozen=True)
class Comparing:
    """Options that say which models are compared, and on how many rows."""

    models: Annotated[
        list[str] | None,
        typer.Option(_OPTION, metavar="NAME NAME...", show_default=False,
                     help="Language models that are compared, two or more."),
    ] = None  # fmt: skip
    reference: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False,
                     help="The model that the others are held against; the largest by default, "
                     "or the last one where sizes are not known."),
    ] = None  # fmt: skip
    sample: Annotated[
        int, typer.Option(min=2, help="Rows that are read, drawn at random.")
    ] = 500  # fmt: skip
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sample.")] = 0
    dtype: DTypeOption = None
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="[METHOD.]PARAMETER=VALUE", show_default=False,
                     help="Set a parameter of the method. Repeatable."),
    ] = None  # fmt: skip


class _SeveralModels(Verb):
    """Reads the words after ``--models`` as that many models."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each of its words."""
        return super().parse_args(ctx, repeated(args, _OPTION))


@verb(
    "agree",
    panel=LOOK,
    cls=_SeveralModels,
    examples=(
        "assay agree alpaca_data.json --models gpt2 Qwen/Qwen3-0.6B --sample 500",
        "assay agree alpaca_data.json ifd --models gpt2 http://localhost:8000/v1#qwen",
        "assay agree alpaca_data.json --models a b c --reference b --dry-run",
    ),
)
def agree(
    words: Words,
    reading: Loading,
    everywhere: Everywhere,
    working: Working,
    comparing: Comparing,
) -> None:
    """Measure on your own rows how well a cheap model ranks like an expensive one.

    A random sample is scored with every model. Beside each model's agreement with the reference
    stand two floors that need no model, the length of the answer and compression_ifd, and what
    scoring all rows would take. What is read is kept.
    """
    from assay.cli.options.grammar import parse_words
    from assay.cli.options.models import check_models
    from assay.errors import UsageError

    parsed = parse_words(words or [], everywhere.project)
    if len(parsed.methods) > 1:
        raise UsageError(f"agree takes one method, not {', '.join(parsed.methods)}")
    names = list(dict.fromkeys(comparing.models or []))
    _check_names(names, comparing.reference)
    project, _ = open_words(parsed, everywhere, reading, working, settings=comparing.settings)
    method = next(iter(parsed.methods), _METHOD)
    scorers = _scorers(project, method, names, comparing)
    check_models(project, list(scorers.values()), naming=f"{_OPTION} gpt2")
    if working.dry_run:
        _print_prices(project, scorers, comparing)
        return
    _agree(project, scorers, comparing)


def _check_names(names: Sequence[str], reference: str | None) -> None:
    from assay.errors import UsageError

    if len(names) < 2:
        raise UsageError("agree needs two models at least", hint=f"{_OPTION} gpt2 Qwen/Qwen3-0.6B")
    if reference is not None and reference not in names:
        raise UsageError(
            f"--reference {reference!r} is not among the models", hint=f"one of {', '.join(names)}"
        )


def repeated(arguments: Sequence[str], option: str) -> list[str]:
    """Return arguments in which an option stands before each of the words that follow it.

    The words end at the next option, at a file or a project, and at the name of a method.
    """
    made: list[str] = []
    following = False
    for place, word in enumerate(arguments):
        if word.startswith("-") and word != "-":
            following = word == option or word.startswith(f"{option}=")
        elif following and arguments[place - 1] != option:
            following = not _ends_models(word)
            if following:
                made.append(option)
        made.append(word)
    return made


def _ends_models(word: str) -> bool:
    from assay.cli.options.grammar import is_method

    path = Path(word)
    if word == "-" or path.is_file() or (path / "load.json").is_file():
        return True
    return is_method(word)


def _scorers(
    project: "Project", method: str, names: Sequence[str], comparing: Comparing
) -> "dict[str, Scorer]":
    """Return the method with each of the models, by the models' names."""
    from assay.cli.options.models import Models, with_models
    from assay.cli.options.parameters import describe_methods, parse_settings, set_inside
    from assay.errors import UsageError

    described, inside = describe_methods(
        [method], parse_settings(comparing.settings or [], [method])
    )
    base = set_inside(project.scorer(described[0]), inside)
    made: dict[str, Scorer] = {}
    for name in names:
        try:
            [scorer] = with_models([base], Models(model=name, dtype=comparing.dtype))
        except UsageError as error:
            error.message = error.message.replace("--model:", f"{_OPTION}:")
            raise
        made[name] = scorer
    return made


def _agree(project: "Project", scorers: "dict[str, Scorer]", comparing: Comparing) -> None:
    from assay.agreement.agreement import compare, report
    from assay.cli.printing.agreement_report import agreement_parts, describe_agreement, next_line
    from assay.cli.recording import recorded

    with recorded(project, "agree", sys.argv[2:], list(scorers.values())) as run:
        with run.stage("read"):
            rows, readers, floors = compare(
                project, scorers, sample=comparing.sample, seed=comparing.seed
            )
        sizes = {reader.name: _size(reader) for reader in readers}
        dearest = comparing.reference or _dearest(sizes)
        with run.stage("compare"):
            found = report(project, rows, readers, floors, dearest)
        resolved = [reader.scorer for reader in readers]
        described = describe_agreement(found, sizes) | {
            "model_fits": [fit.facts() for fit in project.model_fits(resolved)]
        }
        run.facts["agreement"] = described
    page = terminal()
    for note in project.advice(resolved):
        page.warn(note)
    if page.settings.as_json:
        page.document({"project": str(project.folder), **described})
        return
    for part in agreement_parts(described):
        page.result(part)
    options = _repeated(comparing)
    page.next(next_line(project, found, described, options, reference=comparing.reference))


def _repeated(comparing: Comparing) -> list[str]:
    """Return the options that a line about the same method repeats."""
    from assay.cli.printing.next_lines import words

    return [*words("--set", comparing.settings), *words("--dtype", comparing.dtype)]


def _size(reader: "SampleReader") -> int | None:
    """Return the weights of a model: None where not at hand, 0 for the one in the wheel."""
    from assay.backends.model_size import count_parameters
    from assay.components.references import EMBEDDED_MODEL, name_of, pinned_fields

    kinds = pinned_fields(type(reader.scorer))
    field = next(name for name, kind in kinds.items() if kind == "language_model")
    model = getattr(reader.scorer, field)
    if name_of(model) == EMBEDDED_MODEL:
        return 0
    return count_parameters(model, offline=True) or None


def _dearest(sizes: "dict[str, int | None]") -> str:
    """Return the largest model; one of unknown size counts as such, and of equal ones the last."""
    unknown = 1 << 62
    return max(
        enumerate(sizes),
        key=lambda pair: (unknown if (n := sizes[pair[1]]) is None else n, pair[0]),
    )[1]


def _print_prices(project: "Project", scorers: "dict[str, Scorer]", comparing: Comparing) -> None:
    """Print what reading the sample would take; nothing is kept."""
    from assay.agreement.sample_reading import SampleReading, sampled_rows
    from assay.cli.console import table
    from assay.cli.printing.planning_report import in_all, time_of
    from assay.engine.planning import Plan

    rows = sampled_rows(project, comparing.sample, seed=comparing.seed)
    reading = SampleReading(project, rows)
    priced = {name: reading.priced(scorer) for name, scorer in scorers.items()}
    page = terminal()
    planned = Plan(list(priced.values()), [])
    if page.settings.as_json:
        steps = [{"model": name, "rows": step.rows, "missing": step.missing,
                  "seconds": step.seconds,
                  **({} if step.price is None else {"price": step.price.facts()})}
                 for name, step in priced.items()]  # fmt: skip
        page.document({"steps": steps, "seconds": planned.seconds})
    else:
        asked = any(step.remark for step in planned.steps)
        cells = [
            (name, step.rows, step.missing, time_of(step), *([step.remark] if asked else []))
            for name, step in priced.items()
        ]
        columns: list[Column] = ["model", ("rows", "right"), ("to do", "right"), ("time", "right")]
        page.result(table([*columns, ""] if asked else columns, cells))
    in_all(planned)
