"""The tables of the page on the default, made of its evidence."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scripts.docs_default_evidence import (
    HEADLINE,
    LONGEST,
    OLD,
    RANDOM,
    SPOILED_BUDGETS,
    WIDE,
    Compared,
    Evidence,
    Loss,
    percent,
    signed,
)
from scripts.docs_text import table

_RIVALS = (
    "quality alone",
    "quality, DEITA filter",
    "random in the better half",
    "k-center in the better half",
    "default, above the least relevant fifth",
    "facility location alone",
    "facility location, mean of three",
)


def short(evidence: Evidence) -> list[str]:
    """Return the candidates of the first table."""
    rivals = [name for name in _RIVALS if name in evidence.candidates]
    return [RANDOM, LONGEST, OLD, evidence.default, *rivals]


def overview(evidence: Evidence, names: Sequence[str]) -> list[str]:
    """Return candidates on all yardsticks at the headline's budget."""
    heads = [
        "Candidate",
        "Rated above the pool",
        "Spoiled, choosing kinds",
        "Spoiled, other kinds",
        "Spoiled, worst pool",
        "Tiny answers",
        "Text per row",
    ]
    for found in evidence.comparisons:
        heads += [f"{found.label}: LIMA"] * (found.target is not None)
        heads.append(f"{found.label}: own rows")
    return table(heads, [_standing(evidence, name) for name in names])


def _standing(evidence: Evidence, name: str) -> list[str]:
    cells = [
        _name(evidence, name),
        signed(evidence.rating(name)),
        percent(evidence.taken(name, evidence.choosing)),
        percent(evidence.taken(name, evidence.reported)),
        percent(max(evidence.taken(name, pools=[pool]) for pool in evidence.spoiled)),
        percent(evidence.tiny(name)),
        f"{evidence.text(name):.2f}",
    ]
    for found in evidence.comparisons:
        for part in filter(None, (found.target, found.own)):
            loss = found.losses[part].get(name)
            known = loss is not None and loss.difference is not None
            cells.append(signed(loss.difference, 3) if known else _nothing(name))  # type: ignore[union-attr,arg-type]
    return cells


def _nothing(name: str) -> str:
    return "0" if name == RANDOM else "\N{EN DASH}"


def _name(evidence: Evidence, name: str) -> str:
    return f"**{name}**" if name == evidence.default else name


def made_of(evidence: Evidence) -> list[str]:
    """Return what each candidate is, as its description; qualities with a name are called by it."""
    named = {
        name: described
        for name, described in evidence.content["qualities"].items()
        if isinstance(described, Mapping) and ("of" in described or len(described) > 3)
    }
    rows = [(f"*{name}*", f"`{_words(described, {})}`") for name, described in named.items()]
    rows += [
        (_name(evidence, name), f"`{_words(described, named)}`")
        for name, described in evidence.candidates.items()
    ]
    return table(["Candidate, or *quality*", "What it is"], rows)


def _words(described: Any, named: Mapping[str, Any]) -> str:
    """Return a description as assay labels methods: name(parameter=value, ...)."""
    for name, known in named.items():
        if described == known:
            return name
    if isinstance(described, Mapping):
        rest = {key: value for key, value in described.items() if key != "method"}
        inner = ", ".join(f"{key}={_words(value, named)}" for key, value in rest.items())
        return f"{described['method']}({inner})" if inner else str(described["method"])
    if isinstance(described, Sequence) and not isinstance(described, str):
        return f"[{', '.join(_words(part, named) for part in described)}]"
    return str(described)


def agreement(evidence: Evidence) -> list[str]:
    """Return each quality's rank correlation with the judge."""
    rows = [
        (name, signed(found["raw"]), signed(found["at_equal_length"]))
        for name, found in evidence.judged["agreement"].items()
    ]
    return table(["Score", "All rows", "At equal length"], rows)


def ratings(evidence: Evidence) -> list[str]:
    """Return the ratings of what candidates take, at every budget."""
    errors: Mapping[str, float] = evidence.judged["standard_error_of_random"]
    rows = [
        [_name(evidence, name), *(signed(evidence.rating(name, budget)) for budget in errors)]
        for name in evidence.candidates
    ]
    rows.append(
        [
            "*standard error of random rows*",
            *(f"\N{PLUS-MINUS SIGN}{e:.2f}" for e in errors.values()),
        ]
    )
    return table(["Candidate", *errors], rows)


def pairs(evidence: Evidence) -> list[str]:
    """Return how often whole rows rank above spoiled ones: the mean over pools, by kind."""
    found = [pool["whole_above_spoiled"] for pool in evidence.spoiled.values()]
    rows = [
        [
            name,
            *(
                percent(math.fsum(pool[name][kind] for pool in found) / len(found), 0)
                for kind in evidence.kinds
            ),
        ]
        for name in found[0]
    ]
    return table(["Score", *_marked(evidence)], rows)


def taken(evidence: Evidence) -> list[str]:
    """Return how much of each kind candidates take: the mean over pools, by kind."""
    rows = [
        [
            _name(evidence, name),
            *(percent(evidence.taken(name, [kind]), 0) for kind in evidence.kinds),
        ]
        for name in evidence.candidates
    ]
    return table(["Candidate", *_marked(evidence)], rows)


