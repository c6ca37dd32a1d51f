"""Parameters that nobody set, given other defaults throughout a component."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from assay.components.references import REQUIRED_KINDS, named_fields

ModelType = TypeVar("ModelType", bound=BaseModel)


def with_defaults(
    model: ModelType,
    *,
    encoder: str = "",
    tokenizer: str = "",
    language_model: str = "",
    judge: str = "",
    dtype: str = "",
    seed: int | None = None,
) -> ModelType:
    """Return a component whose parameters that nobody set take other defaults, at any depth.

    Args:
        model: a component; what it holds is changed alike.
        encoder: for every parameter that names an encoder.
        tokenizer: for every parameter that names a tokenizer, where tokens are counted at all.
        language_model: for every parameter that names a causal language model.
        judge: for every parameter that names a judge.
        dtype: for every parameter called `dtype` beside one that names a language model.
        seed: for every parameter called `seed`.
    """
    named = {
        "encoder": encoder,
        "tokenizer": tokenizer,
        "language_model": language_model,
        "judge": judge,
    }
    changed: ModelType = _Defaults(named, dtype, seed).inside(model)
    return changed


def kinds_named(value: object) -> set[str]:
    """Return the kinds of things outside that a component's parameters name, at any depth."""
    if isinstance(value, tuple):
        return {kind for item in value for kind in kinds_named(item)}
    if not isinstance(value, BaseModel):
        return set()
    found = set(named_fields(value).values())
    return found.union(*(kinds_named(getattr(value, name)) for name in type(value).model_fields))


@dataclass(frozen=True)
class _Defaults:
    """Other defaults; an empty text or None leaves what there is."""

    named: Mapping[str, str]
    dtype: str
    seed: int | None

    def inside(self, value: Any) -> Any:
        """Return a value with these defaults; the same object if nothing changes."""
        if isinstance(value, tuple):
            new = tuple(self.inside(item) for item in value)
            return value if all(a is b for a, b in zip(new, value, strict=True)) else new
        if not isinstance(value, BaseModel):
            return value
        update = {
            name: new
            for name in type(value).model_fields
            if (new := self._parameter(value, name)) is not getattr(value, name)
        }
        return value.model_copy(update=update) if update else value

    def _parameter(self, model: BaseModel, name: str) -> Any:
        old = getattr(model, name)
        if isinstance(old, (BaseModel, tuple)):
            return self.inside(old)
        kinds = named_fields(model)
        kind = kinds.get(name, "")
        # A model that has to be named and is left empty by hand is as good as not set.
        required = kind in REQUIRED_KINDS and not old
        if name in model.model_fields_set and not required:
            return old
        if name == "seed" and self.seed is not None:
            return self.seed
        if name == "dtype" and self.dtype and "language_model" in kinds.values():
            return self.dtype
        # A tokenizer left empty only matters to a budget or a length in tokens; naming one
        # elsewhere would make another component of the same result.
        idle = kind == "tokenizer" and not old and not _counts_tokens(model)
        return old if idle else self.named.get(kind) or old


def _counts_tokens(model: BaseModel) -> bool:
    return any(getattr(model, name) == "tokens" for name in type(model).model_fields)
