"""Pages of a selection, of two, and of scores: written by the command line, safe, and true."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.end_to_end.cli_helpers import assay

_HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
_ROWS = [
    {
        "instruction": f"Question {place} about subject {place % 7}",
        "output": f"Answer {place}. " + "It goes on for a while. " * (place % 9),
        "category": ("qa", "chat")[place % 2],
    }
    for place in range(60)
] + [{"instruction": _HOSTILE, "output": _HOSTILE * 30, "category": _HOSTILE}]


class _Texts(HTMLParser):
    """Collects elements and what stands in them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data.json").write_text(json.dumps(_ROWS))
    return tmp_path


def _page(folder: Path, *words: str) -> _Texts:
    done = assay(folder, *words, "--report", "page.html")
    assert done.code == 0, done.err
    page = (folder / "page.html").read_text(encoding="utf-8")
    found = _Texts(page)
    assert "script" not in found.tags
    assert not {"src", "href", "onerror", "action"} & {name for name, _ in found.attributes}
    assert any(str(value).startswith("default-src 'none'") for _, value in found.attributes)
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")
    return found


def _cards(page: _Texts) -> int:
    return page.tags.count("article")


def test_a_selection_beside_its_pool_with_rows_to_read(folder: Path) -> None:
    page = _page(
        folder, "select", "data.json", "longest_response", "--budget", "20", "-o", "s.json"
    )

    chosen = json.loads((folder / "s.json").read_text())
    assert len(chosen) == 20
    assert all(row["instruction"] in page.text for row in chosen)
    assert _cards(page) == 20 + 30
    assert "the budget went to others: 41" in page.text
    assert "assay select data.json longest_response --budget 20" in page.text
    assert page.tags.count("figure") >= 4
    assert page.tags.count("circle") == 20


def test_what_a_path_from_the_root_says_of_a_machine_is_not_on_the_page(folder: Path) -> None:
    page = _page(folder, "select", str(folder / "data.json"), "random", "--budget", "5")

    assert str(folder) not in page.text
    assert "assay select data.json random" in page.text


def test_rows_left_out_show_every_reason(folder: Path) -> None:
    page = _page(
        folder, "select", "data.json", "longest_response", "--budget", "5", "--where", "category=qa"
    )

    assert len(re.findall("a condition on it does not hold", page.text)) >= 2
    assert "the budget went to others" in page.text


def test_the_same_line_writes_the_same_page_but_for_the_times(folder: Path) -> None:
    def written() -> str:
        page = _page(folder, "select", "data.json", "k_center", "--budget", "10")
        return re.sub(r"Time: .*", "", page.text)

    assert written() == written()


def test_two_selections_side_by_side(folder: Path) -> None:
    for name in ("random", "longest_response"):
        assay(folder, "select", "data.json", name, "--budget", "20")

    page = _page(folder, "diff", "data.json", "random-20", "longest_response-20")

    alone = re.findall(r"Only in \S+: (\d+) of (\d+) rows", page.text)
    assert len(alone) == 2
    assert alone[0] == alone[1]
    assert _cards(page) == 2 * int(alone[0][0])
    assert f"{20 - int(alone[0][1])}rows in both" in page.text


def test_scores_with_their_ends_and_those_without_a_number(folder: Path) -> None:
    page = _page(folder, "score", "data.json", "mtld", "compression_ifd")

    for heading in ("Highest", "In the middle", "Lowest", "Without a number"):
        assert heading in page.text
    assert _cards(page) >= 60
    assert "no score: too short" in page.text


def test_several_selections_have_no_single_page(folder: Path) -> None:
    words = ("select", "data.json", "random", "--budget", "5", "--seeds", "2")

    done = assay(folder, *words, "--report", "p.html")

    assert done.code == 2
    assert "--report is for one selection, and 2 are asked for" in done.err
