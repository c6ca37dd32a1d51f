"""Requests to servers of tests: sent again after moments, with no key of the environment."""

import pytest

from assay.backends.endpoint import http_requests


def ask_again_at_once(patched: pytest.MonkeyPatch, *waits: float) -> None:
    """Let requests wait so many seconds between tries, with no key or proxy of the environment."""
    patched.setattr(http_requests, "WAITS_SECONDS", waits)
    for name in ("ASSAY_API_KEY", "OPENAI_API_KEY", "HTTP_PROXY", "http_proxy"):
        patched.delenv(name, raising=False)
