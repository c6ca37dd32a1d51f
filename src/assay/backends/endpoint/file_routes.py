"""Routes for files and batches of OpenAI-compatible services, over the one client.

Bodies go up as `multipart/form-data` and come down as they are. A batch is paid for, so that one is
begun by a request that is sent once; whoever begins it looks whether it is there before it tries
again.
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from assay.backends.endpoint.client import Client

_MOST_BYTES = 1 << 30
_PAGE = 100


class FileRoutes:
    """Routes of one service.

    Args:
        base: where its routes begin, such as ``https://api.example.com/v1``.
        client: asks again where a failure may pass.
        once: asks a single time.
    """

    def __init__(self, base: str, client: Client, once: Client) -> None:
        self.base, self._client, self._once = base, client, once

    async def upload(self, name: str, content: bytes) -> Any:
        """Return what the service says of a file for batches that is handed over."""
        boundary = secrets.token_hex(16)
        body = b"".join(_multipart(boundary, name, content))
        form = f"multipart/form-data; boundary={boundary}"
        answer = await self._client.exchange("POST", f"{self.base}/files", body, form=form)
        return answer.content

    async def create(self, asked: Mapping[str, Any]) -> Any:
        """Return what the service says of a batch that it has begun; sent once."""
        body = json.dumps(asked).encode()
        return (await self._once.exchange("POST", f"{self.base}/batches", body)).content

    async def batch(self, name: str) -> Any:
        """Return what the service says of a batch."""
        url = f"{self.base}/batches/{quote(name, safe='')}"
        return (await self._client.exchange("GET", url)).content

    async def batches(self, after: str = "") -> Any:
        """Return a page of batches, the latest first."""
        asked = {"limit": _PAGE, **({"after": after} if after else {})}
        url = f"{self.base}/batches?{urlencode(asked)}"
        return (await self._client.exchange("GET", url)).content

    async def content(self, name: str) -> bytes:
        """Return the content of a file."""
        url = f"{self.base}/files/{quote(name, safe='')}/content"
        return (await self._client.exchange("GET", url, most=_MOST_BYTES)).raw


def _multipart(boundary: str, name: str, content: bytes) -> Iterator[bytes]:
    head = f"--{boundary}\r\nContent-Disposition: form-data; name="
    yield f'{head}"purpose"\r\n\r\nbatch\r\n'.encode()
    yield f'{head}"file"; filename="{name}"\r\n'.encode()
    yield b"Content-Type: application/jsonl\r\n\r\n"
    yield content
    yield f"\r\n--{boundary}--\r\n".encode()
