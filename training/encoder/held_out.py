"""The rows that measure the encoder, none of which it was trained on.

Alpaca, LIMA, Code Alpaca, BELLE and Django's messages are read to measure and for nothing else.
"""

import gettext
import json
import re
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import corpus

LONGEST = 1200

DJANGO_LANGUAGES = (
    "zh_Hans", "ja", "ko", "th", "ru", "uk", "bg", "el", "ar", "fa", "he", "hi",
    "vi", "tr", "fi", "hu", "pl", "cs", "de", "fr", "es", "it", "pt",
)  # fmt: skip


_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w+\}|&\w+;")


@dataclass(frozen=True)
class Aligned:
    """Texts of one language and the English texts they translate, row by row."""

    name: str
    texts: list[str]
    english: list[str]


def alpaca_text(row: dict[str, str]) -> str:
    """Return instruction, input and answer of an Alpaca row, cut at `LONGEST`."""
    return corpus.joined(row["instruction"], row["input"], row["output"])[:LONGEST]


def _read_json(path: Path) -> list[dict[str, str]]:
    return json.loads(path.read_text(encoding="utf-8"))


def english_sets(data: Path) -> dict[str, list[str]]:
    """Return the English and code sets by name."""
    dolly = corpus.dolly_rows(data, held_out=True)
    lima = [json.loads(line) for line in (data / "lima_train.jsonl").open(encoding="utf-8")]
    return {
        "dolly_held_out": [
            corpus.joined(row["instruction"], row["context"], row["response"])[:LONGEST]
            for row in dolly
        ],
        "dolly_held_out_instructions": [row["instruction"] for row in dolly],
        "lima": [corpus.joined(*row["conversations"][:2])[:LONGEST] for row in lima],
        "alpaca": [alpaca_text(row) for row in _read_json(data / "alpaca_data.json")[30000::11]],
        "code_alpaca": [alpaca_text(row) for row in _read_json(data / "code_alpaca_2k.json")],
    }


def chinese_alpaca(data: Path) -> Aligned:
    """Return every fourth Chinese Alpaca row of the first file and the row it translates."""
    chinese = corpus.read_json_lines(data / "alpaca_zh_20k.jsonl")[:10_021:4]
    english = _read_json(data / "alpaca_data.json")[:10_021:4]
    return Aligned(
        "alpaca_zh", [alpaca_text(row) for row in chinese], [alpaca_text(row) for row in english]
    )


def django_messages(language: str) -> Aligned:
    """Return the 600 longest messages of the installed Django, placeholders taken out."""
    found: dict[str, str] = {}
    root = Path(sysconfig.get_path("purelib")) / "django"
    for path in sorted(root.glob(f"**/locale/{language}/LC_MESSAGES/*.mo")):
        with path.open("rb") as stream:
            catalogue = gettext.GNUTranslations(stream)._catalog
        for key, message in catalogue.items():
            original = (key[0] if isinstance(key, tuple) else key).rpartition("\x04")[2]
            text, translation = (_PLACEHOLDER.sub("", side) for side in (original, message))
            if len(text) > 3 and translation and text != translation:
                found.setdefault(text, translation)
    kept = sorted(found, key=lambda text: (-len(text), text))[:600]
    return Aligned(language, [found[text] for text in kept], kept)


def whole_texts(data: Path) -> dict[str, list[str]]:
    """Return texts without a translation, for finding a text's second half by its first."""
    poems = [
        json.loads(line)["content"] for line in (data / "zh_poems_1k.jsonl").open(encoding="utf-8")
    ]
    belle = [alpaca_text(row) for row in corpus.read_json_lines(data / "belle_1k.jsonl")]
    return {"zh_poems": poems, "belle": belle}
