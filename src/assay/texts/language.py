"""In which script and language a text is written, decided row by row.

Scripts that serve one language decide it; the rest is left to py3langid, restricted to the
languages below, with a weight on English and Russian where a short text could be a neighbour's.
"""

import re
from collections.abc import Sequence
from functools import cache
from operator import itemgetter

import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from assay.samples import IndexArray

COMMON_SCRIPT = "Common"
UNDETERMINED = "und"
JUDGED_CHARACTERS = 200
"""How much of a text is read; more changes next to nothing and costs time."""

_CODES = """
af ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja
ka kk km kn ko ky lo lt lv mk ml mn mr ms mt my ne nl no pa pl ps pt ro ru si sk sl so sq sr sv sw
ta te tg th tl tr uk ur uz vi zh
"""
LANGUAGES = tuple(_CODES.split())
"""What py3langid may answer, ISO 639-1: rarer languages draw more short English texts than own."""

# A short text that could as well be a neighbour's is the great language's this many times more
# often. Without it "Calculate 3 + 4" is Romanian.
_WEIGHTS = {"en": 4.0, "ru": 4.0}
_CERTAIN = 0.8  # no weight can turn a probability above 4 / 5
_MINIMUM_PROBABILITY = 0.1
_MINIMUM_LETTERS = 3
_JAPANESE_KANA_SHARE = 0.2

_ENOUGH_LETTERS = re.compile(rf"(?:[^\W\d_][\W\d_]*){{{_MINIMUM_LETTERS}}}")
_HAS_LETTER = re.compile(r"[^\W\d_]")

_SCRIPT_BLOCKS: tuple[tuple[int, int, str], ...] = (
    (0x0041, 0x005A, "Latin"),
    (0x0061, 0x007A, "Latin"),
    (0x00AA, 0x00AA, "Latin"),
    (0x00BA, 0x00BA, "Latin"),
    (0x00C0, 0x00D6, "Latin"),
    (0x00D8, 0x00F6, "Latin"),
    (0x00F8, 0x02B8, "Latin"),
    (0x0370, 0x03FF, "Greek"),
    (0x0400, 0x052F, "Cyrillic"),
    (0x0531, 0x058A, "Armenian"),
    (0x0591, 0x05F4, "Hebrew"),
    (0x0600, 0x06FF, "Arabic"),
    (0x0700, 0x074F, "Syriac"),
    (0x0750, 0x077F, "Arabic"),
    (0x0780, 0x07B1, "Thaana"),
    (0x08A0, 0x08FF, "Arabic"),
    (0x0900, 0x097F, "Devanagari"),
    (0x0980, 0x09FF, "Bengali"),
    (0x0A00, 0x0A7F, "Gurmukhi"),
    (0x0A80, 0x0AFF, "Gujarati"),
    (0x0B00, 0x0B7F, "Oriya"),
    (0x0B80, 0x0BFF, "Tamil"),
    (0x0C00, 0x0C7F, "Telugu"),
    (0x0C80, 0x0CFF, "Kannada"),
    (0x0D00, 0x0D7F, "Malayalam"),
    (0x0D80, 0x0DFF, "Sinhala"),
    (0x0E01, 0x0E5B, "Thai"),
    (0x0E80, 0x0EFF, "Lao"),
    (0x0F00, 0x0FFF, "Tibetan"),
    (0x1000, 0x109F, "Myanmar"),
    (0x10A0, 0x10FF, "Georgian"),
    (0x1100, 0x11FF, "Hangul"),
    (0x1200, 0x139F, "Ethiopic"),
    (0x1780, 0x17FF, "Khmer"),
    (0x1800, 0x18AF, "Mongolian"),
    (0x1C90, 0x1CBF, "Georgian"),
    (0x1E00, 0x1EFF, "Latin"),
    (0x1F00, 0x1FFF, "Greek"),
    (0x3005, 0x3007, "Han"),
    (0x3041, 0x30FF, "Kana"),
    (0x3105, 0x312F, "Bopomofo"),
    (0x3131, 0x318E, "Hangul"),
    (0x31F0, 0x31FF, "Kana"),
    (0x3400, 0x4DBF, "Han"),
    (0x4E00, 0x9FFF, "Han"),
    (0xA960, 0xA97F, "Hangul"),
    (0xAC00, 0xD7FB, "Hangul"),
    (0xF900, 0xFAFF, "Han"),
    (0xFB1D, 0xFB4F, "Hebrew"),
    (0xFB50, 0xFDFF, "Arabic"),
    (0xFE70, 0xFEFC, "Arabic"),
    (0xFF21, 0xFF3A, "Latin"),
    (0xFF41, 0xFF5A, "Latin"),
    (0xFF66, 0xFF9D, "Kana"),
    (0x20000, 0x323AF, "Han"),
)
SCRIPTS = (COMMON_SCRIPT, *sorted({name for _, _, name in _SCRIPT_BLOCKS}))
"""Names that `script` gives; Kana is Hiragana and Katakana together."""

