"""What a prompt file may hold, checked key by key."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from assay.judging.answer_places import Form
from assay.judging.json_parser import Choice, Kind, ListOf, Number, Object, Text, Truth
from assay.judging.option_parser import label_of
from assay.judging.scales import Scale, Spellings

Mode = Literal["label", "json", "text"]
"""How a judge answers: with one label whose probability is read, with an object, or in words."""
MODES: tuple[Mode, ...] = ("label", "json", "text")
Asked = Literal["scale", "options", "object"]

SLOTS = {
    "instruction": "what the user asks first",
    "input": "the context that stands apart from the instruction",
    "response": "the answer to be learned",
    "query": "one turn of the user",
    "conversation": "all turns",
    "first": "one of several texts",
    "second": "another one",
    "third": "the third of several texts",
    "fourth": "the fourth",
    "fifth": "the fifth",
    "sixth": "the sixth",
    "reference": "an answer known to be good",
}
"""Texts of a row that a prompt may show, each between fences."""
WORDINGS = {
    "ask": "how to answer, in the mode that is asked for",
    "dimension": "what the dimension means",
    "dimensions": "all dimensions that are asked for, one a line",
    "name": "the dimension's name",
    "low": "the lowest number",
    "high": "the highest number",
    "numbers": "all numbers of the scale",
    "words": "all words of the options",
    "shape": "the object that is asked for",
}
"""Places for wording of the file itself."""
PLACE = re.compile(r"\{([a-z_]+)(\??)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ScaleForm(_Strict):
    """The numbers that may be given: from `low` to `high`, `step` apart."""

    low: float
    high: float
    step: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _rises(self) -> "ScaleForm":
        if not self.low < self.high:
            raise ValueError("low has to be below high")
        if not self.scale.countable:
            raise ValueError("a scale has at most 200 numbers; take a larger step")
        if not self.scale.holds(self.high):
            raise ValueError("high has to be some steps above low")
        return self

    @property
    def scale(self) -> Scale:
        """The scale."""
        return Scale(self.low, self.high, self.step)


class FieldForm(_Strict):
    """A key of the object that is asked for, and what may stand there."""

    name: str
    type: Literal["text", "true_or_false", "number", "choice", "list"]
    about: str = ""
    scale: ScaleForm | None = None
    values: tuple[str, ...] = ()
    least: int = Field(default=0, ge=0)
    most: int = Field(default=1000, ge=1)
    fields: tuple["FieldForm", ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> "FieldForm":
        if self.type == "number" and self.scale is None:
            raise ValueError("a number needs a scale: scale = {low = 1, high = 5}")
        if self.type == "choice" and len(set(self.values)) < 2:
            raise ValueError('a choice needs values: values = ["good", "bad"]')
        return self

    @property
    def kind(self) -> Kind:
        """What may stand there."""
        if self.scale is not None and self.type == "number":
            return Number(self.scale.scale)
        if self.type == "true_or_false":
            return Truth()
        if self.type == "choice":
            return Choice(self.values)
        if self.type == "list":
            item: Kind = object_of(self.fields) if self.fields else Text(least=1)
            return ListOf(item, self.least, self.most)
        return Text(least=self.least)


def object_of(fields: tuple[FieldForm, ...]) -> Object:
    """Return the object that some fields make."""
    return Object({field.name: field.kind for field in fields})


class ModeForm(_Strict):
    """One way of answering: how it is asked for, and where the answer has to stand."""

    ask: str = ""
    max_tokens: int | None = Field(default=None, ge=1, le=100_000)
    form: Form | Literal["object"] | None = None
    any_number: bool = False


class PromptForm(_Strict):
    """A prompt for a judge.

    Attributes:
        name: what it is called.
        version: raised when the wording changes.
        about: one line on what it is for.
        kind: what is asked for: a number of a `scale`, one of `options`, or an object of `fields`.
        system: the message that says who the judge is; holds no data.
        user: the message with the data in their slots, and `{ask}`.
        scale: the numbers.
        options: labels, each with further ways to write it.
        dimensions: what may be judged, by name, each in words that finish the prompt's sentence.
        together: whether all dimensions are asked in one request unless one is named.
        fields: keys of the object.
        modes: ways of answering that differ from the usual.
        only: ways of answering that make sense; all if empty.
    """

    name: str
    version: Annotated[int, Field(ge=1)] = 1
    about: str = ""
    kind: Asked
    system: str = ""
    user: str
    scale: ScaleForm | None = None
    options: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    dimensions: dict[str, str] = Field(default_factory=dict)
    together: bool = False
    fields: tuple[FieldForm, ...] = ()
    modes: dict[Mode, ModeForm] = Field(default_factory=dict)
    only: tuple[Mode, ...] = ()

    @field_validator("name")
    @classmethod
    def _is_a_word(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("a name is a word of small letters, digits and _")
        return name

    @field_validator("options")
    @classmethod
    def _tells_apart(cls, options: Spellings) -> Spellings:
        label_of(options)
        return options

    @field_validator("dimensions")
    @classmethod
    def _are_words(cls, dimensions: dict[str, str]) -> dict[str, str]:
        for name in dimensions:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name: small letters, digits and _")
        return dimensions

    @model_validator(mode="after")
    def _has_what_it_asks_for(self) -> "PromptForm":
        wanted = {"scale": self.scale, "options": len(self.options) > 1, "object": self.fields}
        if not wanted[self.kind]:
            what = "[[fields]]" if self.kind == "object" else f"[{self.kind}]"
            raise ValueError(f'kind = "{self.kind}" needs {what}')
        for kind, given in (("scale", self.scale), ("options", self.options)):
            if given and self.kind != kind:
                raise ValueError(f'[{kind}] belongs to kind = "{kind}", and this is "{self.kind}"')
        if self.fields and self.kind != "object":
            raise ValueError(f'[[fields]] belong to kind = "object", and this is "{self.kind}"')
        if self.together and (self.kind != "scale" or len(self.dimensions) < 2):
            raise ValueError("together is for a scale with several dimensions")
        return self
