"""How much a YAML text stands for: a few lines of aliases can name more than memory holds."""

from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    NodeEvent,
)

MOST_LEVELS = 50
MOST_VALUES = 100_000


class TooLargeError(Exception):
    """A text that no configuration needs; `line` counts from 1."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


def check_size(text: str) -> None:
    """Refuse a text before it is turned into values, aliases written out.

    Raises:
        TooLargeError: if it nests too deeply, or stands for too many values.
        YAMLError: if it is not YAML.
    """
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    count = 0
    for event in _events(text):
        line = event.start_mark.line + 1
        if isinstance(event, AliasEvent):
            # One that is not closed yet holds itself; whoever reads the values says so.
            count += sizes.get(event.anchor, 1)
        elif isinstance(event, CollectionStartEvent):
            open_nodes.append((event.anchor, count))
            count += 1
        elif isinstance(event, CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor is not None:
                sizes[anchor] = count - before
        elif isinstance(event, NodeEvent):
            count += 1
        if len(open_nodes) > MOST_LEVELS:
            raise TooLargeError(f"nested more than {MOST_LEVELS} levels deep", line)
        if count > MOST_VALUES:
            raise TooLargeError(f"more than {MOST_VALUES:,} values, aliases written out", line)


def _events(text: str) -> Iterator[Any]:
    return iter(YAML(pure=True).parse(text))
