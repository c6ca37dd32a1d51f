"""What the embedded encoder promises: meaning in English, no collapse elsewhere, fixed rows."""

import hashlib
import json
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from assay.backends import static_encoder
from assay.backends.static_encoder import StaticEncoder, assets_digest, hashed_signs
from assay.backends.text_segments import longest_matches, words
from assay.errors import ModelLoadError
from assay.samples import FloatArray

PARAPHRASES = [
    ("How do I cook rice?", "What is the best way to boil rice?"),
    ("Translate this sentence into French.", "Give a French translation of the sentence."),
    ("Write a Python function that sorts a list.", "Implement list sorting as Python code."),
    ("Summarise the article in two lines.", "Give a short summary of the text."),
    ("What is the capital of Italy?", "Name Italy's capital city."),
    ("Name three kinds of dog.", "List three breeds of dogs."),
    ("Solve the equation 2x + 3 = 7.", "Find x when 2x plus 3 equals 7."),
    ("Suggest a film for tonight.", "Recommend a movie to watch this evening."),
]

SCRIPTS = {
    "Chinese": ["给出三个保持健康的秘诀。", "什么是三原色？", "描述原子的结构。"],
    "Japanese": ["健康を保つ秘訣を三つ教えて。", "三原色とは何ですか？", "原子の構造を説明して。"],
    "Korean": ["건강을 지키는 비결을 알려줘", "삼원색은 무엇인가요?", "원자의 구조를 설명해줘"],
    "Russian": ["Назови три совета о здоровье.", "Какие есть основные цвета?", "Опиши атом."],
    "Arabic": ["أعط ثلاث نصائح للصحة", "ما هي الألوان الأساسية؟", "صف بنية الذرة"],
    "Thai": ["บอกเคล็ดลับสุขภาพสามข้อ", "แม่สีสามสีคืออะไร", "อธิบายโครงสร้างของอะตอม"],
    "Hindi": ["स्वस्थ रहने के तीन उपाय", "तीन मूल रंग क्या हैं?", "परमाणु की संरचना"],
    "Greek": ["Δώσε τρεις συμβουλές", "Ποια είναι τα χρώματα;", "Περίγραψε το άτομο"],
    "emoji": ["😀😃", "🚗🚕", "❤️🔥"],
    "private use": ["\ue000\ue001", "\ue002", "\U00100000"],
}

MIXED = [
    "Give three tips for staying healthy.",
    "",
    "给出三个保持健康的秘诀。",
    "Schnelle Zubereitung von Kartoffelpüree",
    "x = [i ** 2 for i in range(10)]",
    "😀 ok",
]


TRANSLATIONS = [
    ("给出三个保持健康的秘诀。", "Give three tips for staying healthy."),
    ("什么是三原色？", "What are the three primary colors?"),
    ("描述原子的结构。", "Describe the structure of an atom."),
    ("我们如何减少空气污染？", "How can we reduce air pollution?"),
    ("写一首关于月亮的诗", "Write a poem about the moon"),
    ("推荐一部电影", "Recommend a film"),
]


def write_encoder(
    folder: Path, vocabulary: list[str], rows: list[list[int]], scales: list[float]
) -> None:
    """Write a small encoder whose numbers, -7 to 7, are packed by hand: 8 added, two a byte."""
    packed = [
        [16 * (high + 8) + low + 8 for high, low in zip(row[::2], row[1::2], strict=True)]
        for row in rows
    ]
    save_file(
        {
            "packed": np.array(packed, dtype=np.uint8),
            "scales": np.array(scales, dtype=np.float16)[:, None],
        },
        folder / "model.safetensors",
    )
    (folder / "vocabulary.txt").write_text("".join(f"{word}\n" for word in vocabulary), "utf-8")
    (folder / "encoder.json").write_text('{"ngram_weight": 1.0}', "utf-8")


@pytest.fixture(scope="module")
def encoder() -> StaticEncoder:
    return StaticEncoder.from_assets()


@pytest.fixture(scope="module")
def folder() -> Path:
    with as_file(files("assay") / "assets" / "encoder") as path:
        return path


def test_a_paraphrase_is_nearer_than_every_other_sentence(encoder: StaticEncoder) -> None:
    left = encoder.encode([first for first, _ in PARAPHRASES])
    right = encoder.encode([second for _, second in PARAPHRASES])
    assert (left @ right.T).argmax(axis=1).tolist() == list(range(len(PARAPHRASES)))


def test_a_chinese_text_is_nearest_to_its_english_translation(encoder: StaticEncoder) -> None:
    chinese = encoder.encode([first for first, _ in TRANSLATIONS])
    english = encoder.encode([second for _, second in TRANSLATIONS])
    assert (chinese @ english.T).argmax(axis=1).tolist() == list(range(len(TRANSLATIONS)))


