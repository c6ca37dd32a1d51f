"""Wordings as data: those that come with Assay and a user's own, pinned to their content."""

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from assay.components.references import name_of
from assay.errors import ConfigError, did_you_mean

FormType = TypeVar("FormType", bound=BaseModel)


def known_wordings(kind: str) -> list[str]:
    """Return the names of the wordings of a kind, such as "template", that come with Assay."""
    folder = files("assay.prompts").joinpath(f"{kind}s")
    return sorted(entry.name.removesuffix(".json") for entry in folder.iterdir())


def pin_wording(kind: str, text: str, *, others: tuple[str, ...] = (), own: str = "") -> str:
    """Return a wording's name, or the path of its file, with the digest of its content.

    Args:
        kind: of wording, such as "template".
        text: its name or path, pinned or not.
        others: names that could be meant as well.
        own: what a file of a user's own has to be.

    Raises:
        ConfigError: if there is no such wording, or it changed since it was pinned.
    """
    name = name_of(text)
    content = _content(kind, name, others, own)
    digest = hashlib.blake2b(content.encode(), digest_size=6).hexdigest()
    if text not in (name, f"{name}@{digest}"):
        raise ConfigError(f"the {kind} {name} is no longer {text}", hint=f"name it anew: {name}")
    return f"{name}@{digest}"


def load_wording(
    kind: str, pinned: str, form: type[FormType], *, others: tuple[str, ...] = (), own: str = ""
) -> FormType:
    """Return a wording of a name or path, pinned or not.

    Args:
        kind: of wording, such as "template".
        pinned: its name or path.
        form: what it has to be.
        others: names that could be meant as well.
        own: what a file of a user's own has to be.

    Raises:
        ConfigError: if it cannot be read.
    """
    name = name_of(pinned)
    try:
        return form.model_validate_json(_content(kind, name, others, own))
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f"{part}: " for part in first["loc"])
        raise ConfigError(f"the {kind} {name}: {place}{first['msg']}", hint=own) from None


def _content(kind: str, name: str, others: tuple[str, ...], own: str) -> str:
    if Path(name).suffix == ".json":
        if not Path(name).is_file():
            raise ConfigError(f"the {kind} {name} does not exist")
        try:
            return Path(name).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the {kind} {name} cannot be read: {error}", hint=own) from None
    known = known_wordings(kind)
    if name not in known:
        named = sorted([*known, *others])
        raise ConfigError(
            f"no {kind} is called {name!r}",
            hint=did_you_mean(name, named) or f"{', '.join(named)}, or a .json file",
        )
    file = files("assay.prompts").joinpath(f"{kind}s", f"{name}.json")
    return file.read_text(encoding="utf-8")
