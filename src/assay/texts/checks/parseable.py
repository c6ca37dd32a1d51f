"""Whether a text can be read as a Python literal, XML or YAML; nothing in it is ever run.

A text comes from a model, so it may be anything. None of these readers builds more than it was
given: entities of XML and aliases of YAML are not expanded, and what nests too deeply, or is too
long to be read in a moment, ends in an answer and not in a crash.
"""

import ast
import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.parsers import expat

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    NodeEvent,
    ScalarEvent,
)

MOST_CHARACTERS = 1_000_000
"""Characters of the longest text that is read; a literal of that length takes about a second."""
MOST_CHARACTERS_OF_YAML = 50_000
"""The same of YAML, whose reader is that much slower."""
_MOST_LEVELS = 400
"""Levels of YAML; building what nests deeper ends in an error in other readers, too."""
_YAML_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}"
    for kind in (
        "null", "bool", "int", "float", "binary", "timestamp", "omap", "pairs", "set", "str",
        "seq", "map",
    )
)  # fmt: skip
_ENTITIES = "entities are not read"


class TooLongError(Exception):
    """A text is too long to be read."""


def check_length(text: str, most: int = MOST_CHARACTERS) -> None:
    """Refuse a text that takes too long to be read.

    Raises:
        TooLongError: if it has more characters than `most`.
    """
    if len(text) > most:
        raise TooLongError(f"{len(text):,} characters, and {most:,} at most are read")


def is_literal(text: str, kind: type) -> bool:
    """Return whether a text is a Python literal of a kind, such as dict.

    Raises:
        TooLongError: if it is longer than can be read.
    """
    check_length(text)
    try:
        # Python warns of what a text holds, such as an unknown escape: that is no fault of ours.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return isinstance(value, kind)


def is_xml(text: str) -> bool:
    """Return whether a text is one well-formed XML document that declares no entities.

    Raises:
        TooLongError: if it is longer than can be read.
    """
    check_length(text)
    # With a separator, as in the reader of the standard library, a prefix must have been bound.
    parser = expat.ParserCreate("utf-8", "}")
    parser.EntityDeclHandler = _refuse_entities
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, ValueError):
        return False
    return True


def _refuse_entities(*declared: object) -> None:
    # A few of them can stand for more text than memory holds.
    raise ValueError(_ENTITIES)


def is_yaml(text: str, *, structured: bool = False) -> bool:
    """Return whether a text is one YAML document of plain data; an empty one is.

    Args:
        text: what is read.
        structured: does it have to be a list or a mapping? Almost any word is YAML otherwise.

    Raises:
        TooLongError: if it is longer than can be read.
    """
    check_length(text, MOST_CHARACTERS_OF_YAML)
    # The reader looks at all open brackets for every one that opens.
    if _most_open(text) > _MOST_LEVELS:
        return False
    try:
        return _is_plain(_yaml_events(text), structured)
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
        return False


def _most_open(text: str) -> int:
    """Return how many brackets are open where most are, wherever they stand."""
    steps = (1 if sign in "[{" else -1 for sign in text if sign in "[]{}")
    return max(itertools.accumulate(steps, lambda depth, step: max(0, depth + step)), default=0)


def _yaml_events(text: str) -> Iterator[Any]:
    return iter(YAML(typ="safe", pure=True).parse(text))


def _is_plain(events: Iterator[Any], structured: bool) -> bool:
    """Return whether events are of one document, with no type of its own and no unknown alias."""
    anchors: set[str] = set()
    documents = levels = 0
    top: Any = None
    for event in events:
        documents += isinstance(event, DocumentStartEvent)
        levels += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if documents > 1 or levels > _MOST_LEVELS:
            return False
        if isinstance(event, AliasEvent):
            if event.anchor not in anchors:
                return False
        elif isinstance(event, NodeEvent):
            top = top or event
            if event.anchor is not None:
                anchors.add(event.anchor)
            tag = _tag_of(event)
            if tag not in ("", "!") and tag not in _YAML_TAGS:
                return False
    return isinstance(top, CollectionStartEvent) or not structured


def _tag_of(event: Any) -> str:
    if not isinstance(event, (ScalarEvent, CollectionStartEvent)):
        return ""
    return "" if event.tag is None else str(event.tag)


_LITERALS: Mapping[str, type] = {"json": dict, "dict": dict, "list": list, "tuple": tuple}
_OTHERS: Mapping[str, Callable[[str], bool]] = {"xml": is_xml, "yaml": is_yaml}
FORMS = (*_LITERALS, *_OTHERS)
"""Names of what a text can be read as. By json a dictionary of Python is meant, as by dict."""


def is_parseable(text: str, form: str) -> bool:
    """Return whether a text can be read as one of `FORMS`; as anything else it cannot.

    Raises:
        TooLongError: if it is longer than can be read.
    """
    if form in _LITERALS:
        return is_literal(text, _LITERALS[form])
    return form in _OTHERS and _OTHERS[form](text)