def test_a_vector_is_the_unit_sum_of_scaled_rows(tmp_path: Path) -> None:
    write_encoder(
        tmp_path,
        ["[UNK]", "dog", "bark", "##s"],
        [[0, 0], [7, 0], [-3, 4], [0, -2]],
        scales=[0, 2, 1, 0.5],
    )
    vectors = StaticEncoder.load(tmp_path).encode(["Dog dog barks"])
    total = np.array([14 + 14 - 3, 4 - 1])
    assert vectors[0] == pytest.approx(total / np.hypot(*total), abs=1e-6)


def unit_sum_of_signs(grams: list[str]) -> FloatArray:
    """Return what the n-grams add up to in eight dimensions, bit by bit."""
    total = np.zeros(8)
    for gram in grams:
        bits = hashlib.blake2b(gram.encode(), digest_size=1).digest()[0]
        total += [1 if bits >> (7 - place) & 1 else -1 for place in range(8)]
    return total / np.linalg.norm(total)


@pytest.mark.parametrize(
    ("text", "grams"),
    [
        ("мир", ["\x02ми", "мир", "ир\x02"]),
        ("cat", ["\x02ca", "cat", "at\x02"]),
        ("健康吗", ["健", "康", "吗", "健康", "康吗"]),
        ("😀", ["😀"]),
    ],
)
def test_an_unknown_word_is_the_sum_of_the_signs_of_its_ngrams(
    tmp_path: Path, text: str, grams: list[str]
) -> None:
    write_encoder(tmp_path, ["[UNK]"], [[0] * 8], scales=[0])
    marked = ["\x01" + gram for gram in grams]
    encoder = StaticEncoder.load(tmp_path)
    assert encoder.encode([text])[0] == pytest.approx(unit_sum_of_signs(marked), abs=1e-6)
    cut = encoder.encode_and_flag([text * 2], max_tokens=1)
    assert cut.truncated.all()
    assert cut.vectors[0] == pytest.approx(unit_sum_of_signs(marked[:1]), abs=1e-6)


def test_a_table_that_does_not_fit_its_vocabulary_is_refused(tmp_path: Path) -> None:
    write_encoder(tmp_path, ["[UNK]", "dog"], [[0, 0]], scales=[0])
    with pytest.raises(ModelLoadError, match="1 vectors for 2 tokens"):
        StaticEncoder.load(tmp_path)


def test_a_spelled_encoder_looks_up_only_unspaced_scripts(tmp_path: Path) -> None:
    write_encoder(tmp_path, ["[UNK]", "dog", "健康"], [[0] * 8, [7] * 8, [7] * 8], [0, 1, 1])
    plain, spelled = (StaticEncoder.load(tmp_path, spelled=flag) for flag in (False, True))
    assert plain.tokens("dog") == ("dog",)
    assert spelled.tokens("dog") == ("\x01\x02do", "\x01dog", "\x01og\x02")
    assert spelled.tokens("健康") == plain.tokens("健康") == ("健康",)
    assert plain.digest != spelled.digest


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("保持健康", [("保持", True), ("健康", True)]),
        ("保健康吗呢", [("保", False), ("健康", True), ("吗呢", False)]),
        ("健康快乐", [("健康快乐", True)]),
        ("吗", [("吗", False)]),
    ],
)
def test_the_longest_known_word_is_taken_from_the_left(
    run: str, expected: list[tuple[str, bool]]
) -> None:
    assert list(longest_matches(run, {"保持", "健康", "健康快乐"})) == expected


@pytest.mark.parametrize("script", SCRIPTS)
def test_different_texts_of_a_script_do_not_collapse(encoder: StaticEncoder, script: str) -> None:
    vectors = encoder.encode(SCRIPTS[script])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    cosines = (vectors @ vectors.T)[np.triu_indices(len(vectors), k=1)]
    assert cosines.max() < 0.8


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("如何保持身体健康？", "给出三个保持健康的秘诀。", "什么是三原色？"),
        ("Как сохранить здоровье?", "Дай совет о здоровье.", "Какие бывают цвета?"),
        ("เคล็ดลับสุขภาพที่ดี", "บอกเคล็ดลับสุขภาพ", "แม่สีสามสีคืออะไร"),
    ],
)
def test_shared_words_outside_english_bring_texts_nearer(
    encoder: StaticEncoder, text: str, near: str, far: str
) -> None:
    vectors = encoder.encode([text, near, far])
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.05


