"""Text on a page is text, and the page needs nothing else."""

from html.parser import HTMLParser

import pytest

from assay.html import Html, element, escaped, joined, number, page, section, table

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


class Seen(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_markup_in_a_text_is_shown_and_does_not_count() -> None:
    seen = Seen(element("p", HOSTILE))

    assert seen.names == ["p"]
    assert seen.text == HOSTILE


def test_markup_in_an_attribute_stays_in_the_attribute() -> None:
    seen = Seen(element("p", title=HOSTILE))

    assert seen.names == ["p"]
    assert seen.attributes == [("title", HOSTILE)]


def test_control_and_direction_characters_become_visible() -> None:
    assert escaped("a\x00b\u202ec\x1b[31m") == "a\\x00b\\u202ec\\x1b[31m"


def test_markup_made_here_is_not_escaped_again() -> None:
    inner = element("b", "<")

    assert element("p", inner, "<", None) == "<p><b>&lt;</b>&lt;</p>"
    assert joined([inner, "&"]) == "<b>&lt;</b>&amp;"
    assert isinstance(joined(["a"]), Html)


def test_names_of_attributes_are_written_as_html_has_them() -> None:
    assert (
        element("th", class_="x", aria_label="y", colspan=2, id=None)
        == '<th class="x" aria-label="y" colspan="2"></th>'
    )


@pytest.mark.parametrize("name", ["p onclick=x", "", "<b>", "1a", "a>b"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        element(name)
    with pytest.raises(ValueError, match="no name"):
        element("p", **{name: "value"})


def test_numbers_in_attributes_are_short() -> None:
    assert [number(value) for value in (3.0, 2.5, 1 / 3, 1e7)] == ["3", "2.5", "0.33", "10000000"]


def test_a_page_allows_neither_scripts_nor_the_network() -> None:
    seen = Seen(page(HOSTILE, section(HOSTILE, HOSTILE)))

    policies = [value for name, value in seen.attributes if name == "content" and value]
    policy = next(value for value in policies if "default-src" in value)
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert {"script", "img", "link", "iframe"} & set(seen.names) == set()
    assert not [name for name, _ in seen.attributes if name.startswith("on") or name == "src"]
    assert seen.text.count(HOSTILE) == 3


def test_a_page_follows_light_and_dark() -> None:
    assert "prefers-color-scheme: dark" in page("title")


def test_a_table_has_headings_and_escapes_its_cells() -> None:
    seen = Seen(table(["what", ("how many", "right")], [["<b>", "1"], [element("i", "x"), "2"]]))

    assert seen.names.count("tr") == 3
    assert ("scope", "col") in seen.attributes
    assert ("class", "number") in seen.attributes
    assert "<b>" in seen.text
    assert seen.names.count("i") == 1


def test_a_row_of_another_length_than_the_headings_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        table(["one", "two"], [["1"]])
