"""Results of earlier runs by name: selections as they were made, scores as they were computed."""

import contextlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from assay.components.base import Component
from assay.components.component import Scorer, Selector, build
from assay.components.descriptions import steps_of
from assay.engine.model_fit import known_models
from assay.errors import AssayError, DamagedError, DataError, did_you_mean
from assay.files.checksums import warn
from assay.files.frames import read_frame, read_metadata
from assay.pool.pool import format_id
from assay.pool.row_ids import ids_that_begin, spelled_ids
from assay.samples import FloatArray, IdArray
from assay.stores.results import Results
from assay.stores.score_columns import columns_in, stored_name
from assay.workspace.named_selection import NamedSelection
from assay.workspace.workspace import Workspace

# Six digits at least, so that no word of a language is taken for an id by accident.
_LEAST_DIGITS, _SHOWN_DIGITS, _DIGITS = 6, 8, 16
_ID_START = re.compile(rf"(?=.*\d)[0-9a-f]{{{_LEAST_DIGITS},{_DIGITS}}}")
_LIKE_AN_ID = re.compile(r"[0-9a-fA-F]+")


@dataclass(frozen=True)
class StoredResult:
    """A file of a project that holds a score or a selection.

    `current` says whether it was made from the rows that the project has now, `inner` whether it
    is only a step of another one, such as a filter.
    """

    name: str
    kind: str
    path: Path
    label: str
    description: dict[str, Any]
    current: bool
    inner: bool = False


def stored_results(results: Results, context: str, *, every: bool = False) -> list[StoredResult]:
    """Return the results by their names, scores first.

    Args:
        results: of a project.
        context: of the rows that the project has now, `Pool.context`.
        every: also derived names of results that a person has named.
    """
    found = []
    labels = results.labels.read()
    for name, path in results.names(context, every=every).items():
        try:
            metadata = read_metadata(path)
        except DamagedError as error:
            warn(error, "made anew once it is asked for")
            continue
        found.append(
            StoredResult(
                name,
                "score" if path.parent.name == "scores" else "selection",
                path,
                metadata.get("component", name),
                json.loads(metadata.get("description", "{}")),
                metadata.get("context") == context,
            )
        )
    steps = [step for result in found for step in steps_of(result.description)]
    marked = [
        replace(result, inner=result.description in steps and not labels[result.name].given)
        for result in found
    ]
    return sorted(marked, key=lambda result: (result.kind, result.name))


def find_result(project: Workspace, name: str) -> StoredResult:
    """Return the stored score or selection of a name.

    The name of a method stands for its score where it has one alone, whatever its parameters.

    Raises:
        DataError: if there is none or several, or it was made from other rows.
    """
    found = stored_results(project.results, project.pool.context, every=True)
    stored = {item.name: item for item in found}
    if name not in stored:
        of_method = [each for each in found if _is_score_of(each, name)]
        if len(of_method) == 1:
            return of_method[0]
        if of_method:
            raise DataError(
                f"{name} has given {len(of_method)} scores of {project.folder.name}",
                hint=f"name one: {', '.join(each.name for each in of_method)}",
            )
        known = ", ".join(stored) or "nothing is stored yet"
        raise DataError(
            f"{name!r} is neither a score nor a selection of {project.folder.name}",
            hint=_id_hint(name) or did_you_mean(name, stored) or f"there are: {known}",
        )
    if not stored[name].current:
        raise DataError(
            f"{name} was made from other rows than {project.folder.name} has now",
            hint="make it again",
        )
    return stored[name]


def _is_score_of(result: StoredResult, method: str) -> bool:
    is_plain = result.kind == "score" and result.current and not result.inner
    return is_plain and result.description.get("method") == method


