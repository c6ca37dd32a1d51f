"""What can be measured on a text without any model: words, lexical diversity, compression.

All functions are pure and row-wise. Diversity measures take words, so that any tokenizer can feed
them; `words` is the default one and makes sense in every script.
"""

import re
import string
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
from tokenizers import Tokenizer

from assay.samples import IndexArray, Reason, Scores

RELIABLE_WORDS = 50
"""Below this many words MTLD and HD-D are noise and deserve a flag."""

RELIABLE_BYTES = 64
"""Below this many bytes a compressor's count is coarse and deserves a flag."""

COMPRESSION_LEVEL = 9
PROMPT_SEPARATOR = "\n\n"

_TOKENIZER_BLOCK = 2048

# Scripts written without spaces between words: a run of their letters says nothing about words.
_UNSPACED = (
    "\u0e00-\u0e4f\u0e5a\u0e5b"  # Thai, digits apart
    "\u0e80-\u0ecf\u0eda-\u0eff"  # Lao, digits apart
    "\u1000-\u103f\u104a-\u108f\u109a-\u109f\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f"  # Myanmar
    "\u1780-\u17df"  # Khmer, digits apart
    "\u3005-\u3007\u3021-\u3029\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"  # Kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Han
    "\uff66-\uff9f\U0001b000-\U0001b16f"  # half-width and historic Kana
)
_RARE_HAN = "\U00020000-\U000323af"
_LAST_MIXED_PLANE = 0x1FFFF  # planes 2 and 3 hold nothing but Han
_ASCII_WORD = re.compile(r"\w+(?:'\w+)*", re.ASCII)

_LEXICALRICHNESS_TABLE = str.maketrans(
    dict.fromkeys("0123456789-\u2013\u2014")
    | {character: " " for character in string.punctuation if character != "-"}
)


def _as_ranges(code_points: Iterable[int]) -> str:
    """Return the inside of a regular expression's character class for ascending `code_points`."""
    ranges: list[list[int]] = []
    for point in code_points:
        if ranges and point == ranges[-1][1] + 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(f"{re.escape(chr(low))}-{re.escape(chr(high))}" for low, high in ranges)


@cache
def _word_pattern() -> re.Pattern[str]:
    # Python's \w leaves out combining marks, which would cut every Hindi or Arabic word to pieces.
    is_unspaced = re.compile(f"[{_UNSPACED}]").match
    points: dict[str, list[int]] = {"mark": [], "unspaced": [], "spaced": []}
    for point in range(_LAST_MIXED_PLANE + 1):
        character = chr(point)
        if character.isalnum() or character == "_":
            points["unspaced" if is_unspaced(character) else "spaced"].append(point)
        elif unicodedata.category(character)[0] == "M":
            points["mark"].append(point)
    mark, unspaced, spaced = (_as_ranges(points[kind]) for kind in ("mark", "unspaced", "spaced"))
    one_character = f"[{unspaced}{_RARE_HAN}][{mark}]*"
    return re.compile(f"[{spaced}][{spaced}{mark}]*(?:['\u2019][{spaced}{mark}]+)*|{one_character}")


def words(text: str) -> list[str]:
    """Return the words of `text` as written, in order.

    A word is a run of letters, digits, underscores and combining marks, with apostrophes inside it.
    Scripts written without spaces (Han, Kana, Thai, Lao, Khmer, Myanmar) give one word per
    character together with its marks, so that counts mean something in every language.
    Punctuation, symbols and emoji are no words.
    """
    return (_ASCII_WORD if text.isascii() else _word_pattern()).findall(text)


def count_words(text: str) -> int:
    """Return how many `words` the text has."""
    return len(words(text))


def count_characters(text: str) -> int:
    """Return the length in Unicode code points, white space at both ends left out."""
    return len(text.strip())


def lexicalrichness_words(text: str) -> list[str]:
    """Return words as the LexicalRichness package prepares them, for comparison with its numbers.

    Lower case; digits and dashes are deleted (so "hyphen-here" is one word), ASCII punctuation
    becomes a space, and white space separates. Meaningless in scripts without spaces.
    """
    return text.lower().translate(_LEXICALRICHNESS_TABLE).split()


def token_counts(texts: Sequence[str], tokenizer: Tokenizer) -> IndexArray:
    """Return the length of each text in tokens of `tokenizer`, special tokens left out.

    Truncation and padding that the tokenizer's file asks for are ignored; the tokenizer passed in
    is left as it is.

    Returns:
        Shape (n,), int64.
    """
    if tokenizer.truncation is not None or tokenizer.padding is not None:
        tokenizer = Tokenizer.from_str(tokenizer.to_str())
        tokenizer.no_truncation()
        tokenizer.no_padding()
    counts = np.empty(len(texts), dtype=np.int64)
    for start in range(0, len(texts), _TOKENIZER_BLOCK):
        block = list(texts[start : start + _TOKENIZER_BLOCK])
        encodings = tokenizer.encode_batch_fast(block, add_special_tokens=False)
        counts[start : start + len(block)] = [len(encoding) for encoding in encodings]
    return counts


def type_token_ratio(text_words: Sequence[str]) -> float | None:
    """Return distinct words over words, in (0, 1]; None without words."""
    return len(set(text_words)) / len(text_words) if text_words else None


