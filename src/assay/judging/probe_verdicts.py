"""What a reply to the probe shows: a finding, with what was seen."""

from collections.abc import Callable, Mapping

from assay.judging.capabilities import Finding, Standing
from assay.judging.probe_questions import CUT_AT, PROMPT
from assay.judging.probe_reading import prompt_places, reply_of
from assay.judging.replies import Reply
from assay.models.asking import Answered
from assay.wording import number_of, one_line

NO_REPLY = "its answer holds no reply"
_SHOWN = 60


def counted(reply: Reply) -> Finding:
    """Return whether the tokens of a reply and of its prompt are counted."""
    read, wrote = reply.usage.prompt, reply.usage.completion
    if not read or not wrote:
        return Finding.no("tokens are not counted")
    return Finding.yes(f"{read} tokens in, {wrote} out")


def bounded(reply: Reply) -> Finding:
    """Return whether a reply kept to the limit: by the server's count and by its words."""
    words, count = len(reply.text.split()), reply.usage.completion
    tokens = "uncounted tokens" if count is None else number_of(count, "token")
    told = f"{number_of(words, 'word')} and {tokens} where {CUT_AT} were allowed"
    # Hardly a token holds two words, whatever the server counts.
    if words > 2 * CUT_AT or (count or 0) > CUT_AT:
        return Finding.ignored(told)
    if reply.finish != "length" and count != CUT_AT:
        return Finding.unknown(f"it stopped by itself: {told}")
    return Finding.yes(told)


def prompt_numbers(answer: Answered) -> Finding:
    """Return whether the log-probabilities of the probe's prompt came."""
    if reply_of(answer) is None:
        return Finding.no(answer.said or NO_REPLY)
    count = prompt_places(answer, PROMPT)
    told = f"{number_of(count, 'number')} of the prompt"
    # Of the first token there is none.
    return Finding.yes(told) if count >= len(PROMPT.split()) - 1 else Finding.ignored(told)


def obedience(answer: Answered, obeyed: Callable[[str], bool]) -> Finding:
    """Return whether a reply does what was demanded; `obeyed` tells by its text."""
    reply = reply_of(answer)
    if reply is None:
        return Finding.no(answer.said or NO_REPLY)
    told = f"wrote {shown(reply)}"
    return Finding.yes(told) if obeyed(reply.text) else Finding.ignored(told)


def best_of(tried: Mapping[str, Finding]) -> tuple[str, Finding]:
    """Return the way that works, or else all of them as one finding under the first one's name."""
    for name, found in tried.items():
        if found.holds:
            return name, Finding.yes(f"{name}: {found.evidence}")
    told = "; ".join(f"{name}: {found}" for name, found in tried.items())
    first = next(iter(tried))
    refused = all(found.standing is Standing.NO for found in tried.values())
    return first, Finding.no(told) if refused else Finding.ignored(told)


def shown(reply: Reply) -> str:
    """Return the beginning of a reply, in quotes and on one line."""
    return repr(one_line(reply.text, _SHOWN))
