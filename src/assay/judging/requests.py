"""What a judge is asked: messages and parameters, the key under which its reply is kept.

A nonce that fences the data of a row is a piece of its own, never a place in a text: data that
spell it are data. The key is taken without it, so that replies are found again anywhere.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Literal

from assay.judging.messages import Message, Nonce

Route = Literal["chat/completions", "completions"]
"""Where an OpenAI-compatible server replies to conversations, or goes on with a text."""
_VERSION = 1


@dataclass(frozen=True)
class Request:
    """One request to a judge.

    Attributes:
        messages: the conversation; of `completions` the text of the last one is gone on with.
        params: all that changes the reply, in the words of the API: temperature, limits, schema,
            log-probabilities, seed, stop.
        route: where it is sent.
        repeat: which of several samplings of the same it is, from 0.
    """

    messages: tuple[Message, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    route: Route = "chat/completions"
    repeat: int = 0

    def again_with(self, **params: Any) -> "Request":
        """Return the same with other parameters."""
        return replace(self, params={**self.params, **params})

    @cached_property
    def described(self) -> bytes:
        """It as canonical JSON that holds no nonce and no name of a judge."""
        content = {
            "messages": [
                [each.role, [None if isinstance(piece, Nonce) else piece for piece in each.pieces]]
                for each in self.messages
            ],
            "params": dict(self.params),
            "repeat": self.repeat,
            "route": self.route,
            "v": _VERSION,
        }
        return canonical(content)

    def key(self, judge: str) -> bytes:
        """Return the 32 bytes under which the reply of a judge is kept.

        Args:
            judge: what tells it from every other: its address with model and label, or the digest
                of its file.
        """
        return hashlib.sha256(_opening(judge) + self.described[1:]).digest()

    def body(self, model: str, nonce: str) -> bytes:
        """Return the body that is sent.

        Args:
            model: its name at the server.
            nonce: fences the data in this request.
        """
        texts = [(each.role, each.text(nonce)) for each in self.messages]
        asked: dict[str, Any] = {"model": model, **self.params}
        if self.route == "completions":
            asked["prompt"] = texts[-1][1]
        else:
            asked["messages"] = [{"role": role, "content": text} for role, text in texts]
        return _BODY.encode(asked).encode("utf-8", "replace")


_BODY = json.JSONEncoder(ensure_ascii=False)
_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def canonical(value: Any) -> bytes:
    """Return JSON that equal values share: sorted names, no blanks, UTF-8."""
    return _CANONICAL.encode(value).encode("utf-8", "surrogatepass")


@lru_cache(maxsize=64)
def _opening(judge: str) -> bytes:
    """Return how a described request begins that names its judge, the first of all names."""
    return canonical({"judge": judge})[:-1] + b","
