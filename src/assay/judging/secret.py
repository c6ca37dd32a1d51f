"""The secret of a cache folder, and the nonces that fence a row's text in a request.

Whoever writes the data cannot know the nonce that will stand around it. It follows from the secret
and the request's key, so that a request that is sent again is the same to the byte.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from assay.errors import CacheError
from assay.files import write_error

_NAME = "secret"
_BYTES = 32
_NONCE_DIGITS = 16


def folder_secret(folder: Path) -> bytes:
    """Return the 32 bytes that belong to a folder, made on the first call.

    Several processes that come first at once get the same; only the user may read the file.

    Raises:
        CacheError: if the file does not hold what was written.
        DataError: if it cannot be written or read.
    """
    path = folder / _NAME
    try:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _make(path)
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        text = path.read_bytes()
    except OSError as error:
        raise write_error(path, error) from error
    with contextlib.suppress(ValueError):
        found = bytes.fromhex(text.decode("ascii"))
        if len(found) == _BYTES:
            return found
    raise CacheError(f"{path} is damaged", hint="remove it: replies that are kept stay valid")


def _make(path: Path) -> None:
    """Write a secret that appears whole or not at all; the first one to do so stays."""
    temporary = path.with_name(f".{_NAME}.{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_hex(_BYTES).encode())
        os.fsync(descriptor)
        # Unlike a rename, a link never takes the place of another process's.
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        os.close(descriptor)
        temporary.unlink()


def nonce(secret: bytes, key: bytes) -> str:
    """Return the 16 hex digits that fence the data of a request."""
    return hmac.new(secret, key, hashlib.sha256).hexdigest()[:_NONCE_DIGITS]
