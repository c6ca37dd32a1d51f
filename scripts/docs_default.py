"""The page on the default of `assay select`: what it does, and the evidence it was chosen by."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from inspect import cleandoc
from pathlib import Path
from typing import Any

from scripts import docs_default_tables as tables
from scripts.docs_benchmarks import measured_on
from scripts.docs_default_evidence import (
    HEADLINE,
    LONGEST,
    RANDOM,
    SPOILED_BUDGETS,
    WIDE,
    Compared,
    Evidence,
    percent,
    signed,
)
from scripts.docs_default_picture import picture
from scripts.docs_text import page, table

PAGE = Path("concepts/default.md")
PICTURE = PAGE.with_suffix(".svg")
_NOT_YET = "not measured yet"


def default_pages() -> dict[Path, Callable[[], str]]:
    """Return what makes the page and its picture, by their places under docs/."""
    evidence = Evidence.read()
    return {PAGE: partial(default_page, evidence), PICTURE: partial(picture, evidence)}


def default_page(evidence: Evidence) -> str:
    """Return the page."""
    return page(
        "# The default, and why",
        *_what_it_does(evidence),
        *_side_by_side(evidence),
        *_conditions(evidence),
        *_candidates(evidence),
        *_judge(evidence),
        *_spoiled(evidence),
        *_lengths(evidence),
        *_tuned(evidence),
        *_limits(evidence),
    )


Blocks = Iterator[str | list[str]]


def _what_it_does(evidence: Evidence) -> Blocks:
    described = evidence.candidates[evidence.default]
    quality = described["quality"]
    yield cleandoc(f"""
        Without a method `assay select` takes
        [facility location](../methods/facility_location.md) over embeddings of the prompts by
        `assay:encoder`, weighed (`trade_off: {described["trade_off"]}`) against
        [substance](../methods/substance.md), the mean of a row's ranks by

        * [compression IFD](../methods/compression_ifd.md): the answer says something that the
          question does not give away. From {quality["enough_new"]} on more counts for nothing;
          at 1 and above, and where the answer is too short to tell, a row is not eligible.
        * [relevance](../methods/relevance.md): the answer speaks of what was asked. It tells apart
          the least relevant {percent(quality["least_relevant"], 0)} of the rows; for all others
          more counts for nothing.
        * [length of the answer](../methods/longest_response.md) in tokens. From
          {quality["enough_tokens"]:g} on more counts for nothing.

        **What it trades for what.** It prefers answers that are long enough, to the point and new
        over short ones, and questions unlike each other over more of the same. It leaves out short
        answers, such as classifications, extractions and rewrites that repeat their input: **do not
        use it for pools whose point these are**. And it costs more tokens: at {HEADLINE} a row of
        its choice holds {evidence.text(evidence.default):.2f} times the text of a row of the pool
        (the longest answers: {evidence.text(LONGEST):.2f} times; the mean over
        {_listed(evidence.shapes)}).
    """)


def _side_by_side(evidence: Evidence) -> Blocks:
    yield "## Side by side"
    yield cleandoc(f"""
        All at a budget of {HEADLINE}. *Rated above the pool*: points of a judge on
        {evidence.judged["rows"]:,} rows, by which the mean of what is taken exceeds that of all.
        *Spoiled*: share of the selection that is spoiled where
        {percent(evidence.spoiled_share, 0)} of the pool is. *Tiny answers*: fewer than
        {evidence.content["tiny"]} characters (the pools: {percent(evidence.tiny_in_pools)}). *Text
        per row*: beside the pool's. {_losses_explained(evidence)}
    """)
    yield tables.overview(evidence, tables.short(evidence))
    yield (
        "![Candidates by a judge's rating and by spoiled rows taken, and by losses of tuned models "
        f"where measured]({PICTURE.name})"
    )
    yield "### Where the yardsticks disagree"
    yield tables.places(evidence)
    above, below = tables.told_apart(evidence, HEADLINE)
    yield cleandoc(f"""
        Of the judge's differences at {HEADLINE} only those beyond
        \N{PLUS-MINUS SIGN}{WIDE * evidence.rating_error():.2f} can be told from chance. Above:
        {_listed(above)}. Below: {_listed(below)}.
    """)


def _losses_explained(evidence: Evidence) -> str:
    if not evidence.comparisons:
        return ""
    return (
        "*LIMA* and *own rows*: loss of a tuned model, in nats per token, minus the loss after "
        "random rows; less is better."
    )


def _conditions(evidence: Evidence) -> Blocks:
    yield "### What the default has to hold"
    yield table(["Condition", "Held?"], list(_held(evidence)))
    held = [name for name in evidence.candidates if evidence.holds(name)]
    yield cleandoc(f"""
        The first conditions, on tiny answers, ratings and spoiled rows, are held by {len(held)} of
        the {len(evidence.candidates)} candidates: {_listed(held)}.
    """)


def _held(evidence: Evidence) -> Iterator[tuple[str, str]]:
    default = evidence.default
    more, below = evidence.more_tiny(default), evidence.not_above(default)
    yield (
        "never more tiny answers than the pool, on any pool at any budget",
        _verdict(not more, f"more on {_listed(more)}"),
    )
    yield (
        f"rated above the pool at {_listed(evidence.judged['standard_error_of_random'])}",
        _verdict(not below, f"not at {_listed(below)}"),
    )
    spoiled = evidence.more_spoiled(default)
    yield (
        f"fewer spoiled rows than random, on every pool at {_listed(SPOILED_BUDGETS)}",
        _verdict(not spoiled, f"not on {_listed(spoiled)}") + _worst_kinds(evidence),
    )
    yield from _held_by_models(evidence)
    better = [name for name in (RANDOM, LONGEST) if _dominates(evidence, name)]
    yield (
        "neither random nor longest is better on every yardstick",
        _verdict(not better, f"{_listed(better)}"),
    )


def _worst_kinds(evidence: Evidence) -> str:
    kinds = [
        f"{kind} at {budget} ({percent(taken)})"
        for kind in evidence.kinds
        for budget in SPOILED_BUDGETS
        if (taken := evidence.taken(evidence.default, [kind], budget)) >= evidence.spoiled_share
    ]
    return f"; over the pools, these kinds are above: {_listed(kinds)}" if kinds else ""


def _held_by_models(evidence: Evidence) -> Iterator[tuple[str, str]]:
    found = [c for c in evidence.comparisons if c.facts["axis"] == "samples" and c.target]
    if not found:
        yield "below random on LIMA at equal rows, if any candidate is", _NOT_YET
    for compared in found:
        losses = compared.losses[compared.target or ""]
        lower = [
            name
            for name, loss in losses.items()
            if loss.high is not None and loss.high < 0 and name in evidence.candidates
        ]
        own = losses.get(evidence.default)
        yield (
            f"below random on LIMA at equal rows, if any candidate is ({compared.label})",
            _verdict(not lower or evidence.default in lower, "not told apart or above")
            + (f": {own.words}" if own else "")
            + f". Told apart below random: {_listed(lower)}",
        )


def _dominates(evidence: Evidence, name: str) -> bool:
    pairs = [(of(name), of(evidence.default)) for _, of in tables.yardsticks(evidence)]
    known = [(one, other) for one, other in pairs if one is not None and other is not None]
    return all(one <= other for one, other in known)


def _verdict(held: bool, otherwise: str) -> str:
    return "held" if held else f"**not held** ({otherwise})"


def _candidates(evidence: Evidence) -> Blocks:
    yield "## Chosen among"
    yield cleandoc("""
        No single yardstick decides: judges like what is clear and complete, spoiled rows show what
        a score does not see, and a loss rewards what is like its questions. The conditions above
        come first, and of what holds them the first table. All candidates run from the core
        install, without a language model.
    """)
    yield tables.made_of(evidence)
    rest = [name for name in evidence.candidates if name not in tables.short(evidence)]
    if rest:
        yield "The candidates that the first table leaves out:"
        yield tables.overview(evidence, rest)
    yield "### Other numbers"
    yield tables.neighbours(evidence)
    yield _noise(evidence)


def _noise(evidence: Evidence) -> str:
    above: Mapping[str, Mapping[str, float]] = evidence.judged["neighbours_above_pool"]
    budgets = list(evidence.judged["standard_error_of_random"])
    gaps = {
        (name, budget): abs(by_budget[budget] - evidence.rating(evidence.default, budget))
        for name, by_budget in above.items()
        for budget in budgets
    }
    within = sum(gap <= WIDE * evidence.rating_error(budget) for (_, budget), gap in gaps.items())
    return cleandoc(f"""
        One of the default's numbers changed: {within} of the {len(gaps)} ratings lie within {WIDE}
        standard errors of random rows around the default's. {_noise_of_spoiled(evidence, above)}
    """)


def _noise_of_spoiled(evidence: Evidence, settings: Iterable[str]) -> str:
    told = []
    for pool in evidence.neighbour_pools:
        own = evidence.taken(evidence.default, pools=[pool])
        taken = {name: evidence.neighbours_taken(name, pool) for name in settings}
        furthest = max((abs(share - own), name) for name, share in taken.items())[1]
        error = evidence.taken_error(evidence.kinds, pools=[pool])
        told.append(
            f"on {pool} the furthest, {furthest}, takes {percent(taken[furthest])} beside "
            f"{percent(own)} (standard error of random rows {percent(error)})"
        )
    return f"Of spoiled rows: {_listed(told)}." if told else ""


def _judge(evidence: Evidence) -> Blocks:
    judged = evidence.judged
    yield "## A judge's ratings"
    yield cleandoc(f"""
        {judged["rows"]:,} rows with a language model's scores from 1 to 10 of question and answer
        together; the mean of its {judged["dimensions"]} dimensions is {judged["mean"]:.2f}, the
        standard deviation between rows {judged["sd"]:.2f}. Rank correlation of each score with it,
        over all rows and as the mean of {judged["bins"]} groups of answers of about equal length:
    """)
    yield tables.agreement(evidence)
    yield cleandoc(f"""
        Length in characters itself has a correlation of {signed(judged["agreement_with_length"])}.
        Mean rating of what each candidate takes, minus the pool's:
    """)
    yield tables.ratings(evidence)


def _spoiled(evidence: Evidence) -> Blocks:
    yield "## Spoiled rows"
    pools = [f"{name} ({pool['rows']:,} rows)" for name, pool in evidence.spoiled.items()]
    yield cleandoc(f"""
        Real rows of {_listed(pools)}, spoiled in {len(evidence.kinds)} ways that a person sees at
        once, at equal length where the spoiling allows it. The kinds marked * could decide, the
        others are only reported, so that nothing was fitted to them. How often the whole row ranks
        above its spoiled version (half is chance; what is not eligible counts as last):
    """)
    yield tables.pairs(evidence)
    yield cleandoc(f"""
        Share of the selection that is spoiled at {HEADLINE}, where
        {percent(evidence.spoiled_share, 0)} of the pool is, as the mean over the pools. What is
        cut off there is a row's own answer. The standard error of random rows is
        {percent(evidence.taken_error(evidence.kinds[:1]))} for one kind.
    """)
    yield tables.taken(evidence)
    yield f"By pool, as the mean over the kinds, at {_listed(SPOILED_BUDGETS)}:"
    yield tables.taken_by_pool(evidence)


def _lengths(evidence: Evidence) -> Blocks:
    yield "## Lengths"
    yield (
        "Median length of the answers in characters, share of answers of fewer than"
        f" {evidence.content['tiny']} characters, and of more than"
        f" {evidence.content['very_long']:,}:"
    )
    yield tables.lengths(evidence)


def _tuned(evidence: Evidence) -> Blocks:
    yield "## Tuned models"
    if evidence.unfinished or not evidence.comparisons:
        names = f" for: {_listed(evidence.unfinished)}" if evidence.unfinished else ""
        yield f"Losses of tuned models are {_NOT_YET}{names}."
    for found in evidence.comparisons:
        facts = found.facts
        yield f"### {found.label}"
        questions = [f"{part['questions']} of {name}" for name, part in facts["sets"].items()]
        yield cleandoc(f"""
            {facts["base"]} tuned on {found.budget} of {facts["pool_rows"]:,} rows, equal in
            {facts["axis"]}, {facts["seeds"]} seeds, {facts["recipe"]}; questions:
            {_listed(questions)}. Differences to random rows with intervals of 95 %, in nats per
            token; less is better. For arms without a difference the loss itself.
        """)
        yield tables.losses(found)
    yield "### For a budget in tokens"
    yield _for_tokens(evidence)


def _for_tokens(evidence: Evidence) -> str:
    found = [c for c in evidence.comparisons if c.facts["axis"] == "tokens" and c.target]
    if not found:
        return cleandoc(f"""
            At equal tokens losses are {_NOT_YET}. A long answer costs as much as several short
            ones, so under `--budget '200k tokens'` the default reads fewer questions than random
            rows would: a row of its choice holds {evidence.text(evidence.default):.2f} times the
            text.
        """)
    told = ["The default's loss minus that after random rows, at equal tokens as trained:\n"]
    told += [f"* {_at_equal_tokens(compared, evidence.default)}" for compared in found]
    told.append("")
    better = set.intersection(*(_told_apart_below(compared) for compared in found))
    if evidence.default in better:
        told.append("So the default stands under `--budget '200k tokens'` as well.")
    elif better:
        told.append(f"So under `--budget '200k tokens'` take {_listed(sorted(better))}.")
    else:
        told.append(
            "**Under `--budget '200k tokens'` take `random`**: nothing tried is told "
            "apart below random rows on LIMA in every comparison, and the default, whose answers "
            "are longer, reads fewer questions for the same tokens. Take the default under such a "
            "budget where tiny, empty or spoiled answers are what the pool has to be rid of."
        )
    return "\n".join(told)


def _at_equal_tokens(compared: Compared, name: str) -> str:
    target, own = compared.losses[compared.target or ""], compared.losses[compared.own]
    return (
        f"{compared.label}: {target[name].words} on LIMA and {own[name].words} on the pool's own "
        f"rows, by {target[name].rows:,.0f} rows beside {target[RANDOM].rows:,.0f}"
    )


def _told_apart_below(compared: Compared) -> set[str]:
    """Return the arms whose interval on the target lies below random rows."""
    losses = compared.losses[compared.target or ""]
    return {name for name, loss in losses.items() if loss.high is not None and loss.high < 0}


def _limits(evidence: Evidence) -> Blocks:
    yield "## Limits"
    yield cleandoc(f"""
        * The judged rows are {evidence.judged["rows"]:,} of one set, mathematics and code among
          them, rated by one language model. Another judge of another pool may rate otherwise.
        * The ways to spoil a row are ours. They stand for faults that a person sees at once, not
          for answers that are wrong in what they say: nothing here sees whether an answer is true.
        * Relevance is measured by a small static encoder. An answer that is code, a formula or a
          name shares few words with its question and ranks low without being bad.
        * The losses are those of small models tuned for a short time. Loss on a pool's own rows
          rewards what is like the pool, its faults included; loss on LIMA what is like LIMA.
        * `assay compare` tells whether the default beats chance on your data with your model.
    """)
    yield "## Made by"
    yield cleandoc(f"""
        `python benchmarks/default_selection.py` (`--help` lists its parts). Every figure of this
        page is taken from `benchmarks/results/default_selection.json`.
        {measured_on(evidence.content["judged"]["hardware"])}
    """)


def _listed(words: Any) -> str:
    """Return words as a list in a sentence."""
    items = list(words)
    if not items:
        return "none"
    comma = "; " if any("," in item for item in items) else ", "
    return items[0] if len(items) == 1 else f"{comma.join(items[:-1])} and {items[-1]}"
