"""AlpaGasus' ratings: what was rated stands in one text under headings."""

import re

from assay.formats.judged.layout import Fields, JudgedLayout, Reading, has, key_of, text_of
from assay.formats.judged.tables import Judged, number
from assay.samples import Reason

_HEADING = re.compile(r"^#{3} ?(Instruction|Input|Response): ?$", re.MULTILINE)
_HEADINGS = ["Instruction", "Input", "Response"]


def _read_triplet(record: Fields, reading: Reading) -> Judged:
    score = number(record["score"], least=0, most=5)
    if score is Reason.OUT_OF_RANGE and record["score"] in (-1, "-1"):
        score = Reason.PARSE_FAILED  # what the script writes where it found no number
    prompt, response = _parts(text_of(record, "triplet") or "")
    return Judged(
        key=key_of(record, "id"), prompt=prompt, response=response, values={"score": score}
    )


def _parts(triplet: str) -> tuple[str | None, str | None]:
    """Return prompt and answer of a triplet; None where its own text repeats a heading."""
    found = list(_HEADING.finditer(triplet))
    if [heading[1] for heading in found] != _HEADINGS:
        return None, None
    bounds = [*found[1:], None]
    texts = [
        triplet[heading.end() : None if after is None else after.start()].strip()
        for heading, after in zip(found, bounds, strict=True)
    ]
    return "\n".join(text for text in texts[:2] if text), texts[2]


def _is_triplet(record: object) -> bool:
    return has(record, "triplet", "score")


LAYOUT = JudgedLayout(
    "alpagasus",
    "AlpaGasus' ratings: `triplet` (instruction, input and response under headings), `review`, "
    "`score` from 0 to 5",
    "score",
    _is_triplet,
    _read_triplet,
)
