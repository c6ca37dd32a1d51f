"""What is wrong with the parameters of a component, in words a user can act on."""

from pydantic import BaseModel, ValidationError

from assay.errors import ConfigError, did_you_mean

_OWN_WORDS = ("Value error, ", "Assertion error, ")


def wrong_parameter(kind: type[BaseModel], name: str, error: ValidationError) -> ConfigError:
    """Return the first thing that is wrong as an error with a hint.

    Args:
        kind: the component's class.
        name: what users call it; empty for a class without a name.
        error: what its parameters gave.
    """
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    name = name or kind.__name__
    if first["type"] == "extra_forbidden":
        known = list(kind.model_fields)
        taken = f"it takes {', '.join(known)}" if known else "it takes no parameters"
        hint = did_you_mean(place, known) or taken
        return ConfigError(f"{name} has no parameter {place!r}", hint=hint)
    if first["type"] == "missing":
        field = kind.model_fields.get(place)
        described = f"{place}: {field.description}" if field and field.description else None
        return ConfigError(f"{name} needs a value for {place!r}", hint=described)
    reason = first["msg"]
    for words in _OWN_WORDS:
        reason = reason.removeprefix(words)
    if not place:  # what is wrong is how parameters go together
        return ConfigError(f"{name}: {reason}")
    return ConfigError(f"{name}: {place} = {first['input']!r}: {reason}")
