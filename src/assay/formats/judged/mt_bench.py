"""FastChat's MT-bench: an answer rated by itself, or two compared in both orders."""

import math
import re
from collections.abc import Sequence

from assay.formats.judged.layout import Fields, JudgedLayout, Reading, both_orders, has, key_of
from assay.formats.judged.tables import Judged, Pair, Value, number
from assay.samples import Reason

_QUESTION = re.compile(r"\[(?:User )?Question\]\n(.*?)\n\n\[The Start of ", re.DOTALL)
_ANSWER = r"\[The Start of {}'s Answer\]\n(.*)\n\[The End of {}'s Answer\]"
_OUTCOMES = {"model_1": Pair(1.0, 0.0), "model_2": Pair(0.0, 1.0), "tie": Pair(0.5, 0.5)}
_FAILED = Pair(Reason.PARSE_FAILED, Reason.PARSE_FAILED)


def _texts(prompt: object, shown_as: str) -> tuple[str | None, str | None]:
    """Return question and answer that a judge was shown in a question of one turn."""
    if not isinstance(prompt, str):
        return None, None
    question = _QUESTION.search(prompt)
    answer = re.search(_ANSWER.format(shown_as, shown_as), prompt, re.DOTALL)
    return (question and question[1], answer and answer[1])


def _read_single(record: Fields, reading: Reading) -> Judged:
    score = number(record["score"], least=1, most=10)
    if record["score"] in (-1, "-1"):  # what FastChat writes where it found no rating
        score = Reason.PARSE_FAILED
    prompt, response = _texts(record.get("user_prompt"), "Assistant")
    return Judged(
        key=key_of(record, "question_id"),
        prompt=prompt,
        response=response,
        values={f"turn_{record.get('turn', 1)}": score},
        about=str(record["model"]),
        names=(str(record["model"]), ""),
    )


def _mean_of_turns(records: Sequence[Judged]) -> list[Judged]:
    """Return a row per question and model; its score is the mean of its turns."""
    rows: dict[tuple[str, str], list[Judged]] = {}
    for record in records:
        rows.setdefault((record.key, record.about), []).append(record)
    return [_merged(parts) for parts in rows.values()]


def _merged(parts: Sequence[Judged]) -> Judged:
    values: dict[str, Value] = {}
    for part in parts:
        for name, value in part.values.items():
            # Rated twice and not alike: which of the two was meant is not told.
            values[name] = value if values.get(name, value) == value else Reason.AMBIGUOUS
    failed = next((each for each in values.values() if isinstance(each, Reason)), None)
    score = math.fsum(values.values()) / len(values) if failed is None else failed
    # A conversation of several turns has other texts than its first question and answer.
    several = len(values) > 1
    first = parts[0]
    return Judged(
        key=first.key,
        prompt=None if several else first.prompt,
        response=None if several else first.response,
        values={"score": score, **values},
        about=first.about,
    )


def _read_pair(record: Fields, reading: Reading) -> Judged:
    names = (str(record["model_1"]), str(record["model_2"]))
    own, other = names[reading.candidate - 1], names[2 - reading.candidate]
    first, second = (_outcome(record[name], names) for name in ("g1_winner", "g2_winner"))
    shown = record.get("g1_user_prompt")
    prompt, response = _texts(shown, f"Assistant {'AB'[own != names[0]]}")
    _, rival = _texts(shown, f"Assistant {'BA'[own != names[0]]}")
    return Judged(
        key=key_of(record, "question_id"),
        prompt=prompt,
        response=response,
        about=f"{own} against {other}, turn {record.get('turn', 1)}",
        orders=both_orders(first, second, reading),
        names=(own, other),
        rival=rival,
    )


def _outcome(winner: object, names: tuple[str, str]) -> Pair:
    """Return an outcome, by the place of the model or by its name."""
    if winner == names[0]:
        winner = "model_1"
    elif winner == names[1]:
        winner = "model_2"
    return _OUTCOMES.get(str(winner), _FAILED)


SINGLE = JudgedLayout(
    "mt_bench_single",
    "FastChat's ratings of one answer: `question_id`, `model`, `turn`, `judgment`, `score`; the "
    "mean of the turns",
    "score",
    lambda record: has(record, "question_id", "model", "judgment", "score"),
    _read_single,
    merge=_mean_of_turns,
)
PAIR = JudgedLayout(
    "mt_bench_pair",
    "FastChat's comparisons of two answers: `question_id`, `model_1`, `model_2`, `turn`, and "
    "`g1_winner`, `g2_winner` of the two orders",
    "win_score",
    lambda record: has(record, "question_id", "model_1", "model_2", "g1_winner", "g2_winner"),
    _read_pair,
    candidate=1,
)
