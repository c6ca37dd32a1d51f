"""What a server says about an error, as one line that is safe to show: replies may be hostile.

The key is struck out wherever a server repeats it, and all that cannot be seen is spelled.
"""

import html
import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from assay.backends.endpoint.http_transport import Reply
from assay.wording import one_line

_SHOWN = 200
_LOOKED_AT = 8192
_EVER_SECONDS = 1e9
_UNSHOWN_PART = re.compile(r"<(script|style|head|title)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title[^<>]*>([^<]*)", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_NAMES = ("error", "message", "detail", "error_description", "msg", "title")


class Words:
    """Makes lines of what a server says.

    Args:
        key: what never appears in them.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    def of(self, reply: Reply) -> str:
        """Return status and first words of a reply that tells of an error."""
        where = reply.headers.get("location", "")
        if 300 <= reply.status < 400:
            said = f"redirects to {where}" if where else "redirects, and does not say where"
        else:
            said = self._first(reply) or reply.phrase
        return self.line(f"{reply.status} {said}".strip())

    def reported(self, answer: Any) -> str:
        """Return what an answer in JSON says of an error, "" if it says nothing."""
        found = answer
        while isinstance(found, dict):
            inner = next((found[name] for name in _NAMES if found.get(name)), None)
            if inner is None:
                break
            found = inner
        if found is answer:
            return ""
        return self.line(found if isinstance(found, str) else _json(found))

    def line(self, text: str) -> str:
        """Return a text as one line without the key."""
        return one_line(self._without_key(text), _SHOWN)

    def _first(self, reply: Reply) -> str:
        try:
            found = json.loads(reply.content)
        except (ValueError, RecursionError):
            return self._page(reply)
        return self.reported(found) or ("" if found in (None, "", {}, []) else _json(found))

    def begin(self, reply: Reply) -> str:
        """Return the first words of a body that is no JSON."""
        return self.line(self._page(reply))

    def _page(self, reply: Reply) -> str:
        text = self._without_key(reply.content.decode("utf-8", "replace"))[:_LOOKED_AT]
        if "<" not in text:
            return text
        title = _TITLE.search(text)
        body = _TAG.sub(" ", _UNSHOWN_PART.sub(" ", text))
        words = [title[1] if title else "", body]
        return html.unescape(": ".join(" ".join(each.split()) for each in words if each.strip()))

    def _without_key(self, text: str) -> str:
        if not self._key:
            return text
        return text.replace(self._key, "***").replace(json.dumps(self._key)[1:-1], "***")


def asked_wait(reply: Reply) -> float | None:
    """Return how many seconds a server asks to wait, by number or by date; None if it does not."""
    exactly = reply.headers.get("retry-after-ms", "").strip()
    if exactly.isascii() and exactly.replace(".", "", 1).isdecimal():
        return min(float(exactly) / 1000, _EVER_SECONDS)
    asked = reply.headers.get("retry-after", "").strip()
    if asked.replace(".", "", 1).isdecimal():
        return min(float(asked), _EVER_SECONDS)
    try:
        until = parsedate_to_datetime(asked)
    except (ValueError, TypeError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _json(found: Any) -> str:
    try:
        return json.dumps(found, ensure_ascii=False)
    except RecursionError:
        return ""
