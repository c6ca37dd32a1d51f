"""``assay agree``: two tiny models on one pool, from sample to sentence."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.cli.verbs.agree import repeated
from tests.causal_rows import ordinary_rows
from tests.end_to_end.in_process import Here, calls_in
from tests.tiny_models import llama_config, llama_tokenizer, write_model
from tests.watching import forwards


def _write(path: Path, *, backwards: bool = False) -> None:
    rows = [{"instruction": q, "input": i, "output": o} for q, i, o in ordinary_rows(70)]
    rows[5]["output"] = ""
    ordered = rows[::-1] if backwards else rows
    path.write_text("".join(json.dumps(row) + "\n" for row in ordered))


@pytest.fixture(scope="module")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one layer, so that it is the smaller one."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("small")
    return write_model(folder, llama_config(num_hidden_layers=1), llama_tokenizer(), seed=1)


@pytest.fixture
def here(
    tmp_path: Path,
    small_folder: Path,
    llama_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Here]:
    _write(tmp_path / "data.jsonl")
    shutil.copytree(small_folder, tmp_path / "small")
    shutil.copytree(llama_folder, tmp_path / "large")
    yield from calls_in(tmp_path, monkeypatch, capsys)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def test_two_models_are_compared_on_a_sample(here: Here) -> None:
    called = here("agree", "data.jsonl", "ifd", "--models", "large", "small",
                  "--sample", "50", "--json")  # fmt: skip

    found = called.document
    assert called.code == 0
    assert (found["method"], found["reference"], found["sample"]) == ("ifd", "large", 50)
    assert [each["name"] for each in found["agreement"]] == [
        "small", "answer length", "compression_ifd"
    ]  # fmt: skip
    [small, length, _] = found["agreement"]
    low, high = small["interval"]
    assert -1 <= low <= small["rank_correlation"] <= high <= 1
    assert length["at_equal_length"] is None
    assert [each["share"] for each in small["best_in_common"]] == [0.05, 0.1, 0.15]
    [large_cost, small_cost] = found["models"]
    assert large_cost["parameters"] > small_cost["parameters"] > 0
    assert large_cost["read"] in (49, 50)
    assert large_cost["all_seconds"] > 0
    assert large_cost["tokens_per_second"] > 0


def test_what_a_person_reads_ends_with_a_sentence_and_the_next_command(here: Here) -> None:
    called = here("agree", "data.jsonl", "--models", "small", "large", "--sample", "70")

    said = _one_line(called.out)
    assert called.code == 0
    expected = (
        "reference large", "sample 70 of 70 rows", "answer length (floor)",
        "compression_ifd (floor)", "by chance", "empty response 1", "tokens/s",
    )  # fmt: skip
    for words in expected:
        assert words in said
    assert "small ranks" in said
    assert "next: assay score data.jsonl superfiltering --model " in _one_line(called.err)


def test_the_order_of_the_file_does_not_matter(here: Here, tmp_path: Path) -> None:
    words = ("ifd", "--models", "small", "large", "--sample", "40", "--json")
    first = here("agree", "data.jsonl", *words).document
    _write(tmp_path / "turned.jsonl", backwards=True)
    second = here("agree", "turned.jsonl", *words).document

    assert first["agreement"] == second["agreement"]
    assert first["conclusion"] == second["conclusion"]


def test_a_larger_sample_and_all_rows_read_only_what_is_new(here: Here) -> None:
    words = ("ifd", "--models", "small", "large", "--json", "--sample")
    here("agree", "data.jsonl", *words, "35")
    grown = here("agree", "data.jsonl", *words, "50").document
    again = here("agree", "data.jsonl", *words, "50").document
    with forwards(1956, most_rows=1 << 30) as seen:
        here("score", "data.jsonl", "ifd", "--model", "large")

    assert grown["models"][0]["read"] == 15
    assert again["models"][0]["read"] == 0
    assert again["agreement"] == grown["agreement"]
    # 20 rows are new and 8 are checked, in two passes; 140 would be all of them.
    assert 0 < sum(count for count, length in seen) < 2 * (20 + 8) + 20


def test_few_rows_are_said_to_say_nothing(here: Here) -> None:
    called = here("agree", "data.jsonl", "ifd", "--models", "small", "large", "--sample", "20")

    assert "below 30" in _one_line(called.out)
    assert "interval is not meaningful" in _one_line(called.out)
    assert "--models small large --sample 500" in _one_line(called.err)


def test_a_reference_may_be_named(here: Here) -> None:
    called = here("agree", "data.jsonl", "ifd", "--models", "small", "large",
                  "--reference", "small", "--sample", "40", "--json")  # fmt: skip

    assert called.document["reference"] == "small"


def test_a_dry_run_prices_the_sample_and_keeps_nothing(here: Here, tmp_path: Path) -> None:
    called = here("agree", "data.jsonl", "--models", "small", "large", "--sample", "40",
                  "-n", "--json")  # fmt: skip

    assert [step["model"] for step in called.document["steps"]] == ["small", "large"]
    assert all(step["missing"] in (39, 40) for step in called.document["steps"])
    assert called.document["seconds"] > 0
    assert not (tmp_path / "cache" / "response_log_probs").exists()


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("ifd", "--models", "small"), 2, "two models at least"),
        (("ifd", "--models", "small", "small"), 2, "two models at least"),
        (("ifd", "mtld", "--models", "small", "large"), 2, "agree takes one method"),
        (("mtld", "--models", "small", "large"), 2, "--models: mtld reads no language model"),
        (("--models", "small", "large", "--reference", "gpt2"), 2, "is not among the models"),
        (("--models", "small", "nowhere/at/all"), 1, "no language model is found"),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused(
    here: Here, words: tuple[str, ...], code: int, error: str
) -> None:
    called = here("agree", "data.jsonl", *words)

    assert called.code == code
    assert error in _one_line(called.err)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (["--models", "a", "b", "--sample", "5"],
         ["--models", "a", "--models", "b", "--sample", "5"]),
        (["x", "--models=a", "b"], ["x", "--models=a", "--models", "b"]),
        (["--models", "a", "--models", "b", "c"],
         ["--models", "a", "--models", "b", "--models", "c"]),
        (["--models", "a", "b", "ifd", "c"], ["--models", "a", "--models", "b", "ifd", "c"]),
        (["--models", "a", "b", "-n", "c"], ["--models", "a", "--models", "b", "-n", "c"]),
        (["x", "y"], ["x", "y"]),
    ],
)  # fmt: skip
def test_words_after_models_are_models(given: list[str], read: list[str]) -> None:
    assert repeated(given, "--models") == read
