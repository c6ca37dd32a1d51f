"""DiverseEvol's records: two orders a record, in a form that is easily read the wrong way round."""

from assay.formats.judged.layout import (
    Fields,
    JudgedLayout,
    Reading,
    both_orders,
    both_places,
    has,
    key_of,
    text_of,
)
from assay.formats.judged.tables import Judged, two_numbers


def _read(record: Fields, reading: Reading) -> Judged:
    # Both lists have the candidate's score first. The second question shows the reference first,
    # and its names and reply stand that way round; its list of scores does not.
    names = [str(record.get(f"assistant{side}_QUERY0", side)) for side in (1, 2)]
    candidate = reading.candidate - 1
    return Judged(
        key=key_of(record, "question_id"),
        prompt=text_of(record, "question_text"),
        about=f"{names[candidate]} against {names[1 - candidate]}",
        orders=both_orders(
            two_numbers(record["eval_QUERY0"]), two_numbers(record["eval_QUERY1"]), reading
        ),
        names=(names[candidate], names[1 - candidate]),
        replies=both_places(
            text_of(record, "response_QUERY0"), text_of(record, "response_QUERY1"), reading
        ),
    )


LAYOUT = JudgedLayout(
    "diverse_evol",
    "DiverseEvol's records: `question_id`, `question_text`, and for each of two orders the names, "
    "`eval_QUERY0` and `eval_QUERY1`, both with the candidate's score first",
    "win_score",
    lambda record: has(record, "question_id", "eval_QUERY0", "eval_QUERY1"),
    _read,
    candidate=1,
    scored=True,
)