def _mtld_one_way(text_words: Iterable[str], count: int, threshold: float) -> float:
    factors = 0.0
    seen: set[str] = set()
    length = 0
    for word in text_words:
        length += 1
        seen.add(word)
        if len(seen) / length <= threshold:
            factors += 1
            seen.clear()
            length = 0
    if length:
        factors += (1 - len(seen) / length) / (1 - threshold)
    return count / factors if factors else float(count)


def mtld(text_words: Sequence[str], threshold: float = 0.72) -> float | None:
    """Return the mean run of words over which the type-token ratio stays above `threshold`.

    The rest after the last full run counts as the part of a run that its ratio has covered; a text
    without any repeated word gets its own length. Mean of the forward and the backward reading.
    Under `RELIABLE_WORDS` words the number is noise.

    Args:
        text_words: the words, folded as the caller wants them compared.
        threshold: type-token ratio that ends a run, in (0, 1).

    Returns:
        Length in words, at least 1; None without words.

    Source:
        McCarthy & Jarvis 2010, "MTLD, vocd-D, and HD-D"; runs of any length count as factors.
    """
    count = len(text_words)
    if not count:
        return None
    forward = _mtld_one_way(text_words, count, threshold)
    backward = _mtld_one_way(reversed(text_words), count, threshold)
    return (forward + backward) / 2


def hdd(text_words: Sequence[str], draws: int = 42) -> float | None:
    """Return the expected type-token ratio of `draws` words drawn without replacement.

    Args:
        text_words: the words, folded as the caller wants them compared.
        draws: sample size, at least 1.

    Returns:
        A number in (0, 1]; None with fewer words than `draws`.

    Source:
        McCarthy & Jarvis 2007, "vocd: a theoretical and empirical evaluation", pages 465 and 466:
        sum over types of (1 - P(no occurrence in the sample)) / draws, hypergeometric.
    """
    count = len(text_words)
    if count < draws:
        return None
    types_by_frequency = Counter(Counter(text_words).values())
    total = 0.0
    absent = 1.0
    drawn_from = 0
    for frequency in sorted(types_by_frequency):
        # P(absent) for frequency f is that for f - 1 times (N - n - f + 1) / (N - f + 1).
        while drawn_from < frequency and absent:
            absent *= (count - draws - drawn_from) / (count - drawn_from)
            drawn_from += 1
        total += types_by_frequency[frequency] * (1 - absent)
    return total / draws


def compressed_length(data: bytes, *, level: int = COMPRESSION_LEVEL) -> int:
    """Return the length in bytes of `data` as a raw DEFLATE stream.

    Raw: the six bytes that zlib wraps around it (header and checksum) are the same for all texts
    and would drown short ones.
    """
    # wbits -15: no header, largest window.
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    return len(compressor.compress(data)) + len(compressor.flush())


def compression_ratio(text: str) -> float | None:
    """Return compressed over uncompressed bytes of UTF-8: the lower, the more repetitive.

    Very short texts come out above 1; None for an empty text. The inverse of the ratio that ZIP
    (arXiv 2407.06645) ranks by.
    """
    data = text.encode()
    return compressed_length(data) / len(data) if data else None


def compression_ifd(
    prompt: str,
    response: str,
    *,
    separator: str = PROMPT_SEPARATOR,
    level: int = COMPRESSION_LEVEL,
) -> float | None:
    """Return the share of the response's information that the prompt does not already give.

    (C(Q + separator + A) - C(Q)) / C(A), where C is `compressed_length` of UTF-8: what
    instruction-following difficulty asks of a language model, asked of a compressor. Around 1 the
    prompt is no help, near 0 the response repeats it. Any language, no model. Our own measure.

    Matches reach back 32 KiB: of a longer prompt only the end can help.

    Args:
        prompt: Q.
        response: A.
        separator: what stands between the two.
        level: zlib's level, 1 to 9.

    Returns:
        Usually in [0, 1]; short texts stray outside. None where either text is blank.
    """
    if not prompt.strip() or not response.strip():
        return None
    question = prompt.encode()
    both = question + separator.encode() + response.encode()
    gain = compressed_length(both, level=level) - compressed_length(question, level=level)
    return gain / compressed_length(response.encode(), level=level)


def compression_ifd_scores(
    prompts: Sequence[str],
    responses: Sequence[str],
    *,
    separator: str = PROMPT_SEPARATOR,
    level: int = COMPRESSION_LEVEL,
) -> Scores:
    """Return `compression_ifd` of every row, and why where a row has none.

    Args:
        prompts: n texts.
        responses: n texts.
        separator: as in `compression_ifd`.
        level: as in `compression_ifd`.

    Returns:
        Scores of n rows; reasons are EMPTY_RESPONSE, also where both are blank, and EMPTY_PROMPT.
    """
    values = np.full(len(responses), np.nan)
    reasons = np.zeros(len(responses), dtype=np.uint8)
    for row, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
        value = compression_ifd(prompt, response, separator=separator, level=level)
        if value is not None:
            values[row] = value
        else:
            reasons[row] = Reason.EMPTY_PROMPT if response.strip() else Reason.EMPTY_RESPONSE
    return Scores(values, reasons)
