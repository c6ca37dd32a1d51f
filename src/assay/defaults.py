"""Parameters that nobody set, given other defaults throughout a component."""

from typing import Any, TypeVar

from pydantic import BaseModel

from assay.references import pinned_fields

ModelType = TypeVar("ModelType", bound=BaseModel)


def with_defaults(
    model: ModelType, *, encoder: str = "", tokenizer: str = "", seed: int | None = None
) -> ModelType:
    """Return a component whose parameters that nobody set take other defaults, at any depth.

    Args:
        model: a component; what it holds is changed alike.
        encoder: for every parameter that names an encoder.
        tokenizer: for every parameter that names a tokenizer, where tokens are counted at all.
        seed: for every parameter called `seed`.
    """
    kinds = pinned_fields(type(model))
    wanted = {"encoder": encoder, "tokenizer": tokenizer}
    update: dict[str, Any] = {}
    for name in type(model).model_fields:
        old = getattr(model, name)
        if isinstance(old, (BaseModel, tuple)):
            new = _nested(old, encoder, tokenizer, seed)
        elif name in model.model_fields_set:
            continue
        elif name == "seed":
            new = old if seed is None else seed
        else:
            new = wanted.get(kinds.get(name, "")) or old
            if not old and not _counts_tokens(model):
                continue
        if new is not old:
            update[name] = new
    return model.model_copy(update=update) if update else model


def _nested(value: Any, encoder: str, tokenizer: str, seed: int | None) -> Any:
    if isinstance(value, BaseModel):
        return with_defaults(value, encoder=encoder, tokenizer=tokenizer, seed=seed)
    if isinstance(value, tuple):
        new = tuple(_nested(item, encoder, tokenizer, seed) for item in value)
        return value if all(a is b for a, b in zip(new, value, strict=True)) else new
    return value


def _counts_tokens(model: BaseModel) -> bool:
    # A tokenizer left empty only matters to a budget or a length in tokens; naming one elsewhere
    # would make another component of the same result.
    return any(getattr(model, name) == "tokens" for name in type(model).model_fields)
