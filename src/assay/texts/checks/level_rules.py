"""Rules by level: a text of level n is to keep the first n rules of what it answers.

They are those of FollowBench's published checker for what has no single right answer, in English
and in Chinese; most of them name words of one question.
"""

import re
import string
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

LEVELS = 5
Tongue = Literal["en", "zh"]
Rule: TypeAlias = Callable[[str], bool]
Ladder: TypeAlias = Callable[[Tongue, int], list[Rule]]
"""Returns the rules of a level, the one of the first level first."""

_english_end = re.compile(r"[.!?]")
_chinese_end = re.compile(r"[\u3002\uff01\uff1f]")
_numbered = re.compile(r"\d+\.").match
_being = re.compile(r"\b(?:am|is|are)\s+\w+ing\b").search
_having = re.compile(r"\b(?:has|have)\s+\w").search
_point = re.compile(r"\*\*\d").search
_point_end = re.compile(r"(?<!\w\.\w.)(?<![A-Z][a-z]\.)(?<=\.|\?)\s")
_CHINESE_SIGNS = frozenset(string.punctuation + "\uff0c\u3002\uff1a\u2019\u201c\u201d")
_SIGNS = frozenset(string.punctuation)


def sentences(text: str, tongue: Tongue) -> list[str]:
    """Return what stands between full stops, exclamation and question marks, empty pieces left out.

    White space is a piece, too: a blank after the last stop counts as one more.
    """
    end = _english_end if tongue == "en" else _chinese_end
    return [piece for piece in end.split(text) if piece]


def _has(word: str, tongue: Tongue) -> Rule:
    if tongue == "zh":
        return lambda text: word in text
    pattern = re.compile(rf"\b{re.escape(word)}\b")
    return lambda text: pattern.search(text) is not None


def _lacks(word: str, tongue: Tongue) -> Rule:
    found = _has(word, tongue)
    return lambda text: not found(text)


def _sentence(place: int, rule: Rule, tongue: Tongue) -> Rule:
    """Return whether there is a sentence of a place, and the rule holds of it."""

    def holds(text: str) -> bool:
        found = sentences(text, tongue)
        return len(found) >= place and rule(found[place - 1])

    return holds


def _sentence_count(count: int, tongue: Tongue) -> Rule:
    return lambda text: len(sentences(text, tongue)) == count


def _length(text: str, tongue: Tongue) -> int:
    """Return words of English between single blanks, or all characters of Chinese."""
    return len(text.split(" ")) if tongue == "en" else len(text)


def _shorter(most: int, tongue: Tongue) -> Rule:
    return lambda text: _length(text, tongue) <= most


def _sentence_length(text: str, tongue: Tongue) -> int:
    return len(text.split()) if tongue == "en" else len(text)


def _cnn_dailymail(tongue: Tongue) -> list[Rule]:
    english = tongue == "en"
    words = ("Potter", "actor", "films") if english else ("波特", "演员", "电影")
    placed = [_sentence(at, _has(word, tongue), tongue) for at, word in enumerate(words, start=1)]
    lavish = _sentence(2, _has("lavish" if english else "奢侈", tongue), tongue)
    tense: Rule = (lambda text: _having(text) is not None) if english else _has("了", tongue)
    return [
        _sentence_count(3, tongue),
        lambda text: all(_sentence_length(each, tongue) < 15 for each in sentences(text, tongue)),
        lambda text: all(rule(text) for rule in placed),
        lambda text: not lavish(text),
        _sentence(3, tense, tongue),
    ]


def _xsum(tongue: Tongue) -> list[Rule]:
    english = tongue == "en"
    return [
        _sentence_count(1, tongue),
        _shorter(19, tongue),
        _lacks("Newton Stewart" if english else "牛顿斯图尔特", tongue),
        (lambda text: _being(text) is not None) if english else _has("在", tongue),
        _has("operation" if english else "操作", tongue),
    ]


