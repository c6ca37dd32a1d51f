"""A reply as it is kept: what was asked, what came back, what it cost, and a sum over all of it."""

import hashlib
from dataclasses import dataclass
from typing import Any

from assay.samples import UNFINISHED, Reason

COLUMNS = (
    "key", "judge", "request", "response", "outcome", "prompt_tokens", "completion_tokens",
    "cached_tokens", "reasoning_tokens", "cost", "latency_ms", "attempts", "scope", "created",
)  # fmt: skip
"""Of the table of replies, in the order of the fields; the sum comes after them."""
KEY_BYTES = 32


@dataclass(frozen=True)
class StoredReply:
    """What is kept of a request to a judge.

    Attributes:
        key: 32 bytes that tell the request and its judge from every other.
        judge: what was asked, with its label.
        request: the request as JSON, its nonce left out.
        response: what came back, as JSON.
        outcome: OK, or why there is no reply and never will be; nothing unfinished.
        prompt_tokens: as the server counts; None where it does not say.
        completion_tokens: as the server counts, hidden reasoning included; None as above.
        cached_tokens: those of the prompt that the server had read before.
        reasoning_tokens: those of the reply that are hidden.
        cost: in billionths of the currency.
        latency_ms: from sending to the last byte, of the attempt that succeeded.
        attempts: how often it was sent, this one included.
        scope: the judged pass that its cost is counted under.
        created: microseconds since 1970, UTC.
    """

    key: bytes
    judge: str
    request: str
    response: str
    outcome: Reason = Reason.OK
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost: int = 0
    latency_ms: int = 0
    attempts: int = 1
    scope: str = ""
    created: int = 0

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(self.key)}")
        if self.outcome in UNFINISHED:
            raise ValueError(f"{self.outcome.name} is to be asked again, and not kept")

    @property
    def order(self) -> tuple[int, str]:
        """Which of several replies to one request stands: the one that compares highest."""
        return self.created, self.response

    def row(self) -> tuple[Any, ...]:
        """Return it as a row of the table, its sum at the end."""
        fields = (
            self.key, _bytes(self.judge), _bytes(self.request), _bytes(self.response),
            int(self.outcome), self.prompt_tokens, self.completion_tokens, self.cached_tokens,
            self.reasoning_tokens, self.cost, self.latency_ms, self.attempts, _bytes(self.scope),
            self.created,
        )  # fmt: skip
        return (*fields, row_sum(fields))


def from_row(row: tuple[Any, ...]) -> StoredReply | None:
    """Return the reply of a row whose texts are bytes; None where its sum is another."""
    *fields, kept = row
    if row_sum(fields) != kept:
        return None
    key, judge, request, response, outcome, *numbers, scope, created = fields
    prompt, completion, cached, reasoning, cost, latency, attempts = numbers
    return StoredReply(
        key, _text(judge), _text(request), _text(response), Reason(outcome),
        prompt, completion, cached, reasoning, cost, latency, attempts, _text(scope), created,
    )  # fmt: skip


def row_sum(fields: Any) -> bytes:
    """Return 8 bytes that change with any bit of a row of bytes, integers and nulls."""
    parts = [field if isinstance(field, bytes) else b"%a" % field for field in fields]
    lengths = b",".join([b"%d" % len(part) for part in parts])
    return hashlib.blake2b(b"".join([lengths, b":", *parts]), digest_size=8).digest()


# JSON can spell halves of letters, and what a row holds may too; no text is lost for that.
def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogatepass")
