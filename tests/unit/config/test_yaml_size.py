"""A hostile configuration is refused before it is worked through."""

import time

import pytest

from assay.config.document import parse_yaml
from assay.errors import ConfigError


def _doubling(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]")
    return "\n".join(lines)


def _maps(levels: int) -> str:
    lines = [
        f"a{level}: &a{level} {{l: *a{level - 1}, r: *a{level - 1}}}" for level in range(1, levels)
    ]
    return "\n".join(["a0: &a0 {k: v}", *lines])  # fmt: skip


HOSTILE = {
    "lists of aliases": (_doubling(12), "line 6: more than 100,000 values"),
    "maps of aliases": (_maps(40), "more than 100,000 values"),
    "brackets": ("data: " + "[" * 100_000 + "]" * 100_000, "line 1: nested more than 50"),
    "braces that never end": ("{a: " * 100_000, "nested more than 50"),
    "indents": ("".join(" " * level + "a:\n" for level in range(2000)), "line 51: nested"),
    "dashes": ("- " * 50_000 + "x", "line 1: nested"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_nesting_and_aliases_have_a_limit(case: str) -> None:
    text, message = HOSTILE[case]
    started = time.process_time()

    with pytest.raises(ConfigError, match=message) as caught:
        parse_yaml(text, file="run.yaml")

    assert time.process_time() - started < 1
    assert caught.value.hint


def test_aliases_as_people_use_them_are_read() -> None:
    text = "one: &one {a: [1, 2]}\ntwo: *one\nthree: {<<: *one, b: 3}\n"

    content = parse_yaml(text).content

    assert content == {"one": {"a": [1, 2]}, "two": {"a": [1, 2]}, "three": {"a": [1, 2], "b": 3}}
