"""What may be asked of a service, as it is: the border between those who ask and what sends."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

CHAT, COMPLETIONS = "chat/completions", "completions"
"""Where OpenAI-compatible services reply to conversations, and go on with texts."""
AGAIN = "what is done is kept: run the same line again, and it goes on"
"""What to do where a service gave no answer, and nothing else is known."""


@dataclass(frozen=True)
class Answered:
    """What a service said to one request.

    Attributes:
        status: code of the reply, from 200 to 299 where the request was taken.
        body: JSON of the reply; None where it was not taken.
        said: why it was not taken, as one line that is safe to show; "" where it was.
    """

    status: int
    body: Any = None
    said: str = ""

    @property
    def taken(self) -> bool:
        """Whether the request was taken, which does not mean that it was understood."""
        return 200 <= self.status < 300


class Asks(Protocol):
    """Asks one model of a service."""

    def ask(self, route: str, question: Mapping[str, Any]) -> Answered:
        """Return what came back.

        Args:
            route: such as "chat/completions".
            question: body of the request, without the name of the model.

        Raises:
            ModelLoadError: if nobody answers, access is denied, or the service cannot answer now.
        """
