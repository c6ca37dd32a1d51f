"""Two scores at the head of a judge's reply, however they are parted."""

import re

_NAMED = re.compile(r"\b(?:assistant|answer|response|model|ai)\s*(?:#\s*)?(?:[12]|[ab]\b)\W*", re.I)
_OF_TEN = re.compile(r"\s*/\s*10\b(?!\.)")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?!\w)")
_MOST = 10.0


def two_scores(reply: str | None) -> tuple[float, float] | None:
    """Return the two scores of the first line that is not empty; None where these are not two.

    A comma, a slash, a blank or words may stand between them, and the names of the answers before
    them: "8, 9", "8/9", "Assistant 1: 8, Assistant 2: 9.5", "8/10 and 9/10".

    Args:
        reply: what the judge wrote; None for nothing.

    Returns:
        In the order of the reply, each in [0, 10].
    """
    line = next((each for each in (reply or "").splitlines() if each.strip()), "")
    bare = _NAMED.sub(" ", line)
    # Of "8/10 9/10" each is out of ten; "8/10" alone is two scores.
    short = _OF_TEN.sub(" ", bare) if len(_OF_TEN.findall(bare)) > 1 else bare
    found = [float(each) for each in _NUMBER.findall(short)]
    if len(found) != 2 or not all(0 <= each <= _MOST for each in found):
        return None
    return found[0], found[1]
