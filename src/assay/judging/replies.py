"""What a judge replies, read from the body of a server's answer: nothing is guessed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.samples import Reason
from assay.wording import one_line

_FILTERED = "content_filter"
_CALLS = ("tool_calls", "function_call")
_SHOWN = 60
_ROUNDED = 1e-6  # what a log-probability may lie above 0 for rounding


class NoReplyError(Exception):
    """An answer holds no reply of the form that was asked for."""


@dataclass(frozen=True)
class Usage:
    """Tokens that a server counts; None where it does not say."""

    prompt: int | None = None
    completion: int | None = None
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Reply:
    """What came of a request.

    Attributes:
        outcome: OK, or why there is no text: REFUSED and TOO_LONG are a judge's last word,
            TRANSIENT, BUDGET_SKIPPED and NOT_ASKED are to be asked another time.
        text: of the assistant alone, never of the prompt.
        finish: "stop", "length" or another word of the server.
        logprobs: of every token that was written, the candidates that the server names with their
            log-probabilities; empty where it names none.
        usage: tokens.
    """

    outcome: Reason
    text: str = ""
    finish: str = ""
    logprobs: tuple[Mapping[str, float], ...] = ()
    usage: Usage = Usage()


def read_reply(answer: Any) -> Reply:
    """Return the first choice of an answer of `chat/completions` or `completions`.

    Raises:
        NoReplyError: if it holds none.
    """
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise NoReplyError("no choices")
    choice, usage = choices[0], read_usage(answer.get("usage"))
    message = choice.get("message")
    said = message if isinstance(message, dict) else {"content": choice.get("text")}
    finish = str(choice.get("finish_reason") or "")
    if finish == _FILTERED or said.get("refusal"):
        return Reply(Reason.REFUSED, finish=finish, usage=usage)
    text = said.get("content")
    if text is None and finish:
        text = ""  # all of it was hidden thinking, or a call
    if not isinstance(text, str):
        raise NoReplyError("a choice holds no text")
    if finish in _CALLS:
        finish = "stop"
    whole = text.encode("utf-8", "replace").decode()  # JSON can spell halves of letters
    return Reply(Reason.OK, whole, one_line(finish, _SHOWN), _logprobs(choice), usage)


def read_usage(found: Any) -> Usage:
    """Return the tokens that a server counts.

    What it thinks before it writes costs like the reply. Some count it beside the completion, and
    then it is in the sum of all alone.
    """
    if not isinstance(found, dict):
        return Usage()
    read = found.get("prompt_tokens_details")
    written = found.get("completion_tokens_details")
    prompt, completion = _count(found.get("prompt_tokens")), _count(found.get("completion_tokens"))
    total = _count(found.get("total_tokens"))
    if prompt is not None and completion is not None and total is not None:
        completion = max(completion, total - prompt)
    return Usage(
        prompt,
        completion,
        _count(read.get("cached_tokens") if isinstance(read, dict) else 0) or 0,
        _count(written.get("reasoning_tokens") if isinstance(written, dict) else 0) or 0,
    )


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _logprobs(choice: Mapping[str, Any]) -> tuple[Mapping[str, float], ...]:
    found = choice.get("logprobs")
    if not isinstance(found, dict):
        return ()
    content = found.get("content")
    if isinstance(content, list):
        return tuple(_candidates(position) for position in content)
    top = found.get("top_logprobs")  # of the older route
    if isinstance(top, list):
        return tuple(
            {str(token): float(value) for token, value in each.items() if _is_logprob(value)}
            for each in top
            if isinstance(each, dict)
        )
    return ()


def _candidates(position: Any) -> Mapping[str, float]:
    if not isinstance(position, dict):
        return {}
    top = position.get("top_logprobs")
    named: Sequence[Any] = top if isinstance(top, list) and top else [position]
    found: dict[str, float] = {}
    for each in named:
        if not isinstance(each, dict) or not _is_logprob(each.get("logprob")):
            continue
        token, value = str(each.get("token")), float(each["logprob"])
        # Tokens may differ in their ids and be spelled alike.
        before = found.get(token)
        found[token] = value if before is None else _added(before, value)
    return found


def _is_logprob(value: Any) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and -math.inf < value <= _ROUNDED
    )


def _added(first: float, second: float) -> float:
    high, low = max(first, second), min(first, second)
    return high + math.log1p(math.exp(low - high))
