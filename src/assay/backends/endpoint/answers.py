"""What a request brings: an answer, and beside it how every single try of it went."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from assay.backends.endpoint.failures import RefusedError, UnansweredError


@dataclass(frozen=True)
class Answer:
    """What a server answered, with success.

    Attributes:
        content: what its JSON says.
        status: the code of the reply.
        raw: the reply as it came, unpacked.
        seconds: how long the try took that was answered, the waiting before it left out.
        attempts: how often the request was sent, this time included.
    """

    content: Any
    status: int
    raw: bytes = field(repr=False)
    seconds: float
    attempts: int

    @property
    def text(self) -> str:
        """The reply as a text; what is no UTF-8 is replaced."""
        return self.raw.decode("utf-8", "replace")


@dataclass(frozen=True)
class Attempt:
    """How one try of a request ended.

    Attributes:
        number: which one, from 1 on.
        seconds: how long it took.
        found: the answer, or why there is none.
    """

    number: int
    seconds: float
    found: Answer | RefusedError | UnansweredError

    @property
    def status(self) -> int:
        """The code of the reply, 0 if none came."""
        return self.found.status

    @property
    def reached(self) -> bool:
        """Whether the server may have got the request, and may charge for it."""
        return not isinstance(self.found, UnansweredError) or self.found.reached


class Accounts(Protocol):
    """Is told of every try, in the loop's own thread; what it raises ends the request."""

    async def begin(self) -> None:
        """Agree to a try before it is sent."""

    async def end(self, attempt: Attempt | None) -> None:
        """Take note of how a try ended, before the next begins; None if it was not sent."""
