"""Replies for tests, and what a file of them looks like after damage."""

import hashlib
from typing import Any

from assay.judging.stored_reply import StoredReply


def key_of(number: int) -> bytes:
    """Return the key of a made-up request."""
    return hashlib.sha256(b"%d" % number).digest()


def reply(number: int, **fields: Any) -> StoredReply:
    """Return a made-up reply to a made-up request."""
    whole = {"request": f'{{"asked":{number}}}', "response": f'{{"said":{number}}}'}
    return StoredReply(key_of(number), **{"judge": "a judge", **whole, **fields})
