"""A service that takes batches in the way of OpenAI: files go up, states are read, files come down.

What it says is read as far as it has the right form; an answer of another form is none.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Protocol

from assay.errors import FeatureError
from assay.judging.batch import BatchState
from assay.wording import one_line

_TAG = "assay"
_WINDOW = "24h"
_OVER = frozenset({"completed", "failed", "expired", "cancelled"})
_SHOWN = 200
_CREATE_PAUSES = (2.0, 8.0, 30.0)


class BatchFailedError(FeatureError):
    """A service does not take a batch, or answers in another form."""

    exit_code = 3


class Routes(Protocol):
    """The routes of a service, as `assay.backends.endpoint.file_routes.FileRoutes` has them."""

    @property
    def base(self) -> str:
        """Return where they begin."""

    async def upload(self, name: str, content: bytes) -> Any:
        """Return what is said of a file that is handed over."""

    async def create(self, asked: Mapping[str, Any]) -> Any:
        """Return what is said of a batch that is begun; sent once."""

    async def batch(self, name: str) -> Any:
        """Return what is said of a batch."""

    async def batches(self, after: str = "") -> Any:
        """Return a page of batches, the latest first."""

    async def content(self, name: str) -> bytes:
        """Return the content of a file."""


class RoutedBatches:
    """Batches by routes; a `BatchService`.

    Args:
        routes: of the service.
        missed: what the routes raise where nobody knows whether the service has got a request.
        pauses: seconds before a batch is begun again that may not have been.

    Attributes:
        said: what the service says of batches that failed, each once.
    """

    def __init__(
        self,
        routes: Routes,
        missed: type[Exception],
        pauses: tuple[float, ...] = _CREATE_PAUSES,
    ) -> None:
        self._routes, self._missed, self._pauses = routes, missed, pauses
        self._url_of: dict[str, str] = {}
        self.said: list[str] = []

    @property
    def name(self) -> str:
        """Its address."""
        return self._routes.base

    async def upload(self, content: bytes) -> str:
        """Hand over a file of requests and return its name."""
        name = _name(await self._routes.upload("requests.jsonl", content), "a file")
        first = content.split(b"\n", 1)[0]
        self._url_of[name] = str(json.loads(first)["url"])
        return name

    async def create(self, file: str, tag: str) -> str:
        """Begin a batch of a file that was handed over here, and return its name.

        One that was begun without anybody being told is found by its tag, and not begun again.
        """
        asked = {
            "input_file_id": file,
            "endpoint": self._url_of[file],
            "completion_window": _WINDOW,
            "metadata": {_TAG: tag},
        }
        for pause in (*self._pauses, None):
            try:
                return _name(await self._routes.create(asked), "a batch")
            except self._missed:
                found = await self.with_tag(tag)
                if found is not None:
                    return found
                if pause is None:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("the last try returns or raises")

    async def with_tag(self, tag: str) -> str | None:
        """Return the name of the batch that has a tag; None where there is none."""
        after = ""
        while True:
            page = await self._routes.batches(after)
            found = page.get("data") if isinstance(page, dict) else None
            if not isinstance(found, list):
                raise BatchFailedError(f"{self.name} does not list its batches")
            named = [each for each in found if isinstance(each, dict) and each.get("id")]
            for each in named:
                if (each.get("metadata") or {}).get(_TAG) == tag:
                    return str(each["id"])
            last = str(named[-1]["id"]) if named else ""
            if not page.get("has_more") or last in ("", after):
                return None
            after = last

    async def state(self, batch: str) -> BatchState:
        """Return how far a batch is."""
        found = await self._routes.batch(batch)
        if not isinstance(found, dict) or not isinstance(found.get("status"), str):
            raise BatchFailedError(f"{self.name} does not say how far batch {batch} is")
        word = one_line(found["status"], _SHOWN)
        if said := _errors(found):
            told = f"batch {batch} {word}: {said}"
            self.said += [told] if told not in self.said else []
        return BatchState(
            word in _OVER,
            str(found.get("output_file_id") or ""),
            str(found.get("error_file_id") or ""),
            word,
        )

    async def download(self, file: str) -> bytes:
        """Return the content of a file."""
        return await self._routes.content(file)


def _name(found: Any, what: str) -> str:
    if not isinstance(found, dict) or not isinstance(found.get("id"), str) or not found["id"]:
        raise BatchFailedError(f"the service takes {what} and does not say how it calls it")
    return str(found["id"])


def _errors(found: Mapping[str, Any]) -> str:
    """Return what a service says went wrong with a whole batch; "" if nothing."""
    errors = found.get("errors")
    data = errors.get("data") if isinstance(errors, dict) else None
    words = [
        str(each.get("message") or each.get("code") or "")
        for each in (data if isinstance(data, list) else [])
        if isinstance(each, dict)
    ]
    return one_line("; ".join(filter(None, words)), _SHOWN)
