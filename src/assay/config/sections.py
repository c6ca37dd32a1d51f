"""The sections of a configuration file, as pydantic checks them."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
)

from assay.components.component import Scorer
from assay.components.parameter_errors import reason_of, unknown_parameter
from assay.components.references import DType
from assay.components.wishes import WrittenSelection
from assay.config.document import Document, LocatedError
from assay.export.trainers import TrainerLayout
from assay.formats.records import Container
from assay.models.recipe import Recipe
from assay.pool.loading import MAX_SET_ASIDE

_SHARE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")


def _share(value: Any) -> Any:
    if isinstance(value, str):
        found = _SHARE.fullmatch(value)
        if found is None:
            raise ValueError("write a share such as 2% or 0.02")
        return float(found[1]) / 100
    return value


_WrittenShare: TypeAlias = (
    Annotated[float, Field(ge=0, le=1)]
    | Annotated[str, Field(pattern="^ *[0-9]+([.][0-9]+)? *% *$")]
)
Share: TypeAlias = Annotated[
    float, Field(ge=0, le=1), BeforeValidator(_share, json_schema_input_type=_WrittenShare)
]
"""A part of the whole, from 0 to 1, or written ``2%``."""
_DEVICE = r"^(auto|cpu|mps|cuda(:[0-9]+)?)$"


def _device(value: str) -> str:
    if not re.match(_DEVICE, value):
        raise ValueError("write auto, cpu, cuda, cuda:0 or mps")
    return value


Device: TypeAlias = Annotated[
    str, AfterValidator(_device), WithJsonSchema({"type": "string", "pattern": _DEVICE})
]
"""A device that models may run on."""
Description: TypeAlias = str | dict[str, Any]
"""A component: its name, ``{method: name, parameter: value}``, or ``=name`` of another one."""


def _description(value: Any) -> Any:
    """Return a description as it is: it is looked into once all names of the file are known."""
    if not isinstance(value, (str, dict)):
        raise ValueError("write NAME or {method: NAME, ...}")
    return value


_Score: TypeAlias = Annotated[
    Description, PlainValidator(_description, json_schema_input_type=Scorer)
]
_Selection: TypeAlias = Annotated[
    Description, PlainValidator(_description, json_schema_input_type=WrittenSelection)
]
_Arm: TypeAlias = Annotated[
    Description, PlainValidator(_description, json_schema_input_type=str | WrittenSelection)
]
_Amount: TypeAlias = str | int
_Amounts: TypeAlias = Annotated[tuple[_Amount, ...], Field(min_length=1)]


def _by_method(value: Any) -> Any:
    """Return descriptions by the names of their methods, where they are a list."""
    if not isinstance(value, list):
        return value
    named: dict[str, Any] = {}
    for item in value:
        name = item.get("method") if isinstance(item, Mapping) else item
        if not isinstance(name, str):
            raise ValueError(f"{item!r} names no method")
        if name in named:
            raise ValueError(f"{name!r} stands twice; name them: {{a: ..., b: ...}}")
        named[name] = item
    return named


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, (str, int)) else value


class Section(BaseModel):
    """Base of all sections: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class SourceSection(Section):
    """One source of data."""

    source: str
    """File, folder, or org/name on the Hugging Face Hub; paths are relative to this file."""
    name: str | None = None
    """What quotas and reports call it; the file's name if left out."""
    config: str | None = None
    """Configuration (sub-dataset) on the Hub."""
    split: str | None = None
    """Split to read; all by default."""
    revision: str | None = None
    """Branch, tag or commit on the Hub."""
    layout: str | None = None
    """Layout of the records; found out if left out."""
    map: dict[str, str] | None = None
    """Fields of a conversation as templates over the record's own: {response: "{label}"}."""
    container: Container | None = None
    """How the file is written, where its name does not tell."""


_Source: TypeAlias = str | SourceSection
_Sources: TypeAlias = Annotated[list[_Source], Field(min_length=1)]


def _each_a_section(value: Any) -> Any:
    """Return sources as sections, where one or some are written as text."""
    sources = [value] if isinstance(value, (str, Mapping)) else value
    if not isinstance(sources, list):
        return value
    return [{"source": item} if isinstance(item, str) else item for item in sources]