def test_a_row_has_the_same_bytes_alone_and_in_any_company(
    encoder: StaticEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = np.concatenate([encoder.encode([text]) for text in MIXED])
    together = encoder.encode(MIXED)
    reversed_order = encoder.encode(MIXED[::-1])[::-1]
    monkeypatch.setattr(static_encoder, "BLOCK_CHARACTERS", 50)
    in_blocks = encoder.encode(MIXED * 3)
    assert alone.tobytes() == together.tobytes() == reversed_order.tobytes()
    assert in_blocks.tobytes() == together.tobytes() * 3


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\ufeff"])
def test_only_a_text_without_tokens_has_the_zero_vector(encoder: StaticEncoder, text: str) -> None:
    assert not encoder.encode([text]).any()


@pytest.mark.parametrize("text", ["a", "!", "\x00", "\ud800", "\U0010ffff", "́", "ﬀ", "①"])
def test_any_visible_sign_has_a_unit_vector(encoder: StaticEncoder, text: str) -> None:
    assert np.linalg.norm(encoder.encode([text])) == pytest.approx(1, abs=1e-5)


def test_no_texts_give_an_empty_matrix(encoder: StaticEncoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dimension)


def test_a_text_beyond_the_limit_is_cut_and_flagged(encoder: StaticEncoder) -> None:
    long_text = "one two " * 125_000
    result = encoder.encode_and_flag([long_text, "one two"], max_tokens=2)
    assert result.truncated.tolist() == [True, False]
    assert result.vectors[0].tobytes() == result.vectors[1].tobytes()


def test_the_limit_counts_ngrams_too(encoder: StaticEncoder) -> None:
    result = encoder.encode_and_flag(["保持健康的秘诀" * 9, "保持"], max_tokens=20)
    assert result.truncated.tolist() == [True, False]


def test_a_million_characters_without_a_space_are_encoded(encoder: StaticEncoder) -> None:
    result = encoder.encode_and_flag(["q" * 1_000_000, "国" * 1_000_000])
    assert result.truncated.tolist() == [True, True]
    assert np.isfinite(result.vectors).all()


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("Give three tips for staying healthy.", 1.0, 1.0),
        ("给出三个保持健康的秘诀。", 1.0, 1.0),
        ("healthy здоровый!", 7 / 15, 7 / 15),
        ("สวัสดีครับ", 0.0, 0.0),
        ("zzyzxqwv blorptang", 0.0, 0.0),
        ("Café", 1.0, 1.0),
    ],
)
def test_coverage_is_the_share_of_letters_in_learned_words(
    encoder: StaticEncoder, text: str, low: float, high: float
) -> None:
    assert low <= encoder.coverage([text])[0] <= high


def test_coverage_of_a_chinese_run_counts_the_characters_of_known_words(tmp_path: Path) -> None:
    write_encoder(tmp_path, ["[UNK]", "健康"], [[0, 0], [7, 7]], scales=[0, 1])
    assert StaticEncoder.load(tmp_path).coverage(["保健康吗"]) == pytest.approx(0.5)


def test_coverage_of_a_text_without_letters_is_not_a_number(encoder: StaticEncoder) -> None:
    assert np.isnan(encoder.coverage(["", "12 + 3 !"])).all()


def test_width_case_and_accents_do_not_change_a_latin_text(encoder: StaticEncoder) -> None:
    plain, variant = encoder.encode(["cafe naive", "ＣＡＦÉ naïve"])
    assert plain.tobytes() == variant.tobytes()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't stop—café 3.14 foo_bar", "don ' t stop — café 3 . 14 foo _ bar"),
        ("使用Python3编程，你好！", "使用 python3 编程 , 你好 !"),
        ("สวัสดีครับ นี่", "สวัสดีครับ นี่"),
        ("नमस्ते दुनिया।", "नमस्ते दुनिया ।"),
        ("مرحبا؟ 👍🏽", "مرحبا ؟ 👍 🏽"),
    ],
)
def test_words_are_runs_of_one_kind_of_script(text: str, expected: str) -> None:
    assert words(text) == expected.split()


def test_a_million_characters_are_cut_into_words_of_bounded_length() -> None:
    assert {len(word) for word in words("q" * 1_000_000)} == {64}


def test_the_signs_of_different_ngrams_are_nearly_orthogonal() -> None:
    signs = hashed_signs([str(number) for number in range(200)], 256)
    cosines = (signs @ signs.T / 256)[np.triu_indices(200, k=1)]
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert abs(cosines.mean()) < 0.01
    assert cosines.std() == pytest.approx(256**-0.5, rel=0.1)


def test_the_assets_stay_within_eight_million_bytes(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 8_000_000


def test_the_digest_is_that_of_the_measured_files(encoder: StaticEncoder, folder: Path) -> None:
    measured = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert encoder.digest == measured["digest"] == assets_digest(folder)
    assert encoder.digest in (folder / "CARD.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["model.safetensors", "vocabulary.txt", "encoder.json"])
def test_a_missing_or_broken_file_is_named(folder: Path, tmp_path: Path, name: str) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_bytes(b"\xff{")
    with pytest.raises(ModelLoadError, match=tmp_path.name):
        StaticEncoder.load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ModelLoadError, match=tmp_path.name):
        StaticEncoder.load(tmp_path)