def _samsum(tongue: Tongue) -> list[Rule]:
    english = tongue == "en"
    signs = _SIGNS if english else _CHINESE_SIGNS
    return [
        _sentence_count(1, tongue),
        _shorter(14, tongue),
        _has("stuff" if english else "琐碎的", tongue),
        (lambda text: "procrast" not in text.lower()) if english else _lacks("拖沓的", tongue),
        lambda text: sum(sign in signs for sign in text) == 1,
    ]


def _gigaword(tongue: Tongue) -> list[Rule]:
    english = tongue == "en"
    signs = _SIGNS if english else _CHINESE_SIGNS
    return [
        lambda text: _length(text, tongue) == 8,
        signs.isdisjoint,
        str.islower if english else lambda text: not any(map(str.isnumeric, text)),
        _lacks("bus" if english else "公交车", tongue),
        _has("in" if english else "在", tongue),
    ]


def _arxiv(tongue: Tongue) -> list[Rule]:
    english = tongue == "en"
    return [
        _sentence_count(1, tongue),
        _shorter(20, tongue),
        lambda text: text.startswith("We" if english else "我们"),
        _has("activations" if english else "激活", tongue),
        _lacks("transformer", tongue),
    ]


def _paragraph_rules(tongue: Tongue) -> list[Rule]:
    ending = "Those are suggestions" if tongue == "en" else "这些是建议"

    def short(text: str) -> bool:
        paragraphs = text.split("\n\n")
        few = [len(sentences(paragraph, tongue)) < 3 for paragraph in paragraphs[:3]]
        return len(few) == 3 and all(few)

    def numbered(text: str) -> bool:
        paragraphs = [paragraph.lstrip() for paragraph in text.split("\n\n")]
        return all(_numbered(paragraph) for paragraph in paragraphs if paragraph)

    return [
        lambda text: len(text.split("\n\n")) == 3,
        short,
        lambda text: all(_sentence_length(each, tongue) > 20 for each in sentences(text, tongue)),
        numbered,
        lambda text: text.endswith(ending),
    ]


def three_paragraphs(tongue: Tongue, level: int) -> list[Rule]:
    """Return the rules of advice in three paragraphs; the closing words of level 5 are a fourth."""
    rules = _paragraph_rules(tongue)[:level]
    if level == LEVELS:
        rules[0] = lambda text: len(text.split("\n\n")) == 4
    return rules


def five_points(tongue: Tongue, level: int) -> list[Rule]:
    """Return the rules of a speech in five points, which are of English."""
    return _point_rules()[:level]


def _point_rules() -> list[Rule]:
    def points(text: str) -> list[str]:
        numbers = [f"{number}." for number in range(1, 6)]
        return [each for each in _split_points(text) if any(n in each for n in numbers)]

    return [
        lambda text: "**" in text,
        lambda text: sum(map(_keywords_in, text.split("\n"))) == 5,
        lambda text: all(len(point.split(".")) < 3 for point in points(text)),
        lambda text: all(10 <= len(each.split()) <= 15 for each in _split_points(text)),
        lambda text: not any(word.endswith("-ly") for word in text.split()),
    ]


def _split_points(text: str) -> list[str]:
    return _point_end.split(text)


def _keywords_in(line: str) -> int:
    """Return how many points of a line are a number after two asterisks, a keyword and a colon."""
    count = 0
    found = _point(line)
    while found is not None:
        colon = line.find(":", found.end() + 1)
        if colon < 0:
            break
        count += 1
        found = _point(line, colon + 1)
    return count


MIXED: Mapping[str, Ladder] = {
    "cnn_dailymail": lambda tongue, level: _cnn_dailymail(tongue)[:level],
    "xsum": lambda tongue, level: _xsum(tongue)[:level],
    "samsum": lambda tongue, level: _samsum(tongue)[:level],
    "gigaword": lambda tongue, level: _gigaword(tongue)[:level],
    "arxiv": lambda tongue, level: _arxiv(tongue)[:level],
}
"""Rules of summaries, by the source of the question."""
