"""The layouts of judge records that are known, and which of them a file has."""

from collections import Counter
from collections.abc import Sequence

from assay.errors import FormatError, did_you_mean
from assay.formats.judged import (
    alpaca_eval,
    diverse_evol,
    mig,
    mt_bench,
    oda,
    pandalm,
    ratings,
    reviews,
    score_lists,
)
from assay.formats.judged.layout import JudgedLayout

LAYOUTS: tuple[JudgedLayout, ...] = (
    alpaca_eval.LAYOUT,
    reviews.TWO_ORDERS,
    diverse_evol.LAYOUT,
    mt_bench.SINGLE,
    mt_bench.PAIR,
    reviews.ONE_ORDER,
    pandalm.PEOPLE,
    pandalm.JUDGE,
    oda.LAYOUT,
    mig.LAYOUT,
    ratings.LAYOUT,
    reviews.NAMED,
    score_lists.LAYOUT,
)
"""The order decides where two fit a record equally well: the more specific stands first."""


def judged_layout(name: str) -> JudgedLayout:
    """Return the layout of that name.

    Raises:
        FormatError: if there is none; the hint lists them.
    """
    known = {layout.name: layout for layout in LAYOUTS}
    if name not in known:
        raise FormatError(
            f"no layout of judge records is called {name!r}",
            hint=did_you_mean(name, known) or f"one of {', '.join(known)}",
        )
    return known[name]


def find_layout(records: Sequence[object]) -> JudgedLayout | None:
    """Return the layout that most of some records have, None if no layout has half of them."""
    fits: Counter[int] = Counter()
    for record in records:
        place = next((at for at, layout in enumerate(LAYOUTS) if layout.matches(record)), None)
        if place is not None:
            fits[place] += 1
    if not fits:
        return None
    place = min(fits, key=lambda place: (-fits[place], place))
    return LAYOUTS[place] if 2 * fits[place] >= len(records) else None
