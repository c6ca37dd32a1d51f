from assay.html import Html, element, joined


def test_text_and_attributes_are_escaped() -> None:
    found = element("p", "<b> & 'c'", title='"<x>"')

    assert found == "<p title=\"&quot;&lt;x&gt;&quot;\">&lt;b&gt; &amp; 'c'</p>"


def test_markup_is_not_escaped_twice() -> None:
    assert element("p", element("b", "&"), " x") == "<p><b>&amp;</b> x</p>"


def test_children_may_be_nested_and_absent() -> None:
    assert joined([None, ["a", [Html("<br>")]], "b"]) == "a<br>b"


def test_attributes_are_named_as_in_html_and_numbers_short() -> None:
    found = element("text", x=1.0, y=2.345678, class_="c", text_anchor="end", name=None)

    assert found == '<text x="1" y="2.35" class="c" text-anchor="end"></text>'


def test_elements_without_content_are_not_closed() -> None:
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'
