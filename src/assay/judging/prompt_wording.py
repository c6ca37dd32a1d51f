"""How a judge is asked to answer, unless a prompt has words of its own for it."""

import json
from collections.abc import Mapping, Sequence

from assay.judging.json_parser import Choice, Kind, ListOf, Number, Object, Truth
from assay.judging.prompt_form import Asked, FieldForm, Mode

ASKS: Mapping[tuple[Asked, Mode], str] = {
    ("scale", "label"): (
        "Answer with a single whole number from {low} to {high}. Write nothing before it and "
        "nothing after it."
    ),
    ("scale", "json"): (
        "Answer with one JSON object and nothing else: {shape}. Write the analysis first, in at "
        "most 80 words, and let the numbers follow from it. The numbers that may be given are "
        "{numbers}."
    ),
    ("scale", "text"): (
        "First give your reasons in at most 80 words. Then end with a line of its own that holds "
        'the word "Score", a colon, and one number from {low} to {high}.'
    ),
    ("options", "label"): (
        "Answer with one of these and with nothing else: {words}. Write nothing before it and "
        "nothing after it."
    ),
    ("options", "json"): (
        "Answer with one JSON object and nothing else: {shape}. Write the analysis first, in at "
        "most 80 words, and let the verdict follow from it. The verdict is one of: {words}."
    ),
    ("options", "text"): (
        "First give your reasons in at most 80 words. Then end with a line of its own that holds "
        'the word "Verdict", a colon, and one of these: {words}.'
    ),
    ("object", "json"): "Answer with one JSON object and nothing else: {shape}.",
    ("object", "text"): "Answer with one JSON object of this shape and nothing after it: {shape}.",
}
"""What is asked for, by kind of answer and mode."""
MAX_TOKENS: Mapping[Mode, int] = {"label": 4, "json": 400, "text": 400}
"""Longest reply, in tokens, of each mode."""


def shape_of(kind: Kind, about: str = "") -> str:
    """Return an object as a judge is shown it, which is no object that could be taken for one."""
    if isinstance(kind, Object):
        inner = (f"{json.dumps(name)}: {shape_of(field)}" for name, field in kind.fields.items())
        return "{" + ", ".join(inner) + "}"
    if isinstance(kind, ListOf):
        return f"[{shape_of(kind.item, about)}, ...]"
    if isinstance(kind, Truth):
        return "<true or false>"
    if isinstance(kind, Choice):
        return f"<one of {', '.join(kind.values)}>"
    if isinstance(kind, Number):
        return "<number>"
    return f"<{about or 'text'}>"


def shape_of_fields(fields: Sequence[FieldForm]) -> str:
    """Return the object of some fields as a judge is shown it, with what each is about."""
    shown = []
    for field in fields:
        if field.type == "list" and field.fields:
            shape = f"[{shape_of_fields(field.fields)}, ...]"
        else:
            shape = shape_of(field.kind, field.about)
        shown.append(f"{json.dumps(field.name)}: {shape}")
    return "{" + ", ".join(shown) + "}"


def number_words(numbers: Sequence[float]) -> str:
    """Return the numbers of a scale: all of a few, of many the first two and the last."""
    words = [f"{number:g}" for number in numbers]
    return ", ".join(words if len(words) <= 12 else [*words[:2], "...", words[-1]])
