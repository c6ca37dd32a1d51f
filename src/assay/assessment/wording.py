"""Languages as a person says them."""

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


def language_name(code: str) -> str:
    """Return a language's name, or its code as it is."""
    return LANGUAGE_NAMES.get(code, code) or "not stated"
