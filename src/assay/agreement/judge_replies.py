"""What judges were asked for a score, and what they replied, read back from what is kept."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from assay.components.base import Component
from assay.components.walk import walk
from assay.echo import Brief
from assay.engine.row_work import RowWork
from assay.errors import AssayError
from assay.features.asked_together import AskedTogether
from assay.features.judging_pass import JudgedFeature
from assay.features.judgments import Judged
from assay.judging.kept import read_stored
from assay.judging.known_capabilities import known
from assay.judging.opening import judge_identity
from assay.judging.questioning import Concluded, Questions, answered
from assay.judging.replies import NoReplyError, Reply
from assay.judging.store import ReplyStore
from assay.judging.stored_reply import StoredReply
from assay.pool.view import PoolView
from assay.samples import Conversation, IndexArray, Reason
from assay.workspace.stored import stored_results, stored_scorer
from assay.workspace.workspace import Workspace

JudgeFeature: TypeAlias = JudgedFeature | AskedTogether[Any]
"""What a judge is asked for, of single rows or of several at a time."""


def judge_features(project: Workspace, component: Component) -> list[JudgeFeature]:
    """Return what judges are asked for, so that a component has a value."""
    resolve = project.engine.resolve
    found = walk([resolve(component)], resolve=resolve)
    return [item for item in found if isinstance(item, (JudgedFeature, AskedTogether))]


def replies_of(project: Workspace) -> ReplyStore:
    """Return where replies lie."""
    return ReplyStore(project.runtime.cache / "judge")


@dataclass(frozen=True, repr=False)
class Exchange(Brief):
    """A request and its reply.

    Attributes:
        asked: what was shown, by role; dots stand for the code of the fences.
        said: what the judge wrote; empty where it wrote nothing.
        outcome: OK, or why there is no reply.
        repeat: which of several samplings of the same it is, from 0.
        stored: as it is kept.
    """

    asked: Sequence[tuple[str, str]]
    said: str
    outcome: Reason
    repeat: int
    stored: StoredReply


class Replies:
    """The replies that a feature's values rest on.

    Args:
        project: whose rows they are about.
        feature: what a judge was asked for; settled.
    """

    def __init__(self, project: Workspace, feature: JudgeFeature) -> None:
        self.feature = feature
        self.store = replies_of(project)
        self.identity = judge_identity(feature.judge)
        self._project = project

    @cached_property
    def _capabilities(self) -> Any:
        return known(self.store.folder, self.identity)

    def concluded(self, conversation: Conversation) -> Concluded[Any]:
        """Return what the kept replies to a row come to, and their keys. Nobody is asked."""
        assert isinstance(self.feature, JudgedFeature)  # noqa: S101  of several rows there is none
        questions = self.feature.questions(conversation, self._capabilities)
        return answered(questions, self.identity, self._find)

    def about(self, place: int) -> list[Concluded[Any]]:
        """Return what the kept replies come to that are about a row, alone or with others.

        Args:
            place: position of the row in the pool.
        """
        if isinstance(self.feature, JudgedFeature):
            [conversation] = self._project.pool.conversations(np.array([place]))
            return [self.concluded(conversation)]
        return [
            answered(questions, self.identity, self._find)
            for rows, questions in self._together()
            if place in rows
        ]

    def _together(self) -> Iterator[tuple[list[int], Questions[Any]]]:
        """Yield all questions about several rows, with the positions of these in the pool."""
        assert isinstance(self.feature, AskedTogether)  # noqa: S101  whoever calls has looked
        view = self._project.engine.view_shown(self.feature.dataset)
        positions = view.positions
        for rows, questions in self.feature.asked_together(view, self._capabilities):
            yield positions[np.array(rows, np.int64)].tolist(), questions

    def _find(self, key: bytes) -> Reply | None:
        stored = self.store.find([key]).get(key)
        if stored is None:
            return None
        try:
            return read_stored(stored)
        except (NoReplyError, ValueError):
            return None

    def value(self, view: PoolView) -> Any:
        """Return the value of the rows in view as it is kept; raises as `RowWork.read`."""
        assert isinstance(self.feature, JudgedFeature)  # noqa: S101  others have one of all rows
        return RowWork(self._project.runtime).read(view, self.feature)

    def keys(self, view: PoolView) -> list[tuple[bytes, ...]]:
        """Return the keys of the replies of each row in view."""
        if not isinstance(self.feature, JudgedFeature):
            keys: dict[int, tuple[bytes, ...]] = {}
            for rows, questions in self._together():
                own = answered(questions, self.identity, self._find).keys
                for row in rows:
                    keys[row] = keys.get(row, ()) + own
            return [keys.get(row, ()) for row in view.positions.tolist()]
        value = self.value(view)
        if isinstance(value, Judged):
            return [tuple(keys or ()) for keys in value.keys.to_list()]
        return [self.concluded(each).keys for _, block in view.blocks() for each in block]

    def exchanges(self, keys: Sequence[bytes]) -> list[Exchange]:
        """Return requests with their replies, in order; those that have none are left out."""
        found = self.store.find(keys)
        return [exchange_of(found[key]) for key in keys if key in found]

    def close(self) -> None:
        """Let go of the files."""
        self.store.close()


def exchange_of(stored: StoredReply) -> Exchange:
    """Return a kept reply with what it was asked."""
    request = json.loads(stored.request)
    asked = [(str(role), _shown(pieces)) for role, pieces in request["messages"]]
    try:
        said, outcome = (read := read_stored(stored)).text, read.outcome
    except (NoReplyError, ValueError):
        said, outcome = "", Reason.PARSE_FAILED
    return Exchange(asked, said, outcome, int(request.get("repeat", 0)), stored)


def _shown(pieces: Sequence[str | None]) -> str:
    """Return a message as it was sent; dots stand for the code of its fences."""
    return "".join("..." if piece is None else piece for piece in pieces)


def told_of(finding: Any) -> Iterator[Mapping[str, Any] | Reason]:
    """Yield what was read of each reply that counts: numbers by name, or why there are none."""
    for group in getattr(finding, "verdicts", ()):
        for verdict in group:
            yield verdict.reason if verdict.values is None else dict(verdict.values)


def rows_in_view(
    project: Workspace, feature: JudgeFeature, sample: IndexArray | None = None
) -> PoolView:
    """Return the rows that a feature is about, all or those at some positions of the pool."""
    view: PoolView = project.engine.view(feature.dataset)
    if sample is None:
        return view
    return PoolView(view.pool, np.intersect1d(view.positions, sample))


def replies_used(project: Workspace) -> list[bytes]:
    """Return the keys of all replies that scores of a project rest on, ascending."""
    keys: set[bytes] = set()
    features = {feature.key: feature for _, feature in judged_scores(project)}
    for feature in features.values():
        replies = Replies(project, feature)
        own = {key for row in replies.keys(rows_in_view(project, feature)) for key in row}
        keys |= replies.store.known(own)
        replies.close()
    return sorted(keys)


def judged_scores(project: Workspace) -> Iterator[tuple[str, JudgeFeature]]:
    """Yield the names of the stored scores, each with all that judges were asked for it."""
    for found in stored_results(project.results, project.pool.context):
        if found.current and found.kind == "score":
            # What another version or a file that is not loaded has made is passed over.
            with contextlib.suppress(AssayError):
                for feature in judge_features(project, stored_scorer(project, found)):
                    yield found.name, feature
