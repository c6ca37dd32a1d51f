"""How many demands an instruction makes, read off its words in English and in Chinese.

What is counted are phrases that restrict the answer, besides the task itself: how long it may be,
what form or order it has, what it must hold or avoid, for whom and in what manner it is written.
One phrase of a sentence counts once for each kind, so "in at most 50 words, without adjectives"
is two. What is asked about the world is no demand: in "what should I visit" and "why can't a cat"
the subject comes after the verb, as it never does where the answer is told what to be.
"""

import re
from collections.abc import Mapping

_MOST_CHARACTERS = 20_000
"""Characters that are looked at; what follows them is material, and no instruction."""

_NUMBER = r"(?:\d[\d,]{0,8}|one|two|three|four|five|six|seven|eight|nine|ten|a few|several|single)"
_UNITS = (
    r"(?:words?|characters?|letters?|sentences?|paragraphs?|lines?|stanzas?|bullet points?|points?"
    r"|items?|examples?|steps?|pages?|syllables?|tokens?|reasons?|sections?|columns?|rows?)"
)
_NOT_ASKED = (
    r"(?!\s+(?:i|we|you|he|she|they|it|one|someone|people|there|this|that|these|those|an?|the|my|our"
    r"|your|his|her|their|its)\b)"
)
"""What no subject follows, as it does in a question."""
_ENGLISH: Mapping[str, str] = {
    "amount": rf"\b{_NUMBER}(?:[ -]to[ -]|[ -]or[ -]|\s*-\s*|[ -])?(?:{_NUMBER}[ -])?{_UNITS}\b"
    rf"|\b{_UNITS}\s+long\b",
    "bound": r"\b(?:at (?:least|most)|no (?:more|fewer|less|longer|shorter) than|(?:more|fewer"
    r"|less) than \d|up to \d|exactly|within \d|limit(?:ed)? to|maximum"
    r"|minimum|under \d+|over \d+)\b",
    "form": r"\b(?:in(?: an?| the)?(?: \w+){0,2} (?:form(?:at)?|list|table|json|xml|yaml|csv|html"
    r"|markdown|style of)|as an? (?:\w+ )?(?:list|table|json|poem|letter|email|script|dialogue"
    r"|haiku|sonnet|report|essay|outline)|bullet(?:ed|s)|numbered|headings?|titles? each|bold"
    r"|italics?|uppercase|lowercase|capital letters|marker|separated by|quotation marks"
    r"|brackets)\b",
    "must": rf"\b(?:(?:must|should|shall)\b{_NOT_ASKED}|(?:needs? to|ha(?:s|ve) to|make sure|ensure"
    r"|be sure|required?|remember to)\b)",
    "hold": r"\b(?:includ(?:e|es|ing)|contain(?:s|ing)?|mention(?:s|ing)?|incorporat(?:e|es|ing)"
    r"|using(?: only)?|use (?:the|only)|with the (?:words?|phrase)|add(?:ing)?|cover(?:s|ing)?"
    r"|cit(?:e|es|ing)|start(?:s|ing)? with|begin(?:s|ning)? with|end(?:s|ing)? with)\b",
    "avoid": rf"\b(?:(?:don't|doesn't|can't)\b{_NOT_ASKED}|do not|never|without|avoid(?:s|ing)?"
    r"|exclud(?:e|es|ing)|except|cannot|nor|rather than|instead of|no [a-z]+s)\b",
    "only": r"\bonly\b",
    "manner": r"\b(?:in (?:the|an?) (?:\w+ ){0,3}(?:style|tone|voice|manner|way|persona|language"
    r"|perspective)|as if|pretend|imagine (?:you|that)|from the (?:point of view|perspective)"
    r"|(?:formal|informal|friendly|humorous|poetic|persuasive|professional|concise|brief)(?:ly)?"
    r"|rhym(?:e|es|ing)|(?:first|second|third)[ -]person|(?:past|present|future) tense"
    r"|in (?:english|french|german|spanish|chinese|japanese|italian))\b",
    "reader": r"\b(?:suitable for|aimed at|targeted at|intended for|for (?:a|an) (?:\w+ ){0,2}"
    r"(?:audience|readers?|child|beginner|expert)|understandable (?:to|by))\b",
    "order": r"\b(?:first(?:ly)?,|then,|finally,|in (?:the|this|given|alphabetical|chronological"
    r"|descending|ascending)(?: \w+)? order|followed by|sorted by|step[ -]by[ -]step)\b",
}  # fmt: skip
_CHINESE: Mapping[str, str] = {
    "amount": "[\\d一二三四五六七八九十两几百千]{1,8}\\s{0,2}"
    "(?:个?字|句|段|行|条|点|种|步|个(?:部分|方面|步骤|例子|要点))|\\d{1,8}\\s{0,2}个",
    "bound": "不(?:超过|少于|多于|低于|高于)|至少|最多|以内|以上|左右|限制|恰好|不得",
    "form": "格式|形式|列表|表格|json|JSON|xml|XML|markdown|Markdown|标题|编号|分点|标记|加粗",
    "must": "必须|应该|应当|需要|要求|确保|保证|务必|一定要|请注意",
    "hold": "包括|包含|含有|提到|提及|加入|使用|以.{1,12}开头|以.{1,12}结尾|引用",
    "avoid": "不要|不能|不可|不用|避免|除了|切勿|禁止|不使用|不出现|不含|不包含",
    "only": "仅|只(?:能|需|要|输出|返回)",
    "manner": "风格|语气|口吻|视角|角度|扮演|假设你|假装|想象你|用(?:中文|英文|英语|日语|法语)"
    "|翻译成|押韵|简洁|幽默|正式",
    "reader": "面向|适合|针对|读者|听众",
    "order": "首先|然后|最后|依次|按照?.{0,8}顺序|逐步|步骤",
}  # fmt: skip

_english = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _ENGLISH.items()}
_chinese = {kind: re.compile(pattern) for kind, pattern in _CHINESE.items()}
_han = re.compile("[\u4e00-\u9fff]").search
_sentence_end = re.compile(r"[.!?;\n]+(?=\s|$)|[\u3002\uff01\uff1f\uff1b\uff0c\n]+|,\s")
KINDS = tuple(_ENGLISH)
"""What may be demanded: an amount, a bound, a form, a duty, what to hold or avoid, and so on."""


def demanded(text: str) -> dict[str, int]:
    """Return how many clauses of a text make a demand of each of `KINDS`.

    Args:
        text: an instruction; what goes beyond 20,000 characters is not looked at.
    """
    text = text[:_MOST_CHARACTERS]
    languages = (_english, _chinese) if _han(text) else (_english,)
    clauses = _sentence_end.split(text)
    counts = dict.fromkeys(KINDS, 0)
    for kind in KINDS:
        # Most texts show few kinds, so the whole is looked at before its clauses.
        shown = [found for patterns in languages if (found := patterns[kind].search)(text)]
        if shown:
            counts[kind] = sum(any(search(clause) for search in shown) for clause in clauses)
    return counts


def count_demands(text: str) -> int:
    """Return how many demands an instruction makes, of all kinds together."""
    return sum(demanded(text).values())
