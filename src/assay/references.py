"""Text that names something outside: a model, a tokenizer, a file."""

import re
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import BaseModel

_PIN = re.compile(r"^.*@([0-9a-f]{12,})$", re.DOTALL)


@dataclass(frozen=True)
class Pinned:
    """Marks a text field that names something outside, which is pinned before keys are taken.

    `kind` says which resolver reads it: "encoder", "tokenizer", "file", "language_model",
    "template".
    """

    kind: str


EncoderRef: TypeAlias = Annotated[str, Pinned("encoder")]
"""Name of a sentence encoder: ``assay:encoder``, ``assay:encoder-spelled``, a folder, or
``org/name``."""
TokenizerRef: TypeAlias = Annotated[str, Pinned("tokenizer")]
"""Name of a tokenizer: ``assay:estimate``, a ``tokenizer.json``, a folder, or ``org/name``."""
FileRef: TypeAlias = Annotated[str, Pinned("file")]
"""Path of a file."""
ModelRef: TypeAlias = Annotated[str, Pinned("language_model")]
"""Name of a causal language model: a folder with safetensors, or ``org/name``."""
TemplateRef: TypeAlias = Annotated[str, Pinned("template")]
"""Name of a template, or the path of its ``.json`` file."""

LANGUAGE_MODELS = "any causal model on the Hugging Face Hub, or a folder with safetensors"
"""What may be named where a language model is read."""
REQUIRED_KINDS = ("language_model",)
"""Kinds for which an empty name is refused when keys are taken: there is no default."""


def pinned_fields(model: type[BaseModel]) -> dict[str, str]:
    """Return the fields that name something outside, with the kind of thing they name."""
    return {
        name: mark.kind
        for name, info in model.model_fields.items()
        for mark in info.metadata
        if isinstance(mark, Pinned)
    }


def identity_of(pinned: str) -> str:
    """Return the part of a pinned name that counts: the digest, or all of it if unpinned."""
    return _PIN.sub(r"@\1", pinned)


def short_name(pinned: str) -> str:
    """Return a model's name for people: without its digest, and of a path the last part."""
    name = name_of(pinned)
    return name if re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name) else name.rpartition("/")[2]


def name_of(pinned: str) -> str:
    """Return a pinned name without its digest."""
    return pinned.rpartition("@")[0] if _PIN.match(pinned) else pinned
