"""How the command line writes what an error says can be set."""

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.errors import Parameter

OPTIONS = {
    "against": "--against",
    "batch_size": "--batch-size",
    "budget": "--budget",
    "device": "--device",
    "device_batch": "--device-batch",
    "dtype": "--dtype",
    "encoder": "--encoder",
    "epochs": "--epochs",
    "folder": "--project",
    "format": "--format",
    "hold_out": "--hold-out",
    "judge": "--judge",
    "learning_rate": "--learning-rate",
    "mapping": "--map",
    "max_cost": "--max-cost",
    "max_length": "--max-length",
    "max_set_aside": "--max-set-aside",
    "max_unscored": "--max-unscored",
    "model": "--model",
    "offline": "--offline",
    "price": "--price",
    "reference": "--versus",
    "replace": "--yes",
    "rows_of": "--rows",
    "shard": "--shard",
    "threads": "--threads",
    "where": "--where",
}
"""Options by what Python calls them; any other parameter is one of a method, for ``--set``."""
_FLAGS = {("match", "id"): "--id", ("match", "text"): "--text"}


def on_command_line(parameter: "Parameter") -> str:
    """Return a parameter as an option: ``--model gpt2``, ``--set rendering.template=alpaca``."""
    name, value = parameter.name, parameter.value
    if name == "data":
        return f"assay load {value or 'FILE'}"
    flag = _FLAGS.get((name, str(value)))
    if flag is not None:
        return flag
    option = OPTIONS.get(name)
    if isinstance(value, Mapping):
        value = " ".join(shlex.quote(f"{key}={text}") for key, text in value.items())
    elif value is not None and option is not None:
        value = shlex.quote(value)
    if option is None:
        return f"--set {name}={'...' if value is None else value}"
    return option if value is None else f"{option} {value}"
