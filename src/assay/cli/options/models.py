"""The options that name models, and what is wrong with them before any work is done."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar, get_args

import typer

from assay.cli.console import terminal
from assay.errors import (
    AssayError,
    MissingExtraError,
    ModelLoadError,
    Parameter,
    Phrase,
    UsageError,
    did_you_mean,
)

if TYPE_CHECKING:
    from assay.components.base import Component
    from assay.project import Project
    from assay.workspace.workspace import Workspace

ComponentType = TypeVar("ComponentType", bound="Component")

_OPTION = "--model gpt2"
_JUDGE = Parameter("judge", "http://host:8000/v1#model")
_PANEL = "Models"

ModelOption = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", show_default=False, rich_help_panel=_PANEL,
                 help="Causal language model: assay:lm by default, org/name such as gpt2, a "
                 "folder, a GGUF file, package:NAME, or http://host:8000/v1#model."),
]  # fmt: skip
DTypeOption = Annotated[
    str | None,
    typer.Option("--dtype", metavar="float32|bfloat16|float16", show_default=False,
                 rich_help_panel=_PANEL,
                 help="Number format of the language model; float32 by default."),
]  # fmt: skip
DeviceOption = Annotated[
    str | None,
    typer.Option("--device", metavar="auto|cpu|cuda|cuda:0|mps", show_default=False,
                 rich_help_panel=_PANEL,
                 help="Where language models run; all graphics processors by default, or else the "
                 "processor."),
]  # fmt: skip
JudgeOption = Annotated[
    str | None,
    typer.Option("--judge", metavar="NAME", show_default=False, rich_help_panel=_PANEL,
                 help="Model that methods ask for their opinion: http://host:8000/v1#model, a GGUF "
                 "file, or package:NAME; the last two are served here meanwhile."),
]  # fmt: skip


@dataclass(frozen=True)
class Models:
    """Options that name the models which methods read."""

    encoder: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False, rich_help_panel=_PANEL,
                     help="Sentence encoder: assay:encoder, a folder, or org/name."),
    ] = None  # fmt: skip
    model: ModelOption = None
    dtype: DTypeOption = None
    judge: JudgeOption = None


@dataclass(frozen=True)
class ReadModels(Models):
    """The same, where the model that a method trains may be called a base as in `tune`."""

    model: Annotated[
        str | None,
        typer.Option("--model", "--base", metavar="NAME", show_default=False,
                     rich_help_panel=_PANEL,
                     help="Causal language model that is read, and trained first by methods that "
                     "train: assay:lm by default, org/name such as gpt2, a folder, or "
                     "http://host:8000/v1#model."),
    ] = None  # fmt: skip


def with_models(components: Sequence[ComponentType], models: Models) -> list[ComponentType]:
    """Return components that read the models of the options, where nobody set another.

    Raises:
        UsageError: if none of them reads such a model, or an option has no such value.
    """
    from assay.components.defaults import kinds_named, with_defaults
    from assay.components.references import DType, is_endpoint

    known = get_args(DType)
    if models.dtype is not None and models.dtype not in known:
        hint = did_you_mean(models.dtype, known) or f"one of {', '.join(known)}"
        raise UsageError(f"--dtype {models.dtype!r} is not known", hint=hint)
    kinds = {kind for component in components for kind in kinds_named(component)}
    for option, text, kind, phrase in (
        ("--encoder", models.encoder, "encoder", "uses no encoder"),
        ("--model", models.model, "language_model", "reads no language model"),
        ("--dtype", models.dtype, "language_model", "reads no language model"),
        ("--judge", models.judge, "judge", "asks no judge"),
    ):
        if text is not None and kind not in kinds:
            names = list(dict.fromkeys(_method_of(component) for component in components))
            subject = names[0] if len(names) == 1 else f"each of {', '.join(names)}"
            raise UsageError(f"{option}: {subject} {phrase}")
    if models.dtype is not None and is_endpoint(models.model or ""):
        raise UsageError(
            "--dtype: the number format of a model behind HTTP is its server's own",
            hint="leave it away",
        )
    return [
        with_defaults(
            component,
            encoder=models.encoder or "",
            language_model=models.model or "",
            judge=models.judge or "",
            dtype=models.dtype or "",
        )
        for component in components
    ]


def _method_of(component: "Component") -> str:
    """Return the name by which a person asked for a component."""
    inner = getattr(component, "by", None)
    return inner.name if component.name == "top_score" and inner is not None else component.name


def model_errors(
    project: "Workspace", components: Sequence["Component"], *, naming: str = _OPTION
) -> "Iterator[tuple[Component, AssayError]]":
    """Yield the components whose language model is not named, or cannot be run here, and why.

    Nothing heavy is loaded, and what is stored already needs no model.

    Args:
        project: whose rows are meant.
        components: that are to be computed.
        naming: how a person names a model here.
    """
    from assay.components.references import JUDGES, LANGUAGE_MODELS

    for component in components:
        unnamed, kind = next(_unnamed(component), ("", ""))
        if kind == "judge":
            message = f"{unnamed} asks a judge, and none is named"
            yield component, ModelLoadError(message, hint=Phrase("{}, " + JUDGES, _JUDGE))
            continue
        if unnamed:
            message = f"{unnamed} reads a causal language model, and none is named"
            yield component, ModelLoadError(message, hint=f"{naming}, {LANGUAGE_MODELS}")
            continue
        extra = _missing_extra(project, component)
        if extra is not None:
            yield component, extra


def check_models(
    project: "Workspace", components: Sequence["Component"], *, naming: str = _OPTION
) -> None:
    """Check that every language model that is needed is named and can be run here.

    Raises:
        ModelLoadError: if one is not named.
        MissingExtraError: if what runs it is not installed.
    """
    for _, error in model_errors(project, components, naming=naming):
        raise error


def check_work(
    project: "Project", components: Sequence["Component"], *, naming: str = _OPTION
) -> None:
    """Check that work can begin, and tell what is worth knowing before it does.

    Args:
        project: whose rows are worked on.
        components: what is asked for.
        naming: how a language model is named.

    Raises:
        AssayError: if a model is not named, or what runs it is not installed.
    """
    check_models(project, components, naming=naming)
    for note in project.advice(components):
        terminal().warn(note)


def _unnamed(component: "Component") -> Iterator[tuple[str, str]]:
    """Yield the names of methods, inside or the component itself, that lack a model, and its kind.

    What lacks one is a language model that is read, or a judge that is asked.
    """
    from assay.components.references import REQUIRED_KINDS, named_fields
    from assay.components.walk import walk

    lacking = [
        (item, kind)
        for item in walk([component])
        for name, kind in named_fields(item).items()
        if kind in REQUIRED_KINDS and not getattr(item, name)
    ]
    # A method names its model for the features that it requires: it is the one to be named.
    yield from ((item.name, kind) for item, kind in lacking if item.kind in ("scorer", "selector"))
    yield from ((_method_of(component), kind) for _, kind in lacking[:1])


def _missing_extra(project: "Workspace", component: "Component") -> AssayError | None:
    """Return that an extra is missing without which rows that lack a value cannot be read."""
    from assay.components.component import Feature
    from assay.components.defaults import kinds_named
    from assay.components.extras import EXTRAS, is_installed, needed_extra
    from assay.components.walk import walk
    from assay.features.passes import RowFeature

    missing = {extra for extra in EXTRAS if not is_installed(extra)}
    held = list(walk([component]))
    readers = [
        item
        for item in held
        if isinstance(item, Feature)
        and needed_extra(item) in missing
        and "language_model" in kinds_named(item)
    ]
    if not readers:
        return None
    error = MissingExtraError(_method_of(component), readers[0].extra)
    # Only where something of the kind is stored is it worth asking the Hub which model is meant.
    names = tuple(item.name for item in held)
    if not any(stored.name.startswith(names) for stored in project.results.names().values()):
        return error
    engine = project.engine
    try:
        resolved = engine.resolve(component)
    except ModelLoadError:
        return error  # a model that is not here could not be run if it were
    needed = (
        item
        for item in walk([resolved], skip=engine.is_stored, resolve=engine.resolve)
        if isinstance(item, RowFeature) and needed_extra(item) in missing
    )
    # Rows of a selection that is not made yet cannot be looked up.
    lacking = (not engine.rows_known(item.dataset) or engine.missing_rows(item) for item in needed)
    return error if any(lacking) else None
