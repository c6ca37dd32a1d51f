"""A judge that can be asked: a server elsewhere, or one of our own for a model in a file."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from assay.backends.endpoint.client import Client
from assay.backends.endpoint.endpoint_address import Address, check_reachable
from assay.backends.endpoint.failures import Cause, RefusedError, UnansweredError
from assay.backends.endpoint.http_model import denied
from assay.backends.endpoint.judge_address import JudgeAddress
from assay.backends.endpoint.local_server import CONTEXT, LocalServer, Settings
from assay.backends.endpoint.retries import Patience, judge_patience
from assay.components.references import UNPINNED
from assay.errors import ModelLoadError
from assay.models.asking import CHAT, Answered

if TYPE_CHECKING:
    from pathlib import Path

    from assay.models.workplace import Workplace

_BROKEN_THERE = (500, 501)  # what a server says of a field that it stumbles over
_QUESTIONS = Patience(1, (0.5, 1.0, 2.0), asked=60.0, seconds=180.0)
_SERVE = "start it, or mend the address, then run the same line again"


class JudgeService:
    """A judge that can be asked, until `close`.

    Attributes:
        judge: which one.
        address: where it answers; of a file served from here, where that happens to listen.
        client: sends to it, with its key.

    Args:
        judge: which one.
        address: where it answers.
        client: sends to it.
        server: of our own, which ends with the service.
    """

    def __init__(
        self,
        judge: JudgeAddress,
        address: Address,
        client: Client,
        server: LocalServer | None = None,
    ) -> None:
        self.judge = judge
        self.address = address
        self.client = client
        self._server = server

    @property
    def context(self) -> int | None:
        """Most tokens of one request, prompt and reply together; None where nobody says."""
        return None if self._server is None else self._server.context

    @cached_property
    def _asking(self) -> Client:
        """What carries single questions: a code that stays is an answer, so few tries do."""
        key = None if self._server is None else self._server.key
        return Client(self.address.base, _QUESTIONS, key=key)

    def ask(self, route: str, question: Mapping[str, Any]) -> Answered:
        """Return what came back to one request; see `assay.models.asking.Asks`.

        Raises:
            ModelLoadError: if nobody answers, access is denied, the model is not there, or it
                cannot answer now.
        """
        url = f"{self.address.base}/{route}"
        try:
            answer = self._asking.ask(url, {"model": self.address.model, **question})
        except RefusedError as error:
            self._check_refusal(error, route)
            return Answered(error.status, said=str(error))
        except UnansweredError as error:
            if error.status in _BROKEN_THERE:
                return Answered(error.status, said=str(error))
            self.check()
            if error.spoken:
                raise ModelLoadError(
                    f"{self.address.base} gives no usable answer: {error}", hint=error.hint
                ) from error
            raise ModelLoadError(
                f"no server answers at {self.address.base}: {error}", hint=_SERVE
            ) from error
        return Answered(200, answer)

    def _check_refusal(self, error: RefusedError, route: str) -> None:
        """Raise where whatever else is asked would be refused, too."""
        if error.denied:
            raise denied(self.address, error) from error
        only_chats = error.cause is Cause.NO_MODEL and route != CHAT
        if (error.ends_all and not only_chats) or error.redirects:
            raise ModelLoadError(
                f"{self.address.base} refuses: {error}", hint=error.hint
            ) from error

    def check(self) -> None:
        """Check that a server of our own is still running.

        Raises:
            ModelLoadError: if it has ended, with its last words.
        """
        if self._server is not None:
            self._server.check()

    def close(self) -> None:
        """Send nothing more, and end a server of our own."""
        self.client.close()
        if "_asking" in vars(self):
            self._asking.close()
        if self._server is not None:
            self._server.close()


def open_judge(
    judge: JudgeAddress,
    runtime: "Workplace",
    *,
    threads: int,
    context: int = CONTEXT,
    slots: int = 0,
) -> JudgeService:
    """Return a judge that can be asked; a model in a file is served from here first.

    Args:
        judge: which one.
        runtime: whether the network may be asked, and where it is told what takes long.
        threads: processors that a server of our own uses.
        context: most tokens of one request to a server of our own.
        slots: requests that a server of our own works on at a time; as many as threads if 0.

    Raises:
        ModelLoadError: if it is on another machine and the network is not to be touched, or the
            server of a file does not come up.
        MissingExtraError: if what serves files is not installed.
        ConfigError: if a setting, or the key in the environment, cannot be one.
    """
    if judge.address is not None:
        check_reachable(judge.address, offline=runtime.offline)
        return JudgeService(judge, judge.address, Client(judge.address.base))
    if judge.file is None:
        raise ValueError(f"{judge.pinned} is neither an address nor a file")
    return _served(judge, judge.file, Settings(context, slots or threads, threads), runtime)


def _served(
    judge: JudgeAddress, file: "Path", settings: Settings, runtime: "Workplace"
) -> JudgeService:
    with runtime.progress.task(f"starts {judge.name}", None):
        server = LocalServer(file, settings)
    try:
        # More at a time would only wait there, and may wait too long.
        patience = replace(judge_patience(), parallel=2 * settings.slots)
        client = Client(server.base, patience, key=server.key)
        address = Address(server.base, server.model, UNPINNED)
        return JudgeService(judge, address, client, server)
    except BaseException:
        server.close()
        raise