_SCRIPT_LANGUAGE = {
    "Greek": "el",
    "Armenian": "hy",
    "Hebrew": "he",
    "Gurmukhi": "pa",
    "Gujarati": "gu",
    "Bengali": "bn",
    "Tamil": "ta",
    "Telugu": "te",
    "Kannada": "kn",
    "Malayalam": "ml",
    "Sinhala": "si",
    "Thai": "th",
    "Lao": "lo",
    "Myanmar": "my",
    "Georgian": "ka",
    "Khmer": "km",
    "Hangul": "ko",
    "Kana": "ja",
    "Thaana": "dv",
    "Oriya": "or",
    "Tibetan": "bo",
    "Ethiopic": "am",
    "Bopomofo": "zh",
}

_STARTS = np.array([low for low, _, _ in _SCRIPT_BLOCKS])
_ENDS = np.array([high for _, high, _ in _SCRIPT_BLOCKS])
_BLOCK_SCRIPTS = np.array([SCRIPTS.index(name) for _, _, name in _SCRIPT_BLOCKS])
_LATIN, _HAN, _KANA = (SCRIPTS.index(name) for name in ("Latin", "Han", "Kana"))


def _script_counts(text: str) -> IndexArray:
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    blocks = np.searchsorted(_STARTS, points, side="right") - 1
    inside = (blocks >= 0) & (points <= _ENDS[blocks])
    return np.bincount(_BLOCK_SCRIPTS[blocks[inside]], minlength=len(SCRIPTS))


def script(text: str) -> str:
    """Return the script of most of the text's characters, one of `SCRIPTS`.

    Ties go to the name first in the alphabet. "Common" if no character belongs to a script, as in
    numbers, punctuation and emoji.
    """
    if text.isascii():
        return "Latin" if _HAS_LETTER.search(text) else COMMON_SCRIPT
    return SCRIPTS[int(_script_counts(text).argmax())]


@cache
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    return identifier


def _language_of_words(text: str) -> str:
    language, probability = _identifier().classify(text)
    if language not in _WEIGHTS and probability < _CERTAIN:
        ranking = ((code, p * _WEIGHTS.get(code, 1.0)) for code, p in _identifier().rank(text))
        language, probability = max(ranking, key=itemgetter(1))
    return str(language) if probability >= _MINIMUM_PROBABILITY else UNDETERMINED


def _language_of_script(text: str) -> str | None:
    counts = _script_counts(text)
    han, kana = int(counts[_HAN]), int(counts[_KANA])
    dominant = SCRIPTS[int(counts.argmax())]
    if dominant in {"Han", "Kana"}:
        return "ja" if kana >= _JAPANESE_KANA_SHARE * (han + kana) else "zh"
    return _SCRIPT_LANGUAGE.get(dominant)


def detect_language(text: str, *, characters: int = JUDGED_CHARACTERS) -> str:
    """Return the language of the beginning of `text` as ISO 639-1, or "und".

    "und" means that there is nothing to judge, as in a formula, or that no language is likely. A
    text in two languages gets one of them; source code counts as the language of its words,
    mostly English.

    Args:
        text: what to judge.
        characters: how much of it is read, from the start.
    """
    beginning = text[:characters]
    language = None if beginning.isascii() else _language_of_script(beginning)
    if language is not None:
        return language
    return _language_of_words(beginning) if _ENOUGH_LETTERS.search(beginning) else UNDETERMINED


def detect_languages(texts: Sequence[str], *, characters: int = JUDGED_CHARACTERS) -> list[str]:
    """Return `detect_language` of each text, in order. Safe to call from several threads."""
    return [detect_language(text, characters=characters) for text in texts]
