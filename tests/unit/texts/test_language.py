import gzip
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assay.texts.language import detect_language, detect_languages, script

SHARED = Path(__file__).parents[3] / "../shared/data"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, 世界", "Latin"),
        ("世界 你好 ok", "Han"),
        ("Привет", "Cyrillic"),
        ("مرحبا", "Arabic"),
        ("ひらがなとカタカナ", "Kana"),
        ("안녕하세요", "Hangul"),
        ("γειά", "Greek"),
        ("नमस्ते", "Devanagari"),
        ("สวัสดี", "Thai"),
        ("½ × ÷ ¿ «»", "Common"),
        ("3 + 4 = 7", "Common"),
        ("🎉🎉", "Common"),
        ("", "Common"),
        ("𠮷", "Han"),
    ],
)
def test_script_is_the_one_of_most_characters(text: str, expected: str) -> None:
    assert script(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Give three tips for staying healthy.", "en"),
        ("Donne trois conseils pour rester en bonne santé.", "fr"),
        ("Schreibe ein Gedicht über den Herbst.", "de"),
        ("Escribe un poema sobre el otoño.", "es"),
        ("Skriv en dikt om hösten.", "sv"),
        ("Napisz wiersz o jesieni.", "pl"),
        ("Viết một bài thơ về mùa thu.", "vi"),
        ("Напиши стихотворение об осени.", "ru"),
        ("Напиши вірш про осінь.", "uk"),
        ("اكتب قصيدة عن الخريف.", "ar"),
        ("شعری درباره پاییز بنویس.", "fa"),
        ("पतझड़ पर एक कविता लिखो।", "hi"),
        ("给出三个建议。", "zh"),
        ("三つのヒントをください。", "ja"),
        ("세 가지 팁을 주세요.", "ko"),
        ("บอกเคล็ดลับสามข้อ", "th"),
        ("Δώσε τρεις συμβουλές.", "el"),
        ("תן שלושה טיפים.", "he"),
        ("你好", "zh"),
    ],
)
def test_language_of_short_instructions(text: str, expected: str) -> None:
    assert detect_language(text) == expected


@pytest.mark.parametrize(
    "text",
    ["Calculate 3 + 4 - 1.", "Name a desert biome.", "Convert 25m to km.", "Name 3 US cities"],
)
def test_short_english_is_not_taken_for_a_neighbour(text: str) -> None:
    assert detect_language(text) == "en"


@pytest.mark.parametrize(
    "text", ["", "  \n", "42", "6 + 3 = ?", "x = 1", "ã = 3", "ы", "🎉", "!!!"]
)
def test_text_without_words_is_undetermined(text: str) -> None:
    assert detect_language(text) == "und"


def test_chinese_that_quotes_japanese_stays_chinese() -> None:
    assert (
        detect_language("「ありがとう」这个词在日语中表示感谢，请写一篇文章介绍它的来源和用法。")
        == "zh"
    )


def test_only_the_beginning_is_read() -> None:
    text = "Bonjour tout le monde, voici un texte en français. " + "This part is English. " * 50
    assert detect_language(text, characters=50) == "fr"
    assert detect_language(text, characters=1000) == "en"


def test_threads_see_the_same_languages() -> None:
    texts = ["Give three tips.", "Donne trois conseils pour la santé.", "给出三个建议。", ""] * 25
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(detect_languages, [texts] * 8))
    assert answers == [["en", "fr", "zh", "und"] * 25] * 8


def _rows(name: str) -> list[dict[str, str]]:
    text = gzip.decompress((SHARED / name).read_bytes()).decode()
    rows: list[dict[str, str]] = (
        json.loads(text)
        if text.startswith("[")
        else [json.loads(line) for line in text.splitlines()]
    )
    return rows[:: max(1, len(rows) // 2000)]


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("alpaca_data.json.gz", "en"),
        ("alpaca_zh_20k.jsonl.gz", "zh"),
        ("code_alpaca_2k.json.gz", "en"),
    ],
)
def test_pool_of_one_language_is_recognised(name: str, language: str) -> None:
    texts = [f"{row['instruction']}\n{row['output']}" for row in _rows(name)]
    counts = Counter(detect_languages(texts))
    assert counts[language] >= 0.995 * len(texts)
