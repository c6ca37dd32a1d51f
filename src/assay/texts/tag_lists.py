"""Lists of tags as people and models write them: JSON, whole, within prose, or broken off.

A list that cannot be read is no list of no tags. Nothing is mended: what stands in a broken-off
list before the break is taken as it is, and a list that is wrong in its middle is not read at all.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from assay.samples import Reason

MOST_TAGS = 50
"""Tags that one list may name; more is a model that went round in circles."""

_KEY = "tag"
_LIST_KEY = "tags"
_FENCED = re.compile(r"```[ \t]*\w*\s*\n?(.*?)(?:```|\Z)", re.DOTALL)
# How a list of tags begins, or a run of objects; a bracket in prose begins otherwise.
_OPENING = re.compile(r"\[\s*[\[{\"]|\{\s*\"")
_BETWEEN = re.compile(r"[\s,;]*")
# Prose may hold lists of something else, but a hostile text is not to be tried at thousands.
_TRIED = 16
# A text may break off within an escape such as \u00e9, which is noticed where that begins.
_LONGEST_ESCAPE = 6


class TagList(NamedTuple):
    """What a list of tags says.

    Attributes:
        tags: each once, white space folded, in the order in which they are named.
        reason: OK; PARSE_FAILED where there is no list or no tag in it is one; OUT_OF_RANGE where
            it names more than `MOST_TAGS`. There are no tags then.
        is_cut: whether the list broke off, and these are the tags before the break.
    """

    tags: tuple[str, ...]
    reason: Reason = Reason.OK
    is_cut: bool = False


class _Fields(list[tuple[str, Any]]):
    """The fields of a JSON object as they come: one that is named twice is there twice."""


_decoder = json.JSONDecoder(object_pairs_hook=_Fields)
_FAILED = TagList((), Reason.PARSE_FAILED)


def read_tags(value: object) -> TagList:
    """Return the tags of a list.

    A list is of texts, of objects with the tag under "tag", whatever else they hold, or of such
    lists, one for each turn; one object alone is a list of it, and a list may be all that an object
    has under "tags". A text is such a list in JSON: all of it, in a fence, or behind some words.
    Entries that are not, or hold, a text with a letter or sign are passed over. An empty list has
    no tags, which is no failure; a list of nothing but such entries is one.

    Args:
        value: lists, mappings and texts as JSON has them; or a text of that.
    """
    if isinstance(value, str):
        return _of_text(value)
    return _told([value]) if isinstance(value, (list, tuple, dict)) else _FAILED


def is_echo(read: TagList, shown: Iterable[str]) -> bool:
    """Return whether one of the texts that a model was shown holds the same list."""
    return bool(read.tags) and any(read_tags(text).tags == read.tags for text in shown)


class _Found:
    """What is gathered on the way through nested lists."""

    def __init__(self) -> None:
        self.tags: dict[str, None] = {}
        self.unread = 0
        self.longest = 0

    def gather(self, entries: Iterable[object], depth: int = 0) -> None:
        """Take the tags among some entries of one list, and those of lists among them."""
        listed = 0
        for entry in entries:
            for tag in _of_entry(entry):
                if isinstance(tag, str) and (folded := _folded(tag)):
                    self.tags[folded] = None
                    listed += 1
                elif isinstance(tag, list) and not isinstance(tag, _Fields) and depth < 2:
                    self.gather(tag, depth + 1)
                else:
                    self.unread += 1
        self.longest = max(self.longest, listed)


def _of_entry(entry: object) -> Iterator[object]:
    """Yield what an entry names: itself, or what its fields "tag" and "tags" hold."""
    if isinstance(entry, tuple):
        entry = list(entry)
    if not isinstance(entry, (dict, _Fields)):
        yield entry
        return
    fields = entry.items() if isinstance(entry, dict) else entry
    named = [held for key, held in fields if str(key).strip().lower() in (_KEY, _LIST_KEY)]
    yield from named or [None]


def _folded(tag: str) -> str:
    """Return a tag with white space folded; nothing where no file could hold it."""
    try:
        tag.encode()
    except UnicodeEncodeError:
        return ""
    return " ".join(tag.split())


def _told(entries: Iterable[object], *, is_cut: bool = False) -> TagList:
    found = _Found()
    found.gather(entries)
    if found.longest > MOST_TAGS:
        return TagList((), Reason.OUT_OF_RANGE)
    if not found.tags and (found.unread or is_cut):
        return _FAILED
    return TagList(tuple(found.tags), is_cut=is_cut)


def _of_text(text: str, *, quoted: bool = False) -> TagList:
    fenced = _FENCED.search(text)
    text = (fenced[1] if fenced else text).strip()
    try:
        value = _decoder.decode(text)
    except (ValueError, RecursionError):
        return _within(text)
    if isinstance(value, str) and not quoted:
        return _of_text(value, quoted=True)
    return _told([value]) if isinstance(value, list) else _FAILED


def _within(text: str) -> TagList:
    """Return the tags of the first list or object in a text that names one."""
    place = 0
    for _ in range(_TRIED):
        opening = _OPENING.search(text, place)
        run = _from(text, opening.start()) if opening else None
        if run is None:
            # What stands behind something wrong is a part of it: a list without its beginning.
            return _FAILED
        read = _told(run.entries, is_cut=run.is_cut)
        if read.tags or read.reason == Reason.OUT_OF_RANGE:
            return read
        place = run.end
    return _FAILED


class _Run(NamedTuple):
    """The entries of a list, or objects one after the other, within a text."""

    entries: list[object]
    is_cut: bool
    end: int


def _from(text: str, start: int) -> _Run | None:
    """Return the list, or the run of objects, that begins at a place; None if it is wrong."""
    is_list = text[start] == "["
    entries: list[object] = []
    place = start + is_list
    while True:
        place = _BETWEEN.match(text, place).end()  # type: ignore[union-attr]  # matches nothing
        if place == len(text):
            return _Run(entries, is_list, place)
        if text[place] == "]" if is_list else text[place] != "{":
            return _Run(entries, False, place + is_list)
        try:
            entry, place = _decoder.raw_decode(text, place)
        except json.JSONDecodeError as error:
            return _Run(entries, True, len(text)) if _at_the_end(text, error) else None
        except (ValueError, RecursionError):
            return None
        entries.append(entry)


def _at_the_end(text: str, error: json.JSONDecodeError) -> bool:
    """Return whether reading failed because there was no more of it."""
    return error.msg.startswith("Unterminated") or error.pos >= len(text) - _LONGEST_ESCAPE
