"""How texts are cut before pairs of pieces are merged, by the name that a GGUF file gives it.

Each name stands for expressions that cut one after the other, each of them what those before left
whole. They are facts about the models' own tokenizers, as llama.cpp applies them: where the two
part (a model's own expression may tell capital letters of all scripts apart, llama.cpp those of
ASCII), this follows llama.cpp. All are compared with it on 1,000 texts.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class PreTokenizer(NamedTuple):
    """How texts are cut, and what else follows from the name.

    Attributes:
        patterns: expressions whose matches, and what lies between them, are merged apart.
        whole_words: whether a cut that is a token becomes that one, whatever the merges say.
        add_bos: whether a text begins with BOS, where the file does not say.
    """

    patterns: tuple[str, ...]
    whole_words: bool = False
    add_bos: bool = False


_SUFFIXES = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
_LINES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_WORD = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_NO_SMALL_LETTER, _NO_CAPITAL_LETTER = r"(?:(?=\p{L})[^a-z])", r"(?:(?=\p{L})[^A-Z])"
_SIGNS = r" ?[^\s\p{L}\p{N}]+[\r\n]*"
_UP_TO_THREE = r"\p{N}{1,3}"
_HAN_AND_KANA = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
_HAN_AND_HANGUL = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
_PHRASES = " ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+"
_CASED_LETTERS = (
    "A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293"
    "\u0295-\u02af\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c"
    "\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5"
    "\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77"
    "\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59"
    "\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc"
    "\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107"
    "\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139"
    "\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee"
    "\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e"
    "\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f"
    "\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2"
    "\U000118a0-\U000118df\U0001e900-\U0001e943"
)
"""Letters of scripts that have capitals, as DeepSeek's first tokenizer counts them."""


def _tiktoken(digits: str, *, suffixes: str = f"{_SUFFIXES}|", lines: str = _LINES) -> str:
    """Return the expression that tiktoken's tokenizers brought about, with its runs of digits."""
    return f"{suffixes}{_WORD}|{digits}|{_SIGNS}|{lines}"


def _by_case(digits: str, suffixes: str) -> str:
    """Return an expression that also cuts before a capital letter."""
    begin, capital, small = r"[^\r\n\p{L}\p{N}]?", _NO_SMALL_LETTER, _NO_CAPITAL_LETTER
    words = f"{begin}{capital}*{small}+{suffixes}|{begin}{capital}+{small}*{suffixes}"
    return rf"{words}|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_LINES}"


_MARKS_AND_WORDS = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"
    rf"|[^\r\n\p{{L}}\p{{P}}\p{{S}}]?[\p{{L}}\p{{M}}]+| ?[\p{{P}}\p{{S}}]+[\r\n]*|{_LINES}"
)
_QWEN35 = (
    rf"{_SUFFIXES}|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}"
    rf"| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{_LINES}"
)
_EXAONE_MOE = (
    rf"{_SUFFIXES}|[^\r\n\p{{L}}\p{{N}}]?(?:\p{{L}}\p{{M}}*(?: \p{{L}}\p{{M}}*)*)+|\p{{N}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"
)
_POWERS = "".join(rf"\s{{{1 << power}}}(?!\S)|" for power in range(9, 1, -1))

_LLAMA3 = PreTokenizer((_tiktoken(_UP_TO_THREE),), whole_words=True, add_bos=True)
_DIGITS_BY_THREE = PreTokenizer((_tiktoken(_UP_TO_THREE),))
_ONE_DIGIT = PreTokenizer((_tiktoken(r"\p{N}"),))
_WORDS = PreTokenizer((_GPT2,))
_DIGITS_AND_WORDS = PreTokenizer((r"\p{N}", _GPT2))
_DEEPSEEK_V3 = PreTokenizer((_UP_TO_THREE, _HAN_AND_KANA, _MARKS_AND_WORDS))
_BLOOM = PreTokenizer((_PHRASES,))
_GPT4O = PreTokenizer((_by_case(_UP_TO_THREE, f"{_SUFFIXES}?"),))
_BAILING = PreTokenizer(
    (
        "'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|"
        + _tiktoken(r"\p{N}", suffixes="", lines=r"\s*[\r\n]|\s+(?!\S)|\s+"),
    )
)


def _named(names: str, found: PreTokenizer) -> Iterable[tuple[str, PreTokenizer]]:
    return ((name, found) for name in names.split())


PRE_TOKENIZERS: Mapping[str, PreTokenizer] = dict(
    (
        *_named("gpt-2 phi-2 gigachat a.x-4.0 mellum exaone4 mpt olmo jais trillion", _WORDS),
        *_named("granite-docling", _WORDS),
        *_named("smollm starcoder refact command-r codeshell exaone minerva-7b", _DIGITS_AND_WORDS),
        *_named("llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2", _LLAMA3),
        *_named("dbrx smaug-bpe glm4 chatglm-bpe", _DIGITS_BY_THREE),
        *_named("qwen2 deepseek-r1-qwen megrez stablelm2 hunyuan solar-open grok-2", _ONE_DIGIT),
        *_named("deepseek-v3 hunyuan-dense joyai-llm", _DEEPSEEK_V3),
        *_named("poro-chat bloom gpt3-finnish", _BLOOM),
        *_named("gpt-4o llama4 minimax-m2", _GPT4O),
        *_named("bailingmoe bailingmoe2 llada-moe", _BAILING),
    )
) | {
    "qwen35": PreTokenizer((_QWEN35,)),
    "deepseek-llm": PreTokenizer(
        (
            r"[\r\n]",
            rf"\s?[{_CASED_LETTERS}]+",
            "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+",
            r"\s+$",
            _HAN_AND_HANGUL,
            r"\p{N}+",
        )
    ),
    "deepseek-coder": PreTokenizer(
        (r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", _HAN_AND_HANGUL, r"\p{N}")
    ),
    "falcon": PreTokenizer((r"[\p{P}\$\+<=>\^~\|`]+", _GPT2, "[0-9][0-9][0-9]")),
    "default": PreTokenizer((r"[\p{P}\$\+<=>\^~\|]+", _GPT2, r"\p{N}+", "[0-9][0-9][0-9]")),
    "viking": PreTokenizer((_PHRASES, r"\p{N}")),
    "tekken": PreTokenizer((_by_case(r"\p{N}", ""),), whole_words=True, add_bos=True),
    "seed-coder": PreTokenizer(
        (rf"{_SUFFIXES}|{_WORD}|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|{_LINES}",)
    ),
    "superbpe": PreTokenizer((r"\p{N}+", r"(?=(\d{3})+(?!\d))")),
    "exaone-moe": PreTokenizer((_EXAONE_MOE,)),
    "jais-2": PreTokenizer(
        (_tiktoken(_UP_TO_THREE, lines=rf"\s*[\r\n]+|{_POWERS}\s{{1,2}}(?!\S)|\s{{1}}"),)
    ),
}
"""Those that are known, by name."""