class _Shares(Section):
    """What holds of the data as a whole."""

    hold_out: Share = 0.0
    """Share of rows that selections are made without, as if the data had none of them."""
    max_set_aside: Share = MAX_SET_ASIDE
    """Share of records that may be unusable before the load is refused."""


class DataSection(_Shares):
    """What is selected from."""

    sources: Annotated[
        tuple[SourceSection, ...],
        Field(min_length=1),
        BeforeValidator(_each_a_section, json_schema_input_type=_Source | _Sources),
    ]
    """Sources, where there are several."""


class OneSourceSection(_Shares, SourceSection):
    """What is selected from, where that is one source."""


_Data: TypeAlias = str | _Sources | DataSection | OneSourceSection


def _data(value: Any) -> Any:
    """Return the section of sources that stand alone, or of one whose fields stand in it."""
    if isinstance(value, (str, list)):
        return {"sources": value}
    if not isinstance(value, Mapping) or "source" not in value:
        return value
    if "sources" in value:
        raise ValueError("has both `source` and `sources`: keep one")
    own = {name: value[name] for name in SourceSection.model_fields if name in value}
    return {name: value[name] for name in value if name not in own} | {"sources": [own]}


class DefaultsSection(Section):
    """What holds wherever a method does not say otherwise."""

    encoder: str = ""
    """Sentence encoder."""
    tokenizer: str = ""
    """Tokenizer, where tokens are counted."""
    language_model: str = ""
    """Causal language model: assay:lm, a folder with safetensors, org/name, or an endpoint."""
    judge: str = ""
    """Model that methods ask for their opinion: an address, a GGUF file, or package:NAME."""
    dtype: DType | None = None
    """Number format of language models; float32 by default."""
    budget: str | int | None = None
    """Budget of every selection that has none of its own."""
    seed: int | None = None
    """Seed of every random choice."""


class ExportSection(Section):
    """A file that is made of a selection."""

    selection: str
    """Name of the selection."""
    output: str
    """File or folder; its ending says the container. Holds {seed} where there are several."""
    format: Literal["original"] | TrainerLayout = "original"
    """"original" keeps layout and bytes of the data; the others are layouts of trainers."""
    sidecar: bool = True
    """Also write ids, ranks, scores and reasons beside it."""


class CompareSection(Section):
    """A comparison: one model tuned on what each method chooses, and asked what it has learned."""

    base: Annotated[
        tuple[str, ...],
        BeforeValidator(_as_list, json_schema_input_type=str | tuple[str, ...]),
    ]
    """Causal language model that is tuned: a folder, or org/name. All is done with each of several.
    """
    budgets: Annotated[
        _Amounts,
        BeforeValidator(_as_list, json_schema_input_type=_Amount | _Amounts),
    ]
    """How much every arm chooses: 5%, 5000 or 2M tokens."""
    methods: Annotated[
        dict[str, _Arm] | None,
        BeforeValidator(_by_method, json_schema_input_type=list[_Arm] | dict[str, _Arm] | None),
    ] = None
    """Arms: names of selections of this file, methods, or names of your own and their methods;
    all selections of this file by default. Random and longest rows are arms in any case."""
    budget_axis: Literal["samples", "tokens", "steps"] = "samples"
    """What is equal between arms of a budget: rows, their tokens, or rows and optimiser steps."""
    tune_seeds: int = Field(default=3, ge=1)
    """Trainings of every arm at every budget."""
    draws: int = Field(default=5, ge=5)
    """Random samples at every budget."""
    other_sources: Annotated[
        tuple[str, ...],
        BeforeValidator(_as_list, json_schema_input_type=str | tuple[str, ...]),
    ] = ()
    """Files of questions from other sources."""
    primary: str | None = None
    """The one of these that claims are made on; by default the rows held out."""
    answers: int | None = Field(default=None, ge=1)
    """Longest answer, in tokens, that every model writes to every question, which is kept; without
    it none is written."""
    hold_out: Share | None = None
    """Share of rows kept to measure on, where `data` holds out none."""
    questions: int = Field(default=1000, ge=2)
    """Most rows of a set to measure on."""
    full_data: bool = True
    """Whether training on all rows is an arm."""
    base_model: bool = True
    """Whether the base model as it is is an arm."""
    recipe: Recipe = Recipe()
    """How every model is tuned."""
    keep_models: bool = False
    """Whether tuned models stay in the cache; each goes once it is measured."""
    title: str = ""
    """Headline of the report."""
    report: str | None = None
    """HTML file; beside the records in the project by default."""
    best: str | None = None
    """File for the winner's rows; random ones where nothing beats chance."""


