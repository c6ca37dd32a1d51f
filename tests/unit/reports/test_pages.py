"""Every page that Assay makes may be sent to anybody, and can do nothing but be read."""

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

import assay
from assay.assessment.assess import Options, assess
from assay.reports.assessment.page import assessment_page
from assay.reports.comparison.page import render
from assay.reports.html import document
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
        made, title=f"What {_MODEL} learns", base=_MODEL, arms=arms, pool=f"'{_FOLDER}/rows.json'",
        models={f"language model {_MODEL}": "read by ifd"},
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
