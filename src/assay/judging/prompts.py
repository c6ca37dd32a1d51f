"""Prompts for judges: what is asked about a row, and how the reply is read.

A prompt is data, known by the digest of its content. Data of a row are put between fences in one
pass over the prompt's slots and never looked at again: braces in them stay braces. They never enter
the system message.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from assay.errors import ConfigError, did_you_mean
from assay.judging.answer_places import Form
from assay.judging.injection import CODE, SlotMode, fenced, notice
from assay.judging.json_parser import Choice, Kind, ListOf, Number, Object, Text, schema_of
from assay.judging.messages import Message, Piece, merged
from assay.judging.prompt_form import MODES, PLACE, SLOTS, Mode, PromptForm, object_of
from assay.judging.prompt_wording import (
    ASKS,
    MAX_TOKENS,
    number_words,
    shape_of,
    shape_of_fields,
)
from assay.judging.scales import Scale

TOP_LOGPROBS = 20
"""Candidates that are asked for per token: the most that common servers return."""
ALONE = "score"
"""Name of the number of a prompt that has no dimensions."""
VERDICT = "verdict"
"""Name of the word of a prompt that asks for one of some options."""


@dataclass(frozen=True)
class Rendered:
    """What is sent about a row.

    Attributes:
        messages: of the chat.
        slots: the data that are in it, as they are; a reply that repeats them says nothing.
    """

    messages: tuple[Message, ...]
    slots: tuple[str, ...]


class _Slot(NamedTuple):
    """A place in the wording that data are put into."""

    name: str


class _Layout(NamedTuple):
    """Wording that is the same for all rows, with places for what is not.

    Attributes:
        system: the system message.
        paragraphs: of the user's message.
    """

    system: Message
    paragraphs: Sequence[Sequence[str | _Slot]]


@dataclass(frozen=True)
class Prompt:
    """A prompt for a judge.

    Attributes:
        form: its content.
        digest: 12 hex digits over the content and all wording that goes with it.
    """

    form: PromptForm
    digest: str

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """Names of the data that it shows, in the order in which they first stand there."""
        names = (name for name, _ in PLACE.findall(self.form.user))
        return tuple(dict.fromkeys(name for name in names if name in SLOTS))

    @cached_property
    def optional(self) -> frozenset[str]:
        """Names of data whose paragraph is left out where they are empty."""
        return frozenset(name for name, mark in PLACE.findall(self.form.user) if mark)

    @cached_property
    def modes(self) -> tuple[Mode, ...]:
        """Ways of answering that it can be asked in, the best first."""
        possible = [mode for mode in MODES if not self.form.only or mode in self.form.only]
        if self.form.kind == "object" or not self.labels:
            possible = [mode for mode in possible if mode != "label"]
        return tuple(possible)

    @cached_property
    def labels(self) -> Mapping[str, tuple[str, ...]]:
        """Labels of the mode "label" and the tokens that stand for each; none for an object."""
        if self.form.scale is not None:
            return {label: (label,) for label in self.form.scale.scale.labels()}
        return {label: _tokens_of(label) for label in self.form.options}

    def names(self, dimension: str = "") -> tuple[str, ...]:
        """Return the names of what one request asks for.

        Raises:
            ConfigError: if there is no such dimension.
        """
        dimensions = tuple(self.form.dimensions)
        if dimension and dimension not in dimensions:
            known = did_you_mean(dimension, dimensions) or f"it has {', '.join(dimensions)}"
            raise ConfigError(
                f"the prompt {self.form.name} has no dimension {dimension!r}",
                hint=known if dimensions else "leave the dimension out: it has none",
            )
        if dimension:
            return (dimension,)
        if self.form.together:
            return dimensions
        return dimensions[:1] or (VERDICT if self.form.kind == "options" else ALONE,)

    def scale(self, mode: Mode) -> Scale | None:
        """Return the numbers that may be given in a mode."""
        form = self.form.scale
        if form is None:
            return None
        given = self.form.modes.get(mode)
        return Scale(form.low, form.high, None if given and given.any_number else form.step)

    def schema(self, dimension: str = "") -> Object:
        """Return the object that is asked for; the analysis comes first, or nobody has thought."""
        if self.form.kind == "object":
            return object_of(self.form.fields)
        if self.form.scale is None:
            answer = {VERDICT: Choice(tuple(self.form.options))}
            return Object({"analysis": Text(), **answer})
        number = Number(self.form.scale.scale)
        return Object(
            {"analysis": Text(), "scores": Object(dict.fromkeys(self.names(dimension), number))}
        )

    def keys(self, dimension: str = "") -> tuple[str, ...]:
        """Return all keys of the object that is asked for, inner ones too."""
        return tuple(dict.fromkeys(_keys_of(self.schema(dimension))))

    def form_of(self, mode: Mode, dimension: str = "") -> Form | Literal["object"] | None:
        """Return where an answer in words has to stand; None in the mode "label"."""
        several = self.form.together and not dimension
        if mode == "json" or (mode == "text" and (several or self.form.kind == "object")):
            return "object"
        given = self.form.modes.get(mode)
        return None if mode == "label" else (given.form if given else None) or "last_line"

    def render(
        self,
        texts: Mapping[str, str],
        mode: Mode,
        *,
        dimension: str = "",
        shown: SlotMode = "text",
    ) -> Rendered:
        """Return what is sent about a row.

        Args:
            texts: the data of each slot; one that is missing is empty.
            mode: how the judge is to answer.
            dimension: what is judged, if the prompt has dimensions; empty for its usual.
            shown: how data are shown.

        Raises:
            ConfigError: if the prompt cannot be asked so.
        """
        layout = self._layout(mode, dimension, shown)
        user: list[Piece] = []
        coded = False
        for paragraph in layout.paragraphs:
            named = [piece.name for piece in paragraph if isinstance(piece, _Slot)]
            if any(name in self.optional and not texts.get(name) for name in named):
                continue
            user.append("\n\n" if user else "")
            if named and not coded:
                user += [*CODE, "\n\n"]
                coded = True
            for piece in paragraph:
                if isinstance(piece, _Slot):
                    user += fenced(piece.name, texts.get(piece.name, ""), shown)
                else:
                    user.append(piece)
        slots = tuple(texts[name] for name in self.slots if texts.get(name))
        return Rendered((layout.system, Message("user", merged(tuple(user)))), slots)

    def params(self, mode: Mode, *, dimension: str = "") -> dict[str, Any]:
        """Return what a request asks of the server besides: length, probabilities, a schema.

        Raises:
            ConfigError: if the prompt cannot be asked so.
        """
        self.check(mode, dimension)
        given = self.form.modes.get(mode)
        longest = given.max_tokens if given else None
        params: dict[str, Any] = {"temperature": 0, "max_tokens": longest or MAX_TOKENS[mode]}
        if mode == "label":
            params |= {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
        if mode == "json":
            schema = {
                "name": self.form.name,
                "strict": True,
                "schema": schema_of(self.schema(dimension)),
            }
            params["response_format"] = {"type": "json_schema", "json_schema": schema}
        return params

    def check(self, mode: Mode, dimension: str = "") -> None:
        """Refuse a way of asking that the prompt has not.

        Raises:
            ConfigError: that says which it has.
        """
        if mode not in self.modes:
            raise ConfigError(
                f"the prompt {self.form.name} cannot be answered in the mode {mode!r}",
                hint=f"take one of {', '.join(self.modes)}",
            )
        names = self.names(dimension)
        if mode == "label" and len(names) > 1:
            raise ConfigError(
                f"one label cannot answer for {len(names)} dimensions of {self.form.name}",
                hint=f"name one of {', '.join(names)}, or take the mode 'json'",
            )

    @cached_property
    def _layouts(self) -> dict[tuple[Mode, str, SlotMode], _Layout]:
        return {}

    def _layout(self, mode: Mode, dimension: str, shown: SlotMode) -> _Layout:
        """Return the wording of a way of asking, made once for all rows."""
        found = self._layouts.get((mode, dimension, shown))
        if found is None:
            self.check(mode, dimension)
            words = self._words(mode, dimension)
            system = [piece for piece in _filled(self.form.system, words) if isinstance(piece, str)]
            between = "\n\n" if self.form.system else ""
            paragraphs = self.form.user.strip("\n").split("\n\n")
            found = self._layouts[mode, dimension, shown] = _Layout(
                Message("system", merged((*system, between, notice(shown)))),
                [_filled(paragraph, words) for paragraph in paragraphs],
            )
        return found

    def _words(self, mode: Mode, dimension: str) -> dict[str, str]:
        """Return the wording that stands in places that are no slots."""
        names = self.names(dimension)
        texts = {name: self.form.dimensions.get(name, "") for name in names}
        scale = self.form.scale.scale if self.form.scale else None
        words = {
            "dimension": texts[names[0]],
            "dimensions": "\n".join(f"- {name}: {text}" for name, text in texts.items()),
            "name": names[0],
            "low": f"{scale.low:g}" if scale else "",
            "high": f"{scale.high:g}" if scale else "",
            "numbers": number_words(scale.numbers()) if scale else "",
            "words": ", ".join(self.form.options),
            "shape": self._shape(dimension),
        }
        given = self.form.modes.get(mode)
        alike: Mode = "json" if self.form.together and mode == "text" else mode
        ask = (given.ask if given else "") or ASKS[self.form.kind, alike]
        said = (piece for piece in _filled(ask, words) if isinstance(piece, str))
        return {**words, "ask": "".join(said)}

    def _shape(self, dimension: str) -> str:
        if self.form.kind == "object":
            return shape_of_fields(self.form.fields)
        return shape_of(self.schema(dimension))


def _filled(wording: str, words: Mapping[str, str]) -> tuple[str | _Slot, ...]:
    """Return wording with its places filled, in one pass: what is put in is not looked at again."""
    pieces: list[str | _Slot] = []
    parts = PLACE.split(wording)  # wording, a name and a mark take turns
    for place in range(0, len(parts), 3):
        pieces.append(parts[place])
        name = parts[place + 1] if place + 1 < len(parts) else ""
        if name in words:
            pieces.append(words[name])
        elif name in SLOTS:
            pieces.append(_Slot(name))
    return tuple(pieces)


def _keys_of(kind: Kind) -> Iterator[str]:
    if isinstance(kind, ListOf):
        yield from _keys_of(kind.item)
    if isinstance(kind, Object):
        yield from kind.fields
        for inner in kind.fields.values():
            yield from _keys_of(inner)


def _tokens_of(label: str) -> tuple[str, ...]:
    """Return the tokens that stand for a label: a letter for itself, a word however it begins."""
    if len(label) == 1:
        return (label,)
    return tuple(dict.fromkeys((label, label.lower(), label.capitalize(), label.upper())))
