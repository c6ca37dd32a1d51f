"""What can be read, what cannot, and what must neither be run nor hang."""

from pathlib import Path

import pytest

from assay.texts.checks.parseable import (
    FORMS,
    MOST_CHARACTERS,
    TooLongError,
    is_parseable,
    is_xml,
    is_yaml,
)
from tests.unit.texts.checks.odd_texts import ENTITIES


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("{'a': 1}", "json", True),
        ('{"a": [1, 2]}', "dict", True),
        (" {'a': (1, 2)}\n", "json", True),
        ('{"a": true}', "json", False),
        ("[1, 'a']", "list", True),
        ("(1, 2)", "list", False),
        ("(1, 2)", "tuple", True),
        ("1, 2", "tuple", True),
        ("(1)", "tuple", False),
        ("('a', 'b')\n- and more", "tuple", False),
        ("Sure: {'a': 1}", "json", False),
        ("{[]: 1}", "json", False),
        ("{'a': '\\d'}", "json", True),
        ("<a><b>x</b></a>", "xml", True),
        ("<a/><b/>", "xml", False),
        ("<a><b></a>", "xml", False),
        ("<p:a/>", "xml", False),
        ("<p:a xmlns:p='u'/>", "xml", True),
        ("<a>&lt;</a>", "xml", True),
        ("<a>&x;</a>", "xml", False),
        ("plain", "xml", False),
        ('<?xml version="1.0" encoding="gbk"?><a>\u597d</a>', "xml", True),
        ("a: 1\nb: [x, y]\n", "yaml", True),
        ("plain words", "yaml", True),
        ("", "yaml", True),
        ("a: b: c", "yaml", False),
        ("a: *b", "yaml", False),
        ("a: &b 1\nc: *b", "yaml", True),
        ("!!str a", "yaml", True),
        ("!mine a", "yaml", False),
        ("!!python/tuple [a]", "yaml", False),
        ("[" * 300 + "]" * 300, "yaml", True),
        ("[" * 500 + "]" * 500, "yaml", False),
        ("--- a\n--- b\n", "yaml", False),
        ("{'a': 1}", "markdown", False),
    ],
)
def test_a_text_can_be_read_or_cannot(text: str, form: str, expected: bool) -> None:
    assert is_parseable(text, form) is expected


def test_yaml_that_is_a_plain_scalar_is_no_structure() -> None:
    assert is_yaml("plain words")
    assert not is_yaml("plain words", structured=True)
    assert not is_yaml("", structured=True)
    assert is_yaml("- a", structured=True)


def test_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    call = "__import__('pathlib').Path('made').touch()"

    for text in (call, f"{{'a': {call}}}", f"[{call}]", f"!!python/name:{call}"):
        assert not any(is_parseable(text, form) for form in ("json", "list", "tuple", "xml"))
    assert not is_yaml(f'!!python/object/apply:pathlib.Path ["made"]\n# {call}')

    assert list(tmp_path.iterdir()) == []


def test_entities_are_refused_before_they_are_expanded() -> None:
    assert not is_xml(ENTITIES)
    assert not is_xml('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>')
    assert is_xml("<!DOCTYPE a><a/>")


@pytest.mark.parametrize("form", FORMS)
def test_a_text_that_is_too_long_is_not_read(form: str) -> None:
    with pytest.raises(TooLongError, match="at most"):
        is_parseable("x" * (MOST_CHARACTERS + 1), form)
