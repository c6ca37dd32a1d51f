"""The model card, written from the figures that `measure.py` found."""

from collections.abc import Mapping
from typing import Any

Figures = Mapping[str, Any]

SAME = "hashed_same_length"
WIDE = "hashed_4096"
COMPARED = ("encoder", "encoder_spelled", SAME, WIDE)

LICENCE = (
    "Apache-2.0, but CC BY-SA 4.0 for `vocabulary.txt`, whose choice of words comes from CC-CEDICT "
    "(MDBG and its contributors) and wordfreq (Robyn Speer and its sources)"
)

POOL_COVERAGE = 0.5
"""Mean coverage of a pool below which the spelled encoder is the one to use."""

SET_NAMES = {
    "dolly_held_out": "Dolly, held-out tenth, whole rows",
    "dolly_held_out_instructions": "Dolly, held-out tenth, instructions alone",
    "lima": "LIMA, first turn and answer",
    "alpaca": "Alpaca, every 11th row from 30,000",
    "code_alpaca": "Code Alpaca (English and code)",
}

_HEAD = """\
# Model card: `assay:encoder`

A static sentence encoder: each word has one learned vector, a text's vector is their sum at unit
length. It needs no network, no GPU and no deep-learning library.

| | |
|--|--|
| Digest | `{digest}`; spelled: `{digest_spelled}` |
| Length of a vector | {dimension} |
| Teacher | sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), from the package `{package}` |
| Licence | {licence} |
| Made by | `training/encoder/distil.py --seed {seed}`; measured by `training/encoder/measure.py` |

## What it was made from

| Source | Licence | Texts | Characters |
|--|--|--|--|
{sources}

The word vectors were fitted to the teacher's vectors of these texts, which are not stored. Chinese
words were not fitted: each has the teacher's vector of its English gloss.

## What it covers

`coverage(texts)` gives the share of a text's letters that lie in words of the learned table. What
the table does not hold is never dropped: a Latin word falls into its pieces, anything else into
hashed character n-grams, whose vectors are fixed patterns of signs. So each word counts by what
is known of it, and where few letters are covered the n-grams decide.

**Rule for pools.** Where the mean coverage of a pool is below one half, use the spelled encoder
(`StaticEncoder.from_assets(spelled=True)`): words of scripts written with spaces count by their
n-grams alone, those of Chinese as before. The rule is for the pool as a whole, since texts encoded
in two ways are not comparable.

All figures are on rows that no training step saw. *Agreement* is Spearman's correlation of the
cosines of {pairs:,} random pairs with the teacher's; *neighbours* is the share of the teacher's ten
nearest rows that are among our ten nearest. "Hashed {dimension}" and "hashed 4096" are signed
hashing of characters, pairs and triples into so many places.

### English and code

{english}
### Other languages

The reference is the teacher on the English rows that these texts translate. `django_*` are the
600 longest interface messages of Django in a language, which are short: agreement is low for
every encoder. In bold what the rule for pools uses.

{translations}
On the first {blind_rows} Chinese Alpaca rows the teacher itself, which knows no Chinese, has
agreement {blind_spearman} and neighbours {blind_recall}.

A Chinese Alpaca row finds the English row that it translates as its nearest of {cross_rows} in
{cross:.1%} of cases; by hashed n-grams of the same length in {cross_hashed:.1%}.

### A text's second half found by its first

Share of texts whose second half is among the ten nearest to their first half.

{halves}
## What to use instead

{advice}
## Limits

* Word order does not count: "dog bites man" and "man bites dog" have the same vector.
* Negation and numbers weigh little. It finds texts on the same subject, not the same answer.
* Upper and lower case, accents of Latin words and width variants are not told apart.
* Vectors of texts in languages without learned words say what characters they share, no more.
* Code is read as words and signs; its layout does not count.
"""


def _cell(row: Figures, name: str) -> str:
    return f"{row[name]['spearman']:.3f} / {row[name]['recall_at_10']:.3f}"


def _comparison(rows: Mapping[str, Figures], dimension: int) -> str:
    lines = [
        f"| Rows | n | coverage | encoder | spelled | hashed {dimension} | hashed 4096 |",
        "|--|--|--|--|--|--|--|",
    ]
    for name, row in rows.items():
        cells = {key: _cell(row, key) for key in COMPARED}
        cells[_used(row)] = f"**{cells[_used(row)]}**"
        title = SET_NAMES.get(name, f"`{name}`")
        lines.append(
            f"| {title} | {row['rows']} | {row['coverage']:.2f} | "
            + " | ".join(cells.values())
            + " |"
        )
    return "\n".join(lines) + "\n"


def _used(row: Figures) -> str:
    return "encoder" if row["coverage"] >= POOL_COVERAGE else "encoder_spelled"


def _halves(rows: Mapping[str, Figures], dimension: int) -> str:
    lines = [
        f"| Rows | n | encoder | spelled | hashed {dimension} | hashed 4096 |",
        "|--|--|--|--|--|--|",
    ]
    for name, row in rows.items():
        cells = " | ".join(f"{row[key]:.3f}" for key in COMPARED)
        lines.append(f"| `{name}` | {row['rows']} | {cells} |")
    return "\n".join(lines) + "\n"


def _behind(rows: Mapping[str, Figures], name: str) -> list[str]:
    found = "recall_at_10"
    return [key for key, row in rows.items() if row[name][found] > row[_used(row)][found]]


def _advice(figures: Figures) -> str:
    rows = {**figures["english"], **figures["translations"]}
    same, wide = _behind(rows, SAME), _behind(rows, WIDE)
    return (
        "By neighbours found, what the rule uses is behind hashed n-grams of the same length on: "
        f"{_listed(same)}; behind 4,096 places, at sixteen times the memory, on: {_listed(wide)}.\n"
        "For a pool mostly of texts that the table does not cover a sentence-transformers model of "
        "their language is the better choice.\n"
    )


def _source(source: Figures) -> str:
    sizes = f"{source['texts']:,} | {source['characters']:,}"
    return f"| {source['name']} | {source['licence']} | {sizes} |"


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none of these rows"


def card(figures: Figures, provenance: Figures, pairs: int) -> str:
    """Return the card's text from the figures and from what `distil.py` noted."""
    blind = figures["teacher_outside_english"]
    cross = figures["chinese_to_english"]
    sources = "\n".join(map(_source, provenance["sources"]))
    return _HEAD.format(
        digest=figures["digest"],
        digest_spelled=figures["digest_spelled"],
        dimension=figures["dimension"],
        package=provenance["teacher"]["package"],
        seed=provenance["seed"],
        licence=LICENCE,
        sources=sources,
        pairs=pairs,
        english=_comparison(figures["english"], figures["dimension"]),
        translations=_comparison(figures["translations"], figures["dimension"]),
        blind_rows=blind["rows"],
        blind_spearman=blind["teacher_on_chinese"]["spearman"],
        blind_recall=blind["teacher_on_chinese"]["recall_at_10"],
        cross_rows=cross["rows"],
        cross=cross["encoder"],
        cross_hashed=cross[SAME],
        halves=_halves(figures["halves_at_10"], figures["dimension"]),
        advice=_advice(figures),
    )
