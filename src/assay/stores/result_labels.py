"""Labels: the names under which a project's results are found.

A result is told apart by its key; a label is a word that points to it. Every result has one that is
derived from its parameters, and a person may give it others.
"""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from assay.components.base import Component
from assay.components.component import Selector
from assay.components.result_names import DIGITS, derived_name, slug
from assay.errors import DamagedError
from assay.files.checksums import damaged, is_set_aside, read_text, warn, write_json
from assay.files.frames import read_metadata

_log = logging.getLogger("assay.results")
_SHORT_KEY = 8
_LONGEST_FILE = 200


@dataclass(frozen=True)
class Label:
    """A name of a result.

    Attributes:
        name: the name.
        place: of the result below the project's folder, without the part that names its rows.
        given: whether a person chose the name.
    """

    name: str
    place: str
    given: bool = False


class Labels:
    """Reads and writes the labels of a project folder.

    Attributes:
        folder: of the project.
        tell: called with a sentence when a name moves from one result to another.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tell: Callable[[str], None] = _log.warning

    def read(self) -> dict[str, Label]:
        """Return the labels by their names."""
        folder = self.folder / "names"
        if not folder.is_dir():
            return {}
        paths = [
            path
            for path in sorted(folder.iterdir())
            if path.name[0] != "." and not is_set_aside(path)
        ]
        found = [_parse(path) for path in paths]
        return {label.name: label for label in found if label is not None}

    def of(self, component: Component) -> str:
        """Return the name of a component's result, which has one from then on."""
        own = self._own(component)
        if not own:
            return self._derive(component)
        first = min(own, key=lambda label: (not label.given, label.name))
        return first.name

    def is_given(self, name: str) -> bool:
        """Return whether a person chose a name."""
        label = self.read().get(name)
        return label is not None and label.given

    def give(self, component: Component, name: str) -> None:
        """Let a name that a person chose mean a component's result.

        What it meant before keeps another name, and is told of.
        """
        labels = self.read()
        if name not in {label.name for label in self._own(component)}:
            self._leave(name, labels, component)
        self._write(Label(name, place_of(component), given=True))

    def path(self, label: Label, context: str = "") -> Path | None:
        """Return the file of a label's result for some rows, the newest of others if there is none.

        None if there is no file at all.
        """
        exact = self.folder / f"{label.place}-{slug(context)}.parquet"
        if exact.exists():
            return exact
        folder, stem = (self.folder / label.place).parent, Path(label.place).name
        older = self.folder / older_place(label.place)
        if older.exists() and _metadata(older).get("context") == context:
            return older
        begun = [path for path in folder.glob("*.parquet") if path.name.startswith(f"{stem}-")]
        return max(
            [*begun, *([older] if older.exists() else [])],
            key=lambda path: path.stat().st_mtime,
            default=None,
        )

    def _own(self, component: Component) -> list[Label]:
        place = place_of(component)
        own = []
        for label in self.read().values():
            if label.place in (place, older_place(place)):
                own.append(Label(label.name, place, label.given))
                if label.place != place:
                    self._write(own[-1])
        return own

    def _derive(self, component: Component) -> str:
        name, labels = derived_name(component), self.read()
        held = labels.get(name)
        facts = self._facts(held)
        if facts and not _is_of(facts, component):
            name = f"{name}-{component.key[:DIGITS]}"
        elif facts:
            self._leave(name, labels, component)
        self._write(Label(name, place_of(component), given=bool(held and held.given and facts)))
        return name

    def _leave(self, name: str, labels: Mapping[str, Label], component: Component) -> None:
        """Tell what a name meant before it means another result, and see that it has a name."""
        held = labels.get(name)
        facts = self._facts(held)
        if held is None or not facts:
            return
        if _is_of(facts, component):
            self.tell(f"{name}: what makes it has changed, and it now names the new result")
            return
        own = [each.name for each in labels.values() if each.place == held.place and each != held]
        other = own[0] if own else f"{name}-{_digits(held.place)}"
        if not own:
            self._write(Label(other, held.place))
        self.tell(f"{name} named {facts.get('component', name)} before, which is {other} now")

    def _facts(self, label: Label | None) -> dict[str, str]:
        path = None if label is None else self.path(label)
        return {} if path is None else _metadata(path)

    def _write(self, label: Label) -> None:
        content = {"name": label.name, "result": label.place, "given": label.given}
        path = self.folder / "names" / _file_name(label.name)
        write_json(path, content)


def place_of(component: Component) -> str:
    """Return where the result of a score or a selection lies, rows left open."""
    if isinstance(component, Selector):
        return f"selections/{_stem(component)}-{component.key}"
    return f"scores/{slug(component.name)}-{component.key}"


def older_place(place: str) -> str:
    """Return the file in which earlier versions kept what lies at a place, one for all rows."""
    if place.endswith(".parquet"):
        return place
    stem, _, key = place.rpartition("-")
    return f"{stem}-{key[:_SHORT_KEY]}.parquet"


def _stem(selector: Selector) -> str:
    """Return the method, the budget and the seed of a selection."""
    best = getattr(selector, "by", None)
    stem = selector.name
    if selector.name == "top_score" and isinstance(best, Component):
        stem = best.name
    if selector.budget:
        stem = f"{stem}-{selector.budget.slug}"
    return re.sub(r"[^\w.%-]+", "_", f"{stem}-seed{selector.seed}" if selector.seed else stem)


def _is_of(facts: Mapping[str, str], component: Component) -> bool:
    """Return whether a result is of the same words as a component; then only its making differs."""
    from assay.components.descriptions import describe  # noqa: PLC0415  reads and writes components

    return json.loads(facts.get("description", "{}")) == json.loads(json.dumps(describe(component)))


def _metadata(path: Path) -> dict[str, str]:
    try:
        return read_metadata(path)
    except DamagedError as error:
        warn(error, "made anew once it is asked for")
        return {}


def _digits(place: str) -> str:
    return place.removesuffix(".parquet").rpartition("-")[2][:DIGITS]


def _file_name(name: str) -> str:
    if slug(name) == name and len(name.encode()) <= _LONGEST_FILE and name[0] != ".":
        return name
    digest = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
    return f"{slug(name).lstrip('.')[:40]}~{digest}"


def _parse(path: Path) -> Label | None:
    """Return the label that a file holds; None, with a warning, if it is damaged."""
    try:
        text = read_text(path).strip()
        if not text.startswith("{"):  # written by an earlier version
            return Label(path.name, text)
        content = json.loads(text)
        return Label(content["name"], content["result"], content["given"])
    except DamagedError as error:
        warn(error, "made anew once what it named is asked for")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        warn(damaged(path, str(error)), "made anew once what it named is asked for")
    return None