def stored_selection(project: Workspace, name: str) -> NamedSelection:
    """Return a selection that was made before.

    Raises:
        DataError: if there is no selection of that name for the rows the project has now.
        UnknownMethodError: if it was made by a method of a file that is not loaded.
    """
    found = find_result(project, name)
    if found.kind != "selection":
        raise DataError(f"{name} is a score, not a selection")
    with project.names():
        selector = _component(found, "selector")
    assert isinstance(selector, Selector)  # noqa: S101  narrows what the registry returns
    selector = project.engine.resolve(selector)  # it is matched to rows by what they carry now
    record = project.results.read_selection(selector, project.pool.context)
    if record is None:
        raise DataError(f"{name} was made by another version of Assay", hint="make it again")
    return NamedSelection(project, selector, record, 0.0, label=name)


def stored_scorer(project: Workspace, found: StoredResult) -> Scorer:
    """Return what made a stored score, everything that it names pinned.

    Raises:
        DataError: if it is no score, or was made by an older Assay.
        UnknownMethodError: if it was made by a method of a file that is not loaded.
    """
    if found.kind != "score":
        raise DataError(f"{found.name} is a selection, not a score")
    with project.names():
        scorer = _component(found, "scorer")
    assert isinstance(scorer, Scorer)  # noqa: S101  narrows what the registry returns
    return project.engine.resolve(scorer)


def shown_models(results: Iterable[StoredResult]) -> list[str]:
    """Return the language models with a card at hand whose numbers some results show."""
    made = []
    for found in results:
        # What another version or a file that is not loaded has made is shown all the same.
        with contextlib.suppress(AssayError):
            made.append(_component(found, "scorer" if found.kind == "score" else "selector"))
    return known_models(made)


def _component(found: StoredResult, kind: Any) -> Component:
    if not found.description:
        raise DataError(f"{found.name} was made by an older Assay", hint="make it again")
    return build(found.description, kind)


def stored_values(found: StoredResult) -> FloatArray:
    """Return the numbers of a stored score. Shape (n,), NaN where there is none."""
    return next(iter(stored_columns(found).values()))


def stored_columns(found: StoredResult) -> dict[str, FloatArray]:
    """Return the columns of a stored score, the main one first. Shape (n,) each."""
    frame = read_frame(found.path)
    return {name: frame[stored_name(name)].to_numpy() for name in columns_in(frame)}


def row_ids(ids: IdArray) -> list[str]:
    """Return ids as they are printed."""
    return spelled_ids(ids).tolist()


def _id_hint(word: str) -> str | None:
    """Return how a row is named, if a word may be meant for one and cannot be."""
    if not _LIKE_AN_ID.fullmatch(word):
        return None
    return (
        f"a row is named by the first {_LEAST_DIGITS} characters of its id at least, in small "
        f"letters and with a digit among them, and by {_DIGITS} at most"
    )


def shortest_id(ids: IdArray, row_id: int) -> str:
    """Return as much of a row's id as names it and no other row, usually eight characters.

    Args:
        ids: of all rows, ascending.
        row_id: one of them.
    """
    whole = format_id(row_id)
    place = int(np.searchsorted(ids, np.uint64(row_id)))
    beside = spelled_ids(ids[max(place - 1, 0) : place + 2]).tolist()
    for digits in range(_SHOWN_DIGITS, _DIGITS):
        start = whole[:digits]
        alone = sum(other.startswith(start) for other in beside) == 1
        if alone and _ID_START.fullmatch(start):
            return start
    return whole


def rows_with_prefix(project: Workspace, text: str) -> list[int]:
    """Return the id that begins with some hex digits, as a list; empty if the text is no id.

    Raises:
        DataError: if it looks like an id and no row has it, or several do.
    """
    if not _ID_START.fullmatch(text):
        return []
    found = ids_that_begin(project.pool.ids, text)
    if len(found) == 1:
        return [int(found[0])]
    if not len(found):
        raise DataError(f"no row of {project.folder.name} has an id that begins with {text}")
    several = ", ".join(row_ids(found[:3]))
    raise DataError(f"{len(found)} rows have an id that begins with {text}: {several} ...",
                    hint="write more of it")  # fmt: skip
