"""What people filter texts by: refusals, boilerplate, HTML, addresses.

Each mark counts places in a text. None of them is certain; `docs/how-to/filter.md` says how often
each was wrong on real data.
"""

import re
from typing import NamedTuple

_NOT = r"(?:can't|cannot|can not|unable|not able|won't|not allowed|not permitted)"
_I_WILL_NOT = r"i (?:can't|cannot|can not|won't|will not|must decline to|am not going to)"
_MORE = r"(?:questions?|help|assistance|anything else|clarification)"
_DO_IT = (
    r"(?:help (?:you )?with|assist|provide|fulfil|comply|generate|create|engage|discuss|produce"
    r"|draw|display|perform|develop|browse|support"
    r"|(?:answer|complete) (?:this|that|your))"
)
_AN_AI = r"as an? (?:ai|artificial intelligence|(?:large )?language model)\b"
_REFUSALS = (
    rf"\b(?:i'm|i am) (?:(?:very|really|so|truly) )?(?:sorry|afraid)\b[^.!?\n]{{0,40}}?\b{_NOT}\b",
    rf"\b(?:i'm|i am) (?:unable|not able|not allowed|not permitted) to {_DO_IT}",
    rf"\b{_I_WILL_NOT} {_DO_IT}",
    rf"\b{_AN_AI}[^.!?\n]{{0,80}}?\b(?:{_NOT}|do not have|don't have|not capable)\b",
    r"\bno puedo (?:ayudar|proporcionar|cumplir|generar)",
    r"\bje ne peux pas (?:vous )?(?:aider|fournir|répondre|accéder)",
    r"\bich kann (?:(?:dir|ihnen|das) )?(?:dabei )?(?:leider )?nicht (?:helfen|weiterhelfen)",
    r"\bnão posso (?:ajudar|fornecer|cumprir)",
    r"\bя не могу (?:помочь|предоставить|выполнить|ответить)",
    r"(?:对不起|抱歉)[,\uff0c]?(?:但|作为[^\uff0c。]{0,16}[,\uff0c])?我?(?:不能|无法|没有办法)",
    r"作为(?:一个|一名|一款)?(?:AI|人工智能)[^。\n]{0,20}(?:不能|无法|没有)",
    r"申し訳(?:ありません|ございません)が[^。\n]{0,30}(?:できません|いたしかねます)",
    r"죄송(?:합니다|하지만)[^.\n]{0,30}(?:수 없습니다|어렵습니다)",
)
_BOILERPLATE = (
    rf"\b{_AN_AI}",
    r"\bi (?:do not|don't) have personal (?:opinions|beliefs|experiences|feelings|preferences)",
    r"\b(?:knowledge|training) cut-?\s?off\b",
    r"\bi hope (?:this|that|it) (?:helps|was helpful|answers)",
    rf"\b(?:let me know|feel free to (?:ask|reach out|contact))\b[^.!?\n]{{0,40}}\b{_MORE}",
    r"\bis there anything else (?:i|you|that)\b",
    r"(?:^|\n)\s*(?:sure|certainly|of course|absolutely)[!,.]\s+(?:here|i'd be|i can)",
    r"\bthank you for (?:your question|asking|reaching out)",
    r"\bregenerate response\b",
    r"作为(?:一个|一名|一款)?(?:AI|人工智能|语言模型)",
    r"希望(?:这|以上)[^。\n]{0,12}(?:帮助|有用)",
)
_REFUSAL = re.compile("|".join(_REFUSALS), re.IGNORECASE)
_STOCK_PHRASE = re.compile("|".join(_BOILERPLATE), re.IGNORECASE)
_HTML = re.compile(
    r"</?(?:a|abbr|article|aside|b|blockquote|body|br|button|center|cite|code|col|dd|div|dl|dt|em|"
    r"figure|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|kbd|label|li|link|main|"
    r"meta|nav|ol|option|p|pre|s|script|section|select|small|span|strong|style|sub|sup|table|tbody|"
    r"td|textarea|tfoot|th|thead|title|tr|u|ul|video)(?:\s[^<>]*)?/?>"
    r"|&(?:nbsp|amp|lt|gt|quot|#\d{2,5}|#x[0-9a-f]{2,5});",
    re.IGNORECASE,
)
_URL = re.compile(r"\b(?:https?://|ftp://|www\.)[^\s<>\"'()\[\]{}|\\^`]*[^\s<>\"'()\[\]{}|\\^`.,;:!?]",
                  re.IGNORECASE)  # fmt: skip
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.)+[^\W\d_]{2,24}\b")
_WRITTEN_AS_PHONE = re.compile(r"(?=.*[^\d\s]|\S+\s)[^/]+", re.DOTALL)
_MAY_BE_A_PHONE = re.compile(r"\d(?:[^\w\n]{0,3}\d){6}")


class Marks(NamedTuple):
    """How often a text shows each mark."""

    refusals: int
    boilerplate: int
    html: int
    urls: int
    emails: int
    phones: int


def marks(text: str) -> Marks:
    """Return how often a text shows each mark."""
    plain = text.replace("\u2019", "'")
    return Marks(
        refusals=_count(_REFUSAL, plain),
        boilerplate=_count(_STOCK_PHRASE, plain),
        html=_count(_HTML, text) if "<" in text or "&" in text else 0,
        urls=_count(_URL, text) if "/" in text or "." in text else 0,
        emails=_count(_EMAIL, text) if "@" in text else 0,
        phones=phone_numbers(text) if _MAY_BE_A_PHONE.search(text) else 0,
    )


def phone_numbers(text: str) -> int:
    """Return how many phone numbers libphonenumber finds: valid ones, written as such.

    Numbers without a country are read as American ones.
    """
    from phonenumbers import Leniency, PhoneNumberMatcher  # noqa: PLC0415  takes 0.1 s

    found = PhoneNumberMatcher(text, "US", leniency=Leniency.STRICT_GROUPING)
    # A bare run of digits is more often another number, and a slash a division.
    return sum(1 for match in found if _WRITTEN_AS_PHONE.fullmatch(match.raw_string))


def _count(pattern: re.Pattern[str], text: str) -> int:
    return sum(1 for _ in pattern.finditer(text))
