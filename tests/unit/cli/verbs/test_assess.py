"""``assay assess`` as a person calls it."""

import json
from pathlib import Path
from typing import Any

import pytest

from assay.cli import main
from assay.cli.console import Settings, configure
from assay.runtime import Runtime
from tests.unit.assessment.datasets import chinese, english, write

HOSTILE = "<script>alert(1)</script>"


class Call:
    """Runs command lines in a folder, in this process."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self.err = ""

    def __call__(self, *words: str, code: int = 0) -> str:
        configure(Settings())  # an error before the options are read goes to this test's streams
        with pytest.raises(SystemExit) as ended:
            main(["assess", *words, "--workers", "1"])
        out, self.err = self._capture.readouterr()
        assert ended.value.code == code, self.err
        return out

    def document(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    write(tmp_path / "en.jsonl", [*english(30), *english(4)])
    write(tmp_path / "zh.jsonl", [*chinese(20), *english(5)])
    return Call(capsys)


def test_a_table_a_page_and_a_document_say_the_same(call: Call, tmp_path: Path) -> None:
    table = call("en.jsonl", "zh.jsonl", "--sample", "10", "-o", "page.html")
    document = call.document("en.jsonl", "zh.jsonl", "--sample", "10")

    page = (tmp_path / "page.html").read_text()
    assert [each["name"] for each in document["datasets"]] == ["en", "zh"]
    assert document["datasets"][0]["exact_copies"]["count"] == 4
    shared = next(pair for pair in document["pairs"] if pair["of"] == "zh")
    assert shared["exact"] == {"count": 5, "of": 25, "share": 0.2, "low": 0.2, "high": 0.2}
    for remark in document["datasets"][1]["remarks"]:
        assert remark in table
        assert remark.replace(" %", "\u00a0%").replace("'", "&#x27;") in page or remark in page
    assert "20 %" in table
    assert not (tmp_path / "en.assay" / "selections").exists()


def test_a_second_run_gives_the_same_document(call: Call) -> None:
    assert call("en.jsonl", "zh.jsonl", "--json") == call("en.jsonl", "zh.jsonl", "--json")


def test_datasets_of_equal_names_are_told_apart(call: Call, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub" / "en.jsonl", english(5))
    (tmp_path / "en.json").write_text(json.dumps([dict(each) for each in english(7)]))

    document = call.document("en.jsonl", "sub/en.jsonl", "en.json", "en.jsonl")

    assert [(each["name"], each["rows"]) for each in document["datasets"]] == [
        ("en.jsonl", 34), ("sub/en.jsonl", 5), ("en.json", 7), ("en.jsonl (2)", 34)
    ]  # fmt: skip


def test_a_source_can_be_named(call: Call) -> None:
    document = call.document("mine=en.jsonl", "yours=zh.jsonl")

    assert [each["name"] for each in document["datasets"]] == ["mine", "yours"]


def test_parts_of_one_dataset(call: Call) -> None:
    document = call.document("zh.jsonl", "--by", "language")

    assert [(each["name"], each["rows"]) for each in document["datasets"]] == [
        ("Chinese", 20), ("English", 5)
    ]  # fmt: skip


def test_a_dataset_without_rows_is_listed_and_does_not_stop_the_others(
    call: Call, tmp_path: Path
) -> None:
    broken = {"instruction": 5, "context": "", "response": 7, "category": "qa"}
    (tmp_path / "odd.jsonl").write_text(f"{json.dumps(broken)}\n" * 3)

    out = call("en.jsonl", "odd.jsonl")

    assert "Holds no usable row" in out
    assert "odd.jsonl" in call.err
    call("odd.jsonl", code=1)
    assert "no dataset has a usable row" in call.err


def test_an_empty_file_is_an_error_that_names_it(call: Call, tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("[]")

    call("en.jsonl", "empty.json", code=1)

    assert "empty.json: no records" in call.err


def test_markup_in_file_names_is_text(call: Call, tmp_path: Path) -> None:
    name = f"{HOSTILE.replace('/', '')}.jsonl"
    write(tmp_path / name, english(3))

    call(f"./{name}", "en.jsonl", "-o", "page.html")

    page = (tmp_path / "page.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.jsonl"], "does not exist"),
        (["ifd"], "'ifd' is not a dataset"),
        (["en.jsonl", "--by", "colour"], "--by 'colour' is not known"),
        (["en.jsonl", "zh.jsonl", "-p", "x.assay"], "-p names one project"),
        (["en.jsonl", "--sample", "1"], "sample"),
    ],
)
def test_what_cannot_be_done_is_said(call: Call, words: list[str], said: str) -> None:
    code = 1 if said == "does not exist" else 2
    call(*words, code=code)

    assert said in call.err


def test_a_model_that_does_not_exist_is_an_error_if_it_was_named(call: Call) -> None:
    call("en.jsonl", "--model", "assay:none", code=1)

    assert "assay:none" in call.err


def test_without_a_model_named_none_is_opened_and_the_page_says_how_to_add_one(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*given: object) -> None:
        raise AssertionError("a language model was opened")

    monkeypatch.setattr(Runtime, "language_model", opened)

    document = call.document("en.jsonl")

    assert document["settings"]["model"] is None
    assert "ifd" not in document["datasets"][0]["distributions"]
    assert "compression_ifd" in document["datasets"][0]["distributions"]
    assert "--model assay:lm adds them" in document["left_out"][0]


def test_the_price_of_a_model_is_told_without_reading_all_rows(call: Call, tmp_path: Path) -> None:
    plain = call.document("en.jsonl", "zh.jsonl", "-n")
    priced = call.document("en.jsonl", "zh.jsonl", "--sample", "10", "--model", "assay:lm", "-n")

    names = ["texts", "vectors", "near-duplicates", "rows in common"]
    assert [step["name"] for step in plain["steps"]] == names
    assert [step["rows"] for step in plain["steps"]] == [59] * 4
    by_model = priced["steps"][-1]
    assert (by_model["name"], by_model["rows"]) == ("IFD, perplexity", 20)
    assert 15 <= by_model["missing"] <= 20  # equal rows are read once
    assert by_model["seconds"] > 0
    assert list((tmp_path / "cache").rglob("*.parquet")) == []
    assert "nothing was computed" in call.err


def test_what_is_at_hand_is_no_part_of_the_price(call: Call) -> None:
    call("en.jsonl", "zh.jsonl", "-q")

    document = call.document("en.jsonl", "zh.jsonl", "-n")

    assert [step["missing"] for step in document["steps"][:3]] == [0, 0, 0]
    assert document["seconds"] == 0


def test_a_long_reading_is_told_before_it_begins(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.cli.verbs.assess._WORTH_SAYING_SECONDS", 0.0)

    call("en.jsonl", "--sample", "4", "--model", "assay:lm")

    assert "of it for IFD and perplexity; fewer rows are read with --sample" in call.err
