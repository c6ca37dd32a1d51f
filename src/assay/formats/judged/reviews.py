"""Reviews of two answers that open with two scores: one order a file, or both in a record."""

from assay.formats.judged.layout import (
    Fields,
    JudgedLayout,
    Reading,
    both_orders,
    both_places,
    has,
    in_order,
    in_places,
    key_of,
    missing,
    question_of,
    text_of,
)
from assay.formats.judged.tables import Judged, Pair, two_numbers


def _read_cherry(record: Fields, reading: Reading) -> Judged:
    """Scores are stored as they were shown: those of the reversed order have answer 2 first."""
    shown, swapped = two_numbers(record["scores"]), two_numbers(record["scores_reverse"])
    answers = (text_of(record, "Answer1"), text_of(record, "Answer2"))
    return Judged(
        key=key_of(record, "question_id", "id"),
        prompt=question_of(record),
        response=answers[reading.candidate - 1],
        orders=both_orders(shown, Pair(swapped.other, swapped.candidate), reading),
        names=("Answer1", "Answer2") if reading.candidate == 1 else ("Answer2", "Answer1"),
        rival=answers[2 - reading.candidate],
        replies=both_places(text_of(record, "review"), text_of(record, "review_reverse"), reading),
    )


def _read_review(record: Fields, reading: Reading) -> Judged:
    places = ("answer1_id", "answer2_id")
    own, other = (
        key_of(record, places[at - 1]) for at in (reading.candidate, 3 - reading.candidate)
    )
    return Judged(
        key=key_of(record, "question_id"),
        prompt=text_of(record, "question"),  # `text` is the review
        answer=own,
        other=other,
        orders=in_order(two_numbers(record["score"]), reading),
        names=(own, other),
        replies=in_places(text_of(record, "text"), reading),
    )


def _read_named(record: Fields, reading: Reading) -> Judged:
    for name in reading.names:
        if text_of(record, name) is None:
            raise missing(name)
    own, other = (reading.names[at - 1] for at in (reading.candidate, 3 - reading.candidate))
    return Judged(
        key=key_of(record, "question_id", "id"),
        prompt=question_of(record),
        response=text_of(record, own),
        answer=own,
        other=other,
        orders=in_order(two_numbers(record["score"]), reading),
        names=(own, other),
        rival=text_of(record, other),
        replies=in_places(text_of(record, "review"), reading),
    )


def _is_named(record: object) -> bool:
    if not has(record, "review", "score") or has(record, "review_id"):
        return False
    return not has(record, "triplet")


TWO_ORDERS = JudgedLayout(
    "cherry",
    "Cherry_LLM's reviews: the question, `Answer1`, `Answer2`, and for each order a review with "
    "its two `scores` and `scores_reverse`",
    "win_score",
    lambda record: has(record, "scores", "scores_reverse"),
    _read_cherry,
    candidate=1,
    scored=True,
)
ONE_ORDER = JudgedLayout(
    "vicuna_review",
    "reviews of the Vicuna blog, SelFee and others: `question_id`, `answer1_id`, `answer2_id`, "
    "`text`, `score` of both; one order a file",
    "win_score",
    lambda record: has(record, "question_id", "answer1_id", "answer2_id", "score"),
    _read_review,
    candidate=1,
    scored=True,
    one_order=True,
)
NAMED = JudgedLayout(
    "alpagasus_review",
    "AlpaGasus' evaluations, A-B-SET.json: the question, a field of A's and of B's answer, "
    "`review`, `score` of both in the order of the file's name; one order a file",
    "win_score",
    _is_named,
    _read_named,
    candidate=1,
    scored=True,
    one_order=True,
    named=True,
)
