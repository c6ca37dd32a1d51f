"""The page shows what was found, and nothing of the data is more than text on it."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from assay.assessment.assess import Options, assess
from assay.assessment.records import Assessment
from assay.assessment.rows import Rows
from assay.reports.assessment.page import assessment_page
from tests.unit.assessment.datasets import chinese, dataset, english, row, runtime

HOSTILE = "</td></style><script>alert(1)</script><img src=x onerror=alert(2)><a href=javascript:x>"
_ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "div", "span",
    "section", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption",
    "details", "summary", "code", "svg", "text", "line", "rect", "path", "circle",
}  # fmt: skip


class Seen(HTMLParser):
    """Collects elements and attributes, and checks that what opens closes."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _inert(markup: str) -> Seen:
    seen = Seen(markup)
    assert seen.open == []
    assert set(seen.names) <= _ALLOWED
    assert not [n for n, _ in seen.attributes if n.startswith("on") or n in {"src", "href"}]
    assert "url(" not in markup
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", markup)
    return seen


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Assessment:
    folder = tmp_path_factory.mktemp("hostile")
    rows = [row(f"{HOSTILE} {n}", f"{HOSTILE} {n}", HOSTILE) for n in range(8)]
    first = dataset(folder / "a.jsonl", rows)
    named = replace(first, name=HOSTILE, source=HOSTILE, notes=(HOSTILE,), set_aside={HOSTILE: 2})
    second = dataset(folder / "b.jsonl", [*english(9), *rows[:2]])
    return assess([named, second], Options(sample=5, model="", no_model=HOSTILE), runtime(folder))


def test_names_and_rows_of_the_data_are_text(hostile: Assessment) -> None:
    seen = _inert(assessment_page(hostile))

    assert seen.text.count("<script>alert(1)</script>") > 10


def test_the_page_says_what_stands_out_first(hostile: Assessment) -> None:
    text = Seen(assessment_page(hostile)).text

    assert text.index("What stands out") < text.index("Side by side") < text.index("Rows to read")
    for remark in hostile.datasets[1].remarks:
        assert remark.replace(" %", "\u00a0%") in text
    assert "Vendi score" in text


def test_one_dataset_is_a_page_too(tmp_path: Path) -> None:
    found = assess(
        [dataset(tmp_path / "a.jsonl", english(3))], Options(model=""), runtime(tmp_path)
    )

    seen = _inert(assessment_page(found))

    assert "a, assessed" in seen.text
    assert "What they share" not in seen.text


def test_empty_and_tiny_datasets_are_a_page_too(tmp_path: Path) -> None:
    found = assess(
        [
            Rows("none", "none.jsonl", None),
            dataset(tmp_path / "one.jsonl", english(1)),
            dataset(tmp_path / "zh.jsonl", chinese(60)),
        ],
        Options(sample=50, model=""),
        runtime(tmp_path),
    )

    seen = _inert(assessment_page(found))

    assert "Holds no usable row" in seen.text
    assert "Chinese" in seen.text
    assert "nan" not in seen.text.lower().split()


def test_nothing_but_empty_datasets_is_a_page_too(tmp_path: Path) -> None:
    found = assess(
        [Rows("a", "a", None), Rows("b", "b", None)], Options(model=""), runtime(tmp_path)
    )

    assert "Distributions" not in _inert(assessment_page(found)).text


def test_equal_findings_are_equal_pages(hostile: Assessment) -> None:
    assert assessment_page(hostile) == assessment_page(hostile)
