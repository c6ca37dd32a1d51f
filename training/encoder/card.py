"""The model card, written from the figures that `measure.py` found."""

from collections.abc import Mapping
from typing import Any

Figures = Mapping[str, Any]

WIDE = "hashed_4096"

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
| Digest | `{digest}` |
| Length of a vector | {dimension} |
| Teacher | sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), from the package `{package}` |
| Licence | Apache-2.0, made from the sources below |
| Made by | `training/encoder/distil.py --seed {seed}`; measured by `training/encoder/measure.py` |

## What it was made from

| Source | Licence | Texts | Characters |
|--|--|--|--|
{sources}

The teacher's vectors of these texts are what the word vectors were fitted to; no text is stored.
Only Chinese words come from glosses: each has the teacher's vector of its English gloss.

## What it covers

`coverage(texts)` gives the share of a text's letters that lie in words of the learned table. What
the table does not hold is never dropped: a Latin word falls into its pieces, anything else into
hashed character n-grams, whose vectors are fixed patterns of signs. So the rule per text is that
each word counts by what is known of it, and where fewer than half of the letters are covered the
n-grams decide.

All figures are on rows that no training step saw. *Agreement* is Spearman's correlation of the
cosines of {pairs:,} random pairs with the teacher's; *neighbours* is the share of the teacher's ten
nearest rows that are among our ten nearest. "Hashed {dimension}" and "hashed 4096" are signed
hashing of characters, pairs and triples into so many places.

### English and code

{english}
### Other languages

The reference is the teacher on the English rows that these texts translate. `django_*` are the
600 longest interface messages of Django in a language, which are short: agreement is low for
every encoder. Better of the two at the same length in bold.

{translations}
On the first {blind_rows} Chinese Alpaca rows the teacher itself, which knows no Chinese, has
agreement {blind_spearman} and neighbours {blind_recall}.

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
        f"| Rows | n | coverage | encoder | hashed {dimension} | hashed 4096 |",
        "|--|--|--|--|--|--|",
    ]
    for name, row in rows.items():
        ours, same = _cell(row, "encoder"), _cell(row, "hashed_same_length")
        if row["encoder"]["recall_at_10"] >= row["hashed_same_length"]["recall_at_10"]:
            ours = f"**{ours}**"
        else:
            same = f"**{same}**"
        lines.append(
            f"| {SET_NAMES.get(name, f'`{name}`')} | {row['rows']} | {row['coverage']:.2f} "
            f"| {ours} | {same} | {_cell(row, WIDE)} |"
        )
    return "\n".join(lines) + "\n"


def _halves(rows: Mapping[str, Figures], dimension: int) -> str:
    lines = [f"| Rows | n | encoder | hashed {dimension} | hashed 4096 |", "|--|--|--|--|--|"]
    lines += [
        f"| `{name}` | {row['rows']} | {row['encoder']:.3f} | {row['hashed_same_length']:.3f} "
        f"| {row[WIDE]:.3f} |"
        for name, row in rows.items()
    ]
    return "\n".join(lines) + "\n"


def _better_hashed(rows: Mapping[str, Figures], name: str) -> list[str]:
    return [
        key
        for key, row in rows.items()
        if row[name]["recall_at_10"] > row["encoder"]["recall_at_10"]
    ]


def _advice(figures: Figures) -> str:
    rows = {**figures["english"], **figures["translations"]}
    same, wide = _better_hashed(rows, "hashed_same_length"), _better_hashed(rows, WIDE)
    return (
        f"Hashed n-grams of the same length find more neighbours on: {_listed(same)}.\n"
        f"Hashed n-grams of 4,096 places find more neighbours on: {_listed(wide)}.\n"
        "For a pool mostly of texts that the table does not cover take a sentence-transformers "
        "model of their language.\n"
    )


def _source(source: Figures) -> str:
    sizes = f"{source['texts']:,} | {source['characters']:,}"
    return f"| {source['name']} | {source['licence']} | {sizes} |"


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none of these rows"


def card(figures: Figures, provenance: Figures, pairs: int) -> str:
    """Return the card's text from the figures and from what `distil.py` noted."""
    blind = figures["teacher_outside_english"]
    sources = "\n".join(map(_source, provenance["sources"]))
    return _HEAD.format(
        digest=figures["digest"],
        dimension=figures["dimension"],
        package=provenance["teacher"]["package"],
        seed=provenance["seed"],
        sources=sources,
        pairs=pairs,
        english=_comparison(figures["english"], figures["dimension"]),
        translations=_comparison(figures["translations"], figures["dimension"]),
        blind_rows=blind["rows"],
        blind_spearman=blind["teacher_on_chinese"]["spearman"],
        blind_recall=blind["teacher_on_chinese"]["recall_at_10"],
        halves=_halves(figures["halves_at_10"], figures["dimension"]),
        advice=_advice(figures),
    )
