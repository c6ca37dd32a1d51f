import csv
import gzip
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from assay.samples import Reason
from assay.texts.measures import (
    compressed_length,
    compression_ifd,
    compression_ifd_scores,
    compression_ratio,
    count_characters,
    count_words,
    lexicalrichness_words,
    token_counts,
    type_token_ratio,
    words,
)

SHARED = Path(__file__).parents[3] / "../shared/data"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't stop, O'Neill: it's 3.5!", ["Don't", "stop", "O'Neill", "it's", "3", "5"]),
        ("'quoted' snake_case a-b", ["quoted", "snake_case", "a", "b"]),
        ("l\u2019\u00e9t\u00e9 na\u00efve", ["l\u2019\u00e9t\u00e9", "na\u00efve"]),
        ("cafe\u0301 ole", ["cafe\u0301", "ole"]),
        ("हिन्दी में लिखो।", ["हिन्दी", "में", "लिखो"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("العَرَبِيَّة لغة", ["العَرَبِيَّة", "لغة"]),
        ("你好，world。", ["你", "好", "world"]),
        ("日本語のテキスト", list("日本語のテキスト")),
        ("𠮷野家", ["𠮷", "野", "家"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("ສະບາຍ", ["ສ", "ະ", "ບ", "າ", "ຍ"]),
        ("๑๒ ฿", ["๑๒"]),
        ("🎉 … — ,.", []),
        ("", []),
    ],
)
def test_words_follow_the_script(text: str, expected: list[str]) -> None:
    assert words(text) == expected
    assert count_words(text) == len(expected)


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_ascii_words_do_not_depend_on_a_foreign_neighbour(text: str) -> None:
    assert [*words(text), "ж"] == words(f"{text} ж")


def test_characters_are_counted_without_white_space_at_the_ends() -> None:
    assert count_characters("  a 你\n") == 3


def test_lexicalrichness_words_delete_digits_and_join_at_dashes() -> None:
    assert lexicalrichness_words("Well-known, B2B: it\u2014ends (here)") == [
        "wellknown",
        "bb",
        "itends",
        "here",
    ]


def test_type_token_ratio_is_distinct_words_over_words() -> None:
    assert type_token_ratio(["a", "b", "a", "a"]) == 0.5
    assert type_token_ratio([]) is None


@pytest.mark.parametrize("data", [b"", b"a", b"abc" * 50_000, bytes(range(256)) * 3])
def test_compressed_length_is_that_of_zlib_without_its_wrapping(data: bytes) -> None:
    assert compressed_length(data) == len(zlib.compress(data, 9)) - 6


def test_compression_ratio_is_compressed_over_original_bytes() -> None:
    text = "é" * 500
    assert compression_ratio(text) == (len(zlib.compress(text.encode(), 9)) - 6) / 1000
    assert compression_ratio("") is None


def test_compression_ifd_is_the_formula() -> None:
    prompt = "Repeat: abcabcabcabc, then the word rainbow in capital letters"
    response = "rainbow RAINBOW abcabcabc three colours of a rainbow of a rainbow"

    def size(text: str) -> int:
        return len(zlib.compress(text.encode(), 6)) - 6

    expected = (size(f"{prompt}\n\n{response}") - size(prompt)) / size(response)
    assert compression_ifd(prompt, response, level=6) == expected


def test_response_that_repeats_the_prompt_is_easier_than_an_unrelated_one() -> None:
    prompt = "Correct the spelling: the quick brown fox jumps over the lazy dog near the river."
    copied = compression_ifd(prompt, "the quick brown fox jumps over the lazy dog near the river.")
    unrelated = compression_ifd(prompt, "Photosynthesis makes sugar: six carbon dioxide, water...")
    assert copied is not None
    assert unrelated is not None
    assert copied < 0.3
    assert unrelated > 0.6


def test_rows_without_a_prompt_or_a_response_are_unscored_and_leave_neighbours_alone() -> None:
    scores = compression_ifd_scores(["q", " ", "q", ""], ["answer", "answer", "\n", ""])
    assert scores.reason.tolist() == [
        Reason.OK,
        Reason.EMPTY_PROMPT,
        Reason.EMPTY_RESPONSE,
        Reason.EMPTY_RESPONSE,
    ]
    assert scores.values[0] == compression_ifd("q", "answer")
    assert np.isnan(scores.values[1:]).all()


def test_compression_ifd_refuses_columns_of_unequal_length() -> None:
    with pytest.raises(ValueError, match="zip"):
        compression_ifd_scores(["q"], ["a", "b"])


def _word_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, "a": 1, "b": 2, "[BOS]": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="[BOS] $A", special_tokens=[("[BOS]", 3)])
    return tokenizer


def test_token_counts_leave_out_special_tokens() -> None:
    assert token_counts(["a b zzz", "", "a"], _word_tokenizer()).tolist() == [3, 0, 1]


def test_token_counts_ignore_padding_and_truncation_and_leave_the_tokenizer_alone() -> None:
    tokenizer = _word_tokenizer()
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=8)
    assert token_counts(["a b a b", "a"] * 2000, tokenizer).tolist() == [4, 1] * 2000
    assert tokenizer.truncation is not None
    assert tokenizer.padding is not None


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
def test_compression_ifd_agrees_with_the_ifd_of_gpt2_on_alpaca() -> None:
    rows = json.loads(gzip.decompress((SHARED / "alpaca_data.json.gz").read_bytes()))
    with (SHARED / "judged/gpt2_ifd_alpaca_1022.csv").open() as lines:
        judged = list(csv.DictReader(lines))
    chosen = [rows[int(row["alpaca_index"])] for row in judged]
    prompts = ["\n".join(filter(None, (r["instruction"], r["input"]))) for r in chosen]
    ours = compression_ifd_scores(prompts, [row["output"] for row in chosen]).values
    theirs = np.array([float(row["ifd_ppl"]) for row in judged])
    ranks = [np.argsort(np.argsort(values)) for values in (ours, theirs)]
    differences = ranks[0] - ranks[1]
    spearman = 1 - 6 * (differences**2).sum() / (len(ours) * (len(ours) ** 2 - 1))
    assert spearman > 0.69
