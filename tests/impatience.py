"""Requests to servers of tests: sent again after moments, with no key of the environment."""

import pytest

from assay.backends.endpoint import keys, retries


def ask_again_at_once(patched: pytest.MonkeyPatch, *waits: float) -> None:
    """Let requests wait so many seconds between tries, with no key or proxy of the environment."""
    patched.setattr(retries, "PAUSES_SECONDS", waits)
    for name in (
        keys.KEYS_VARIABLE, keys.KEY_VARIABLE, keys.HOST_VARIABLE, keys.COMMAND_VARIABLE,
        "HTTP_PROXY", "http_proxy",
    ):  # fmt: skip
        patched.delenv(name, raising=False)
