"""Components as a configuration file describes them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.components.base import Component
from assay.components.building import Reading
from assay.components.component import build
from assay.components.descriptions import REFERENCE, ComponentType, moved_back
from assay.components.table import Kind
from assay.config.document import Document, LocatedError
from assay.config.document import Path as Place
from assay.errors import AssayError, ConfigError

FindReference = Callable[[str, Kind], Component]


# Defaults of a whole configuration


def with_fixed_seeds(component: ComponentType) -> ComponentType:
    """Return an equal component all of whose seeds count as set by hand."""
    return _fixed(component)


def _fixed(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_fixed(item) for item in value)
    if not isinstance(value, Component):
        return value
    update = {
        name: _fixed(getattr(value, name))
        for name in type(value).model_fields
        if name == "seed" or isinstance(getattr(value, name), (Component, tuple))
    }
    return value.model_copy(update=update) if update else value


# From descriptions to components


@dataclass(frozen=True)
class Builder(Reading):
    """Makes components of a document's descriptions, and says where in it one is wrong.

    Attributes:
        document: for file and line in errors.
        folder: from which paths in the document are read.
        reference: returns what ``=name`` stands for where a kind is wanted.
    """

    document: Document
    folder: Path
    reference: FindReference

    def build(self, description: Any, kind: Kind, place: Place) -> Component:
        """Return the component of a name, ``=name`` or ``{method: name, parameter: value}``.

        Raises:
            LocatedError: with file and line, if there is no such component or a parameter is wrong.
        """
        try:
            return build(description, kind, self)
        except LocatedError:  # of what it refers to
            raise
        except AssayError as error:
            at = (*place, *error.place)
            raise self.document.error(at, error.message, error.hint) from error

    def component(self, text: str, kind: Kind | None) -> Component | None:
        """Return what ``=name`` stands for; None for a text that refers to nothing."""
        if kind is None or not text.startswith(REFERENCE):
            return None
        return self.reference(text.removeprefix(REFERENCE), kind)

    def value(self, text: str, parameter: str, pinned: str | None) -> str:
        """Return a text with its first ``=`` no longer doubled; a path as seen from here."""
        if text.startswith(REFERENCE * 2):
            text = text.removeprefix(REFERENCE)
        elif text.startswith(REFERENCE):
            raise ConfigError(
                f"{text!r}: {parameter} holds no component",
                hint=f"write {REFERENCE + text!r} for the text itself",
            )
        return text if pinned is None else moved_back(text, self.folder, pinned)

    def path(self, text: str) -> str:
        """Return a path of the document as it is seen from the working folder."""
        return moved_back(text, self.folder, "file")