def taken_by_pool(evidence: Evidence) -> list[str]:
    """Return how much candidates take of each pool's spoiled rows: the mean over kinds."""
    rows = []
    for name in evidence.candidates:
        shares = [
            " · ".join(
                percent(evidence.taken(name, budget=budget, pools=[pool]))
                for budget in SPOILED_BUDGETS
            )
            for pool in evidence.spoiled
        ]
        rows.append([_name(evidence, name), *shares])
    return table(["Candidate", *evidence.spoiled], rows)


def _marked(evidence: Evidence) -> list[str]:
    return [f"{kind}*" if kind in evidence.choosing else kind for kind in evidence.kinds]


def lengths(evidence: Evidence) -> list[str]:
    """Return median length and tiny answers of some candidates, by pool and budget."""
    names = [RANDOM, LONGEST, OLD, evidence.default]
    rows = []
    for pool, found in evidence.shapes.items():
        for budget in found["chosen"][evidence.default]:
            chosen = [_shape(found["chosen"][name][budget]) for name in names]
            rows.append([pool, f"{found['rows']:,}", budget, _shape(found["pool"]), *chosen])
    heads = ["Pool", "Rows", "Budget", "All rows", *(_name(evidence, name) for name in names)]
    return table(heads, rows)


def _shape(shape: Mapping[str, float]) -> str:
    return f"{shape['median']:,.0f} · {percent(shape['tiny'])} · {percent(shape['very_long'])}"


def losses(found: Compared) -> list[str]:
    """Return losses and differences to random of one comparison."""
    parts = [part for part in (found.target, found.own) if part]
    parts += [part for part in found.losses if part not in parts]
    names = list(dict.fromkeys(name for part in parts for name in found.losses[part]))
    rows = []
    for name in names:
        arms = [found.losses[part].get(name) for part in parts]
        first = next(arm for arm in arms if arm is not None)
        rows.append(
            [
                name,
                f"{first.rows:,.0f}",
                f"{first.tokens:,.0f}",
                *("\N{EN DASH}" if arm is None else arm.words for arm in arms),
            ]
        )
    return table(["Arm", "Rows", "Tokens trained", *parts], rows)


Yardstick = tuple[str, Callable[[str], float | None]]


def yardsticks(evidence: Evidence) -> list[Yardstick]:
    """Return what candidates are ordered by: its words, and a number of which less is better."""
    found: list[Yardstick] = [
        (f"judge's rating at {HEADLINE}", lambda name: -evidence.rating(name)),
        (f"spoiled rows at {HEADLINE}", evidence.taken),
        (f"tiny answers at {HEADLINE}", evidence.tiny),
        (f"least text per row at {HEADLINE}", evidence.text),
    ]
    for compared in evidence.comparisons:
        for part, words in ((compared.target, "LIMA"), (compared.own, "the pool's own rows")):
            if part:
                losses = compared.losses[part]
                found.append((f"loss on {words} ({compared.label})", _loss_of(losses)))
    return found


def _loss_of(losses: Mapping[str, Loss]) -> Callable[[str], float | None]:
    return lambda name: losses[name].value if name in losses else None


def places(evidence: Evidence) -> list[str]:
    """Return who is best on each yardstick, and where the fixed points stand."""
    fixed = (evidence.default, RANDOM, LONGEST, OLD)
    rows = []
    for words, of in yardsticks(evidence):
        values = {name: value for name in evidence.candidates if (value := of(name)) is not None}
        order = sorted(values, key=values.__getitem__)
        # Equal values share the better place.
        rank = {name: 1 + sum(v < values[name] for v in values.values()) for name in order}
        stands = [str(rank.get(name, "\N{EN DASH}")) for name in fixed]
        rows.append([f"{words}, of {len(order)}", "; ".join(order[:3]), *stands])
    return table(["Yardstick", "Best three", *(_name(evidence, name) for name in fixed)], rows)


def neighbours(evidence: Evidence) -> list[str]:
    """Return the default with one of its numbers changed."""
    above: Mapping[str, Mapping[str, float]] = evidence.judged["neighbours_above_pool"]
    pools = evidence.neighbour_pools
    budgets = list(evidence.judged["standard_error_of_random"])
    own = evidence.default
    rows = [
        [
            _name(evidence, own),
            *(signed(evidence.rating(own, budget)) for budget in budgets),
            *(percent(evidence.taken(own, pools=[pool])) for pool in pools),
        ]
    ]
    for name, by_budget in above.items():
        rows.append(
            [
                name,
                *(signed(by_budget[budget]) for budget in budgets),
                *(percent(evidence.neighbours_taken(name, pool)) for pool in pools),
            ]
        )
    spoiled = [f"Spoiled at {HEADLINE}, {pool}" for pool in pools]
    return table(["Setting", *(f"Rated above, {budget}" for budget in budgets), *spoiled], rows)


def told_apart(evidence: Evidence, budget: str) -> tuple[list[str], list[str]]:
    """Return candidates rated above, and below, what random rows of that size would be."""
    far = WIDE * evidence.rating_error(budget)
    names = [name for name in evidence.candidates if name != RANDOM]
    above = [name for name in names if evidence.rating(name, budget) > far]
    below = [name for name in names if evidence.rating(name, budget) < -far]
    return above, below
