"""What a reply says: the content of its JSON, or an error of the right kind in safe words."""

import json
from collections.abc import Callable
from typing import Any

from assay.backends.endpoint.failures import (
    Cause,
    Heard,
    RefusedError,
    UnansweredError,
    cause_of,
    passes,
)
from assay.backends.endpoint.http_transport import BrokenError, Reply, UnreadableError
from assay.backends.endpoint.http_words import Words, asked_wait
from assay.formats.json_text import RepeatedNameError, once_each
from assay.wording import seconds as seconds_text


class Reader:
    """Reads the replies of one server.

    Args:
        key: what never appears in an error.
        key_hint: returns what to do where the server denies access.
    """

    def __init__(self, key: str, key_hint: Callable[[], str]) -> None:
        self._words = Words(key)
        self._key_hint = key_hint

    def reported(self, answer: Any) -> str:
        """Return what an answer says of an error, as a line that is safe to show; "" if nothing."""
        return self._words.reported(answer)

    def broken(self, error: BrokenError | UnreadableError) -> UnansweredError:
        """Return what is raised where no whole reply came."""
        said = self._words.line(str(error))
        if isinstance(error, UnreadableError):
            return UnansweredError(said, Heard(spoken=True), hint=error.hint, stops=True)
        heard = Heard(error.spoken, late=error.late, reached=error.connected)
        return UnansweredError(said, heard)

    def read(self, reply: Reply, *, plain: bool = False) -> Any:
        """Return what the JSON of a reply says; of a plain one that succeeds, nothing.

        Raises:
            RefusedError: if it tells of an error that stays.
            UnansweredError: if it tells of one that may pass, or holds no JSON.
        """
        if 200 <= reply.status < 300:
            return None if plain else self._content(reply)
        cause, parameter = cause_of(reply.status, reply.content)
        said = self._words.of(reply)
        if passes(reply.status) and cause is not Cause.UNPAID:
            wait = asked_wait(reply)
            asks = f"; it asks to wait {seconds_text(wait)}" if wait else ""
            raise UnansweredError(f"{said}{asks}", Heard(True, reply.status), wait=wait)
        hint = self._key_hint() if cause is Cause.DENIED else ""
        raise RefusedError(reply.status, said, cause, parameter=parameter, hint=hint)

    def _content(self, reply: Reply) -> Any:
        """Return a body of JSON; one that says a thing twice, or is nested without end, is none."""
        status, heard = reply.status, Heard(spoken=True, status=reply.status)
        try:
            return json.loads(reply.content, object_pairs_hook=once_each)
        except RecursionError as error:
            said = f"{status}, and its JSON is nested too deeply"
            raise UnansweredError(said, heard, lasting=True) from error
        except RepeatedNameError as error:
            said = self._words.line(f"{status}, and its JSON says {error.name} twice")
            raise UnansweredError(said, heard, lasting=True) from error
        except ValueError as error:
            begin = self._words.begin(reply) or "nothing"
            said = f"{status}, and what it answers is no JSON: {begin}"
            raise UnansweredError(said, heard) from error
