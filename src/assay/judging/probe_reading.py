"""What came back to a question of the probe: counted and checked, not believed."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from assay.judging.replies import NoReplyError, Reply, read_reply
from assay.models.asking import Answered
from assay.samples import Reason

_ROUNDED = 1e-3  # what rounding may add to a probability, and to a sum of them
_SHOWN = 5
_BEGINNING = 16  # letters by which a reply is known
_FENCED = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL)
_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
_THOUGHT_TAG = re.compile(r"\s*<think(?:ing)?>", re.IGNORECASE)


class Place(NamedTuple):
    """The likeliest tokens at one place of a reply.

    Attributes:
        written: token that was written there.
        candidates: log-probability of each candidate, in nats, by its bytes or else its text;
            those that look alike are one.
        told: how many the server told.
    """

    written: bytes
    candidates: Mapping[bytes, float]
    told: int


class WrongNumbersError(Exception):
    """Log-probabilities are there and cannot be such; the text says why."""


def reply_of(answer: Answered) -> Reply | None:
    """Return what a judge wrote; None if the request was not taken, or the answer holds none."""
    if not answer.taken:
        return None
    try:
        reply = read_reply(answer.body)
    except NoReplyError:
        return None
    return reply if reply.outcome is Reason.OK else None


def thinks(answer: Answered) -> str:
    """Return by what a reply shows that the model thought before it; "" if by nothing."""
    reply = reply_of(answer)
    if reply is None:
        return ""
    if reply.usage.reasoning:
        return f"{reply.usage.reasoning} reasoning tokens counted"
    message = answer.body["choices"][0].get("message")
    for name in _THOUGHTS if isinstance(message, dict) else ():
        if message.get(name):
            return f"its message holds {name}"
    return "its text begins with <think>" if _THOUGHT_TAG.match(reply.text) else ""


def places(answer: Answered, asked: int, *, plain: bool = True) -> list[Place]:
    """Return the likeliest tokens at every place of a reply; nothing where the server tells none.

    Args:
        answer: of `chat/completions`.
        asked: how many candidates were asked for at each place.
        plain: the first place has to be that of the reply's first token. Where JSON is demanded, a
            server may take away a fence that the model wrote around it.

    Raises:
        WrongNumbersError: if what it tells is no such thing: above 0, more than 1 together, of
            another text than the reply, twice the same, or only what was written.
    """
    choice = answer.body["choices"][0]
    told = choice.get("logprobs")
    content = told.get("content") if isinstance(told, dict) else None
    if not isinstance(content, list) or not content:
        return []
    found = [_place(entry) for entry in content]
    fewest = fewest_candidates(found)
    if fewest < min(2, asked):
        raise WrongNumbersError(
            f"{asked} candidates were asked for, and {fewest} came: only what was written"
        )
    reply = reply_of(answer)
    text = _readable("" if reply is None else reply.text)
    written = _readable(b"".join(each.written for each in found).decode("utf-8", "replace"))
    # Only its beginning: llama.cpp tells no place of a token that is a part of a letter.
    text = text[: min(len(written), _BEGINNING)]
    if plain and text in written and not written.startswith(text):
        raise WrongNumbersError("they begin before the reply does")
    if text not in written:
        raise WrongNumbersError("they are of another text than the reply")
    return found


def fewest_candidates(found: Sequence[Place]) -> int:
    """Return how many candidates there are at every place, at least."""
    return min((each.told for each in found), default=0)


def same_place(first: Place, second: Place, *, close: float) -> bool:
    """Return whether two places have the same candidates with the same numbers, but for rounding.

    Args:
        first: one.
        second: the other.
        close: mean difference in nats that does not count.
    """
    common = first.candidates.keys() & second.candidates.keys()
    if 2 * len(common) < min(len(first.candidates), len(second.candidates)):
        return False
    return mean_difference(first, second) <= close


def mean_difference(first: Place, second: Place) -> float:
    """Return the mean difference of the numbers that two places share, in nats."""
    common = first.candidates.keys() & second.candidates.keys()
    apart = [abs(first.candidates[token] - second.candidates[token]) for token in common]
    return sum(apart) / len(apart) if apart else math.inf


def likeliest(place: Place) -> str:
    """Return the first candidates of a place for people: 'A' 0.61, 'B' 0.20."""
    ordered = sorted(place.candidates.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(
        f"{token.decode('utf-8', 'replace')!r} {math.exp(value):.3f}"
        for token, value in ordered[:_SHOWN]
    )


def json_of(text: str) -> Any:
    """Return the JSON that a text is, in a fence or without; None if it is none."""
    fenced = _FENCED.fullmatch(text.strip())
    try:
        return json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        return None


def prompt_places(answer: Answered, prompt: str) -> int:
    """Return for how many tokens of a prompt there is a number; 0 if for none of them."""
    choice = answer.body["choices"][0]
    own = choice.get("prompt_logprobs")
    if isinstance(own, list):
        return sum(isinstance(entry, dict) for entry in own)
    told = choice.get("logprobs")
    values = told.get("token_logprobs") if isinstance(told, dict) else None
    tokens = told.get("tokens") if isinstance(told, dict) else None
    if not isinstance(values, list) or not isinstance(tokens, list):
        return 0
    if not "".join(map(str, tokens)).lstrip().startswith(prompt):
        return 0  # they are those of what was written
    return sum(_is_number(value) for value in values)


def _place(entry: Any) -> Place:
    if not isinstance(entry, dict):
        raise WrongNumbersError("a place holds none")
    top = entry.get("top_logprobs")
    candidates: dict[bytes, float] = {}
    for each in top if isinstance(top, list) else ():
        value = each.get("logprob") if isinstance(each, dict) else None
        if value is None or not _is_number(value):
            raise WrongNumbersError("one of them is no number")
        token = _bytes_of(each)
        if token in candidates and "id" not in each:
            raise WrongNumbersError("a candidate is there twice")
        if value > _ROUNDED:
            raise WrongNumbersError("one of them is above 0")
        before = math.exp(candidates[token]) if token in candidates else 0.0
        candidates[token] = math.log(max(before + math.exp(value), 5e-324))
    together = sum(map(math.exp, candidates.values()))
    if together > 1 + _ROUNDED:
        raise WrongNumbersError(f"the probabilities of a place add up to {together:.3f}")
    return Place(_bytes_of(entry), candidates, len(top) if isinstance(top, list) else 0)


def _readable(text: str) -> str:
    """Return a text without what is left of letters that are not whole, and of blanks around it."""
    return text.replace("\ufffd", "").strip()


def _bytes_of(entry: Mapping[str, Any]) -> bytes:
    """Return a token's bytes: as text, parts of letters would all look alike."""
    told = entry.get("bytes")
    if isinstance(told, list) and all(type(each) is int and 0 <= each < 256 for each in told):
        return bytes(told)
    return str(entry.get("token")).encode("utf-8", "replace")


def _is_number(value: Any) -> bool:
    usual = isinstance(value, (int, float)) and not isinstance(value, bool)
    return usual and math.isfinite(value)
