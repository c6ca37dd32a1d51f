"""How a configuration file writes what an error says can be set."""

from collections.abc import Mapping

from assay.errors import Parameter

KEYS = {
    "batch_size": "compare.recipe.batch_size",
    "budget": "defaults.budget",
    "data": "data.source",
    "device": "limits.device",
    "device_batch": "compare.recipe.device_batch",
    "dtype": "defaults.dtype",
    "encoder": "defaults.encoder",
    "epochs": "compare.recipe.epochs",
    "folder": "project",
    "format": "format",
    "hold_out": "data.hold_out",
    "judge": "defaults.judge",
    "learning_rate": "compare.recipe.learning_rate",
    "mapping": "data.map",
    "max_cost": "limits.max_cost",
    "max_length": "compare.recipe.max_length",
    "max_set_aside": "data.max_set_aside",
    "max_unscored": "limits.max_unscored",
    "model": "defaults.language_model",
    "price": "limits.price",
}
"""Where the file holds what Python calls by another name, or in another place."""
_NOWHERE = ("offline", "replace", "shard")


def in_yaml(parameter: Parameter) -> str | None:
    """Return a parameter as a file writes it, ``limits.max_unscored: 5%``; None if it has none."""
    if parameter.name in _NOWHERE:
        return None
    key = KEYS.get(parameter.name, parameter.name)
    if parameter.value is None:
        return key
    value = parameter.value
    if isinstance(value, Mapping):
        pairs = (f'{name}: "{text}"' for name, text in value.items())
        value = f"{{{', '.join(pairs)}}}"
    return f"{key}: {value}"
