"""Numbers and codes as a person says them."""

from collections.abc import Sequence

_NAMES = """
af Afrikaans|am Amharic|ar Arabic|az Azerbaijani|be Belarusian|bg Bulgarian|bn Bengali|bo Tibetan|
bs Bosnian|ca Catalan|cs Czech|cy Welsh|da Danish|de German|dv Dhivehi|el Greek|en English|
eo Esperanto|es Spanish|et Estonian|eu Basque|fa Persian|fi Finnish|fr French|ga Irish|gl Galician|
gu Gujarati|he Hebrew|hi Hindi|hr Croatian|hu Hungarian|hy Armenian|id Indonesian|is Icelandic|
it Italian|ja Japanese|ka Georgian|kk Kazakh|km Khmer|kn Kannada|ko Korean|ky Kyrgyz|lo Lao|
lt Lithuanian|lv Latvian|mk Macedonian|ml Malayalam|mn Mongolian|mr Marathi|ms Malay|my Burmese|
ne Nepali|nl Dutch|no Norwegian|or Odia|pa Punjabi|pl Polish|ps Pashto|pt Portuguese|ro Romanian|
ru Russian|si Sinhala|sk Slovak|sl Slovene|so Somali|sq Albanian|sr Serbian|sv Swedish|sw Swahili|
ta Tamil|te Telugu|th Thai|tl Tagalog|tr Turkish|uk Ukrainian|ur Urdu|uz Uzbek|vi Vietnamese|
zh Chinese|und no language
"""
LANGUAGE_NAMES = dict(entry.split(" ", 1) for entry in _NAMES.replace("\n", "").split("|"))
_FRACTIONS = (
    (1 / 4, "a quarter"), (1 / 3, "one third"), (1 / 2, "half"), (2 / 3, "two thirds"),
    (3 / 4, "three quarters"),
)  # fmt: skip
_NEAR = 0.01


def language_name(code: str) -> str:
    """Return a language's name, or its code as it is."""
    return LANGUAGE_NAMES.get(code, code) or "not stated"


def percent(share: float | None) -> str:
    """Return a share in per cent with no more digits than it deserves; a dash without one."""
    if share is None:
        return "-"
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    digits = 1 if share < 0.1 or share > 0.99 else 0
    text = f"{100 * share:.{digits}f}"
    return f"{text.removesuffix('.0')} %"


def part(share: float) -> str:
    """Return a share in words where one fits within a point, else in per cent."""
    if share == 1:
        return "all"
    for value, words in _FRACTIONS:
        if abs(share - value) <= _NEAR:
            return words
    return percent(share)


def amount(value: float) -> str:
    """Return a large number to three digits, a small one whole."""
    for size, unit in ((1e9, " billion"), (1e6, " million")):
        if value >= 0.9995 * size:
            return f"{value / size:.3g}{unit}"
    if value >= 10_000:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:,.0f}"


def quantity(value: float) -> str:
    """Return a measured number with as many digits as a reader needs."""
    if value >= 1e6:
        return amount(value)
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