class LimitsSection(Section):
    """How the work is done."""

    max_unscored: Share | None = None
    """Share of rows that may fail before a score is refused."""
    threads: int | None = Field(default=None, ge=1)
    """Processors to use at once; by default those that may be used."""
    workers: int | None = Field(default=None, ge=1)
    """Processes; as many as threads by default."""
    device: Device | None = None
    """Where language models run: auto, cpu, cuda, cuda:0 or mps."""
    max_cost: str | float | None = None
    """Most that judges may cost, such as 5 USD: no request is sent that could pass it."""
    price: str | None = None
    """What judges cost per million tokens, such as "in=0.15,out=0.6", or a .toml file of prices."""


class Sections(Section):
    """A configuration file."""

    project: str | None = None
    """Project folder; <data>.assay beside the data by default."""
    data: Annotated[
        DataSection,
        BeforeValidator(
            _data, json_schema_input_type=str | _Sources | DataSection | OneSourceSection
        ),
    ]
    """What is selected from."""
    plugins: tuple[str, ...] = ()
    """Python files with methods of your own."""
    defaults: DefaultsSection = DefaultsSection()
    """What holds wherever a method does not say otherwise."""
    scores: Annotated[
        dict[str, _Score],
        BeforeValidator(_by_method, json_schema_input_type=list[_Score] | dict[str, _Score]),
    ] = {}
    """Scores to compute: a list of methods, or names of your own and their methods."""
    selections: dict[str, _Selection] = {}
    """Selections to make, by name."""
    exports: tuple[ExportSection, ...] = ()
    """Files to write."""
    compare: CompareSection | None = None
    """A comparison of selections by what models tuned on them learn."""
    limits: LimitsSection = LimitsSection()
    """How the work is done."""


def parse_sections(document: Document) -> Sections:
    """Return the checked sections of a document.

    Raises:
        LocatedError: with file, line and remedy, for the first thing that is wrong.
    """
    content = document.content
    if not isinstance(content, Mapping):
        raise document.error(
            (), "the file holds no sections", "`assay init FILE` writes a configuration"
        )
    try:
        return Sections.model_validate(content)
    except ValidationError as error:
        raise _explain(document, error) from None


def _explain(document: Document, error: ValidationError) -> LocatedError:
    first = error.errors()[0]
    place = tuple(first["loc"])
    section = ".".join(str(part) for part in place[:-1]) or "the file"
    if first["type"] == "extra_forbidden":
        unknown = unknown_parameter(section, str(place[-1]), _known_at(place[:-1]), what="key")
        return document.error(place, unknown.message, unknown.hint)
    if first["type"] == "missing":
        if place == ("data", "sources"):
            return document.error(place, "data names no source", "data: {source: FILE}")
        return document.error(place, f"{section} needs {str(place[-1])!r}")
    named = ".".join(str(part) for part in place)
    shown = f" = {first['input']!r}" if isinstance(first["input"], (str, int, float)) else ""
    reason = reason_of(first)
    return document.error(place, f"{named}{shown}: {reason}" if named else reason)


def _known_at(place: tuple[str | int, ...]) -> list[str]:
    """Return the keys of the section that a path leads to."""
    section: type[BaseModel] = Sections
    inner: dict[str, type[BaseModel]] = {
        "data": DataSection, "sources": SourceSection, "defaults": DefaultsSection,
        "exports": ExportSection, "limits": LimitsSection, "compare": CompareSection,
        "recipe": Recipe,
    }  # fmt: skip
    for part in place:
        section = inner.get(str(part), section)
    known = list(section.model_fields)
    both = ["source", *known, *OneSourceSection.model_fields]
    return list(dict.fromkeys(both)) if section is DataSection else known
