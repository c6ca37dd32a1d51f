"""Weights on disk: trained ones written, adapters merged into their base."""

import json
import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from assay.errors import MissingExtraError, ModelLoadError

ADAPTER = "adapter_config.json"
_NAMED = 3
_MASK = re.compile(r"\b(attn|attention)\.(masked_)?bias$")


def is_adapter(folder: Path) -> bool:
    """Return whether a folder holds an adapter, which needs its base, and no whole model."""
    return (folder / ADAPTER).is_file()


def adapter_base(folder: Path) -> tuple[str, str | None]:
    """Return the name of an adapter's base, and its commit or digest if the adapter says it.

    Raises:
        ModelLoadError: if the adapter names no base, or its settings cannot be read.
    """
    try:
        settings = json.loads((folder / ADAPTER).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"{folder / ADAPTER} cannot be read: {error}") from error
    name = settings.get("base_model_name_or_path")
    if not name:
        raise ModelLoadError(
            f"the adapter in {folder} names no base",
            hint=f"write base_model_name_or_path into {ADAPTER}",
        )
    return str(name), settings.get("revision")


def merge_adapter(module: Any, folder: Path) -> Any:
    """Return a model with an adapter merged into its weights, which are changed.

    Raises:
        MissingExtraError: if PEFT is not installed.
        ModelLoadError: if the adapter does not fit the model tensor by tensor.
    """
    beside = attach_adapter(module, folder)
    try:
        merged = beside.merge_and_unload()
    except (ValueError, KeyError, RuntimeError) as error:
        raise _unfit(folder, " ".join(str(error).split())) from error
    return merged.requires_grad_(True)  # PEFT has frozen what it stood beside


def attach_adapter(module: Any, folder: Path) -> Any:
    """Return a model of PEFT: a model with an adapter beside its weights, which stay.

    Raises:
        MissingExtraError: if PEFT is not installed.
        ModelLoadError: if the adapter does not fit the model tensor by tensor.
    """
    try:
        import peft  # noqa: PLC0415  heavy
        from safetensors import SafetensorError  # noqa: PLC0415  costs start-up time
    except ImportError as error:
        raise MissingExtraError(f"the adapter in {folder}", "tune") from error
    if not (folder / "adapter_model.safetensors").is_file():
        raise ModelLoadError(
            f"{folder} holds no adapter_model.safetensors", hint="weights must be safetensors"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of PEFT's about transformers
            warnings.simplefilter("ignore", UserWarning)  # of tensors that lack: they are refused
            settings = peft.PeftConfig.from_pretrained(str(folder))
            if not hasattr(module, "prepare_inputs_for_generation"):
                settings.task_type = None  # one of a language model fits a classifier's body, too
            beside = peft.PeftModel.from_pretrained(module, str(folder), config=settings)
            # Only a second reading tells which tensors found no place: the first one warns at most.
            found = beside.load_adapter(str(folder), beside.active_adapter)
            fault = misfit(found.missing_keys, found.unexpected_keys)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise _unfit(folder, " ".join(str(error).split())) from error
    if fault:
        raise _unfit(folder, fault)
    return beside


def check_brought(folder: Path, wanted: Iterable[str]) -> None:
    """Check that an adapter brings some weights along that its base has not.

    Args:
        folder: of the adapter.
        wanted: names of the weights, as the base's model calls them.

    Raises:
        ModelLoadError: if it lacks one, such as that of a language model the output layer.
    """
    from safetensors import safe_open  # noqa: PLC0415  costs start-up time

    with safe_open(folder / "adapter_model.safetensors", framework="numpy") as file:
        brought = {name.removeprefix("base_model.model.") for name in file.keys()}  # noqa: SIM118
    lacking = misfit(set(wanted) - brought, ())
    if lacking:
        raise _unfit(folder, lacking)


def _unfit(folder: Path, fault: str) -> ModelLoadError:
    return ModelLoadError(
        f"the adapter in {folder} does not fit its base: {fault}",
        hint=f"its weights, its {ADAPTER} and the base that this names must belong together; save "
        "the adapter again, or name the base that it was made for",
    )


def misfit(missing: Iterable[str], unexpected: Iterable[str]) -> str:
    """Return in words which tensors a file lacks and which nothing takes; "" if all fit.

    Args:
        missing: names of those that the model has and the file has not.
        unexpected: names of those that the file has and the model has not; masks that old versions
            of transformers stored, which are made anew, do not count.
    """
    lacking = sorted(missing)
    foreign = sorted(name for name in unexpected if not _MASK.search(name))
    parts = [f"it has no weights for {_listed(lacking)}"] if lacking else []
    if foreign:
        parts.append(f"it has weights that nothing takes, {_listed(foreign)}")
    return ", and ".join(parts)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def write_model(model: Any, config: Any, tokenizer: Any, folder: Path) -> None:
    """Write a whole model of transformers as safetensors.

    Args:
        model: whose weights are written.
        config: its settings, as they were before the training changed them for itself.
        tokenizer: its tokenizer.
        folder: that is filled; made if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def write_adapter(model: Any, folder: Path, *, base: tuple[str, str]) -> None:
    """Write the adapter of a model of PEFT as safetensors; equal weights give equal bytes.

    Args:
        model: whose adapter is written.
        folder: that is filled; made if missing.
        base: name and digest of the model that it belongs to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # a card without content
    path = folder / ADAPTER
    settings = json.loads(path.read_text(encoding="utf-8"))
    for name, value in settings.items():  # PEFT writes sets in any order
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            settings[name] = sorted(value)
    settings["base_model_name_or_path"], settings["revision"] = base
    path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")
