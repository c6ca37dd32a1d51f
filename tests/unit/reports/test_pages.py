"""Every page that Assay makes may be sent to anybody, and can do nothing but be read."""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

import assay
from assay.assessment.assess import Options, assess
from assay.html import document
from assay.reports.assessment.page import assessment_page
from assay.reports.comparison.page import render
from tests.unit.assessment.datasets import dataset, english, runtime
from tests.unit.compare.synthetic import failing, synthetic

_SOURCE = Path(assay.__file__).parent
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src '
    "'unsafe-inline'; base-uri 'none'; form-action 'none'\">"
)
_FOLDER = "/data/of somebody/models (old)"
_MODEL = f"{_FOLDER}/tiny@0123456789abcdef0123"


def _comparison(folder: Path) -> str:
    made = failing(synthetic(questions=20), "ifd", "5%", f"'{_FOLDER}/tiny.bin' is damaged")
    arms = tuple(replace(arm, words=f"ifd(model={_MODEL})") for arm in made.arms)
    told = replace(
        made, title=f"What {_MODEL} learns", bases=(_MODEL,), arms=arms,
        pool=f"'{_FOLDER}/rows.json'", models={f"language model {_MODEL}": "read by ifd"},
    )  # fmt: skip
    return render(told, rebuild=f"assay compare '{_FOLDER}/rows.json' --base '{_FOLDER}/tiny'")


def _assessment(folder: Path) -> str:
    sets = [dataset(folder / f"{name}.jsonl", english(4, about=name)) for name in ("a", "b")]
    # Two of one name are told apart by where they lie.
    sets = [replace(each, name=f"{_FOLDER}/{n}/data.json") for n, each in enumerate(sets)]
    made = assess(sets, Options(model=""), runtime(folder))
    datasets = [
        replace(each, source=f"{_MODEL[:-21]}", notes=[f"'{_FOLDER}/a.json' row 3"])
        for each in made.datasets
    ]
    settings = {**made.settings, "tokenizer": _MODEL, "encoder": _MODEL, "model": _MODEL}
    left_out = [f"IFD: '{_FOLDER}/tiny' has no weights"]
    return assessment_page(replace(made, datasets=datasets, settings=settings, left_out=left_out))


PAGES = {"comparison": _comparison, "assessment": _assessment}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_page_forbids_scripts_and_the_network(
    page: Callable[[Path], str], tmp_path: Path
) -> None:
    text = unescape(page(tmp_path))

    head = text[: text.index("</head>")]
    assert _POLICY in head
    assert head.index(_POLICY) < head.index("<style>")
    assert "<script" not in text
    assert re.search(r"<(?:link|img|iframe|object|embed|form)\b", text) is None


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_no_page_says_where_models_and_files_lie(
    page: Callable[[Path], str], tmp_path: Path
) -> None:
    text = page(tmp_path)

    assert "somebody" not in text
    assert "models (old)" not in text
    assert "tiny@0123456789ab" in text


def test_pages_are_framed_in_one_place() -> None:
    frame = re.compile(r"<!doctype|<html|element\(\s*[\"']html", re.IGNORECASE)

    framed = [path for path in _SOURCE.rglob("*.py") if frame.search(path.read_text())]

    assert [path.name for path in framed] == ["html.py"]
    assert _POLICY in unescape(document("Any", "text", style=""))


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_no_column_of_a_page_is_wider_than_a_phone(
    page: Callable[[Path], str], tmp_path: Path
) -> None:
    style = page(tmp_path).partition("<style>")[2].partition("</style>")[0]

    fixed = re.findall(r"repeat\(auto-fi[tl]+, minmax\((?!min\(100%)[^)]*\)", style)
    assert fixed == []
    assert "max-width: 640px" in style


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_number_of_a_stacked_row_has_its_heading(
    page: Callable[[Path], str], tmp_path: Path
) -> None:
    cells = re.findall(r"<td[^>]*>", page(tmp_path))

    assert len([cell for cell in cells if "data-label=" in cell]) > len(cells) / 2


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_no_page_scrolls_sideways_in_a_browser(
    page: Callable[[Path], str], tmp_path: Path, width: int
) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("there is no browser")
    (tmp_path / "page.html").write_text(page(tmp_path))
    (tmp_path / "frame.html").write_text(
        f"<!doctype html><iframe id=f width={width} height=900 style='border:0' src=page.html>"
        "</iframe><p id=o></p><script>document.getElementById('f').onload = function () {"
        "var whole = this.contentDocument.documentElement;"
        "document.getElementById('o').textContent = 'seen ' + (whole.scrollWidth -"
        "whole.clientWidth);}</script>"
    )

    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         f"--user-data-dir={tmp_path / 'browser'}", "--allow-file-access-from-files",
         "--virtual-time-budget=4000", "--window-size=1400,1000", "--dump-dom",
         (tmp_path / "frame.html").as_uri()],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert re.findall(r"<p id=\"o\">([^<]*)</p>", done.stdout) == ["seen 0"]
