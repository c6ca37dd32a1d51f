"""What a judge has replied so far, and what further replies would cost."""

import contextlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from assay.components.money import amount_text
from assay.judging.capabilities import Capabilities
from assay.judging.prices import Price as TokenPrice
from assay.judging.replies import NoReplyError, Reply, Usage, read_reply
from assay.judging.requests import Request
from assay.judging.secret import folder_secret
from assay.judging.store import ReplyStore
from assay.judging.stored_reply import StoredReply
from assay.models.service import Money, Price
from assay.samples import Reason

_BYTES_PER_TOKEN = 4
FORMAT_TOKENS = 64  # of the roles and marks that a server puts around the messages
_LIMITS = ("max_tokens", "max_completion_tokens")


def read_stored(stored: StoredReply) -> Reply:
    """Return a reply as it was kept.

    Raises:
        NoReplyError: if it holds none.
    """
    if stored.outcome != Reason.OK:
        return Reply(stored.outcome)
    return read_reply(json.loads(stored.response))


def _readable(found: Mapping[bytes, StoredReply]) -> dict[bytes, Reply]:
    read = {}
    for key, stored in found.items():
        # One that was brought here from elsewhere and holds none is as good as none.
        with contextlib.suppress(NoReplyError, ValueError):
            read[key] = read_stored(stored)
    return read


@dataclass(frozen=True)
class KeptReplies:
    """The replies of a judge that are at hand.

    Attributes:
        identity: what tells the judge from every other.
        store: where replies of all judges lie.
        capabilities: what the judge can do, as far as that is known.
        price: what its tokens cost.
    """

    identity: str
    store: ReplyStore
    capabilities: Capabilities
    price: TokenPrice

    @cached_property
    def secret(self) -> bytes:
        """What the nonces of requests are drawn from."""
        return folder_secret(self.store.folder)

    def find(self, keys: Iterable[bytes]) -> dict[bytes, Reply]:
        """Return the replies that are at hand, by key."""
        return _readable(self.store.find(keys))

    def find_elsewhere(self, keys: Collection[bytes]) -> dict[bytes, Reply]:
        """Return those of them that other processes have kept."""
        return _readable(self.store.find_elsewhere(keys))

    def worst(self, request: Request, size: int) -> int:
        """Return the most that a request can cost, in billionths.

        No tokenizer makes more tokens of a text than it has bytes.

        Args:
            request: what is asked.
            size: bytes of its body.
        """
        return self.price.worst(size + FORMAT_TOKENS, most_tokens(request))

    def cost(self, reply: Reply, worst: int) -> int:
        """Return what a reply has cost, in billionths: as the server counts, or else the worst."""
        return self.price_of(reply.usage, worst)

    def price_of(self, usage: Usage, worst: int) -> int:
        """Return what tokens cost, in billionths; the worst case where nobody has counted them."""
        if usage.prompt is None or usage.completion is None:
            return worst
        return self.price.cost(usage.prompt, usage.completion, usage.cached)

    def money(self, nano: int) -> str:
        """Return an amount as it is shown."""
        return amount_text(nano, self.price.currency)

    def ahead(self, requests: Sequence[Request]) -> Price:
        """Return what is asked if requests are sent: each different one once, none at hand."""
        different = {request.key(self.identity): request for request in requests}
        known = self.store.known(different)
        wanted = [request for key, request in different.items() if key not in known]
        tokens_in = sum(_estimated_tokens(request) for request in wanted)
        tokens_out = sum(most_tokens(request) for request in wanted)
        return Price(
            len(wanted),
            len(wanted),
            tokens_in,
            tokens_out,
            exact=True,
            counted=False,
            money=None
            if self.price.is_free
            else Money(
                self.price.worst(tokens_in, 0),
                self.price.worst(tokens_in, tokens_out),
                self.price.currency,
            ),
        )


def most_tokens(request: Request) -> int:
    """Return how many tokens a reply may have."""
    return limit_of(request.params)


def limit_of(params: Mapping[str, Any]) -> int:
    """Return how many tokens a reply may have by the fields of a request; 0 if none says."""
    return next((int(params[name]) for name in _LIMITS if name in params), 0)


def _estimated_tokens(request: Request) -> int:
    texts = (piece for each in request.messages for piece in each.pieces if isinstance(piece, str))
    size = sum(len(text.encode("utf-8", "replace")) for text in texts)
    return -(-size // _BYTES_PER_TOKEN)
