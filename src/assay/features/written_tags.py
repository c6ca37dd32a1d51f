"""Tags that a language model writes which was trained to: InsTagger, in its own format."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.components.decoding import Decoding
from assay.components.references import QuestionRef
from assay.components.rendering import Rendering
from assay.errors import ConfigError
from assay.features.generations import GenerationPass, GenerationReading, Generations, Prepared
from assay.features.made_models import ModelRef
from assay.features.normalised_tags import INSTAG
from assay.features.passes import Pass, Reading, RowFeature
from assay.features.turn_tags import tags_of_turns
from assay.features.word_probabilities import BARE
from assay.judging.row_questions import Turns, exchanges_of
from assay.judging.suspicion import suspicious
from assay.models.generation import Generator, Writer
from assay.models.language_model import NOTHING_KEPT, Kept
from assay.models.service import Price, Unasked
from assay.rendering.judged_rows import fit_texts
from assay.rendering.prompts import prompts
from assay.rendering.questions import Question, load_question
from assay.runtime import Runtime
from assay.samples import Conversation, Flag, Message, Reason
from assay.tags import Tags
from assay.texts.tag_lists import TagList, is_echo, read_tags
from assay.values import RowValue, Texts

_QUERY = "instruction"


class WrittenTags(Generations):
    """The tags that a trained tagger writes of all that a row's user asks, of all turns together.

    It reads each question apart, an input below it, and writes a list of tags with explanations,
    which is read as for `judged_tags`: where the list breaks off, the tags before the break count,
    and the row is flagged TEXT_TRUNCATED; a list that cannot be read, names more than 50 or stands
    in the question itself is none, and the row has no tags and a reason. A question that is too
    long loses its end, and the row is flagged.
    """

    name = "written_tags"
    paper: ClassVar[Paper | NoPaper] = INSTAG
    value: ClassVar[type[RowValue]] = Tags
    shuns: ClassVar[Flag] = Flag.INJECTION_SUSPECT

    model: ModelRef
    """Causal language model that was trained to write tags, such as OFA-Sys/InsTagger: a folder
    with safetensors, org/name, an address, or one that is made on the way."""
    question: QuestionRef = "instagger"
    """What it reads: instagger, or a .json file; {instruction} is what a user says."""
    rendering: Rendering = BARE
    """What stands around the question, limit and context token."""
    decoding: Decoding = Decoding()
    """How tokens are chosen, how many, and what ends a reply."""
    turns: Turns = "each"
    """Whether every question of a conversation is tagged, or the last."""

    def reading(self) -> Pass:
        """Return the pass that writes the tags.

        Raises:
            ConfigError: if the question has no place for a query, or the rendering or number
                format cannot be had.
        """
        if load_question(self.question).fields != {_QUERY}:
            raise ConfigError(f"a question to a tagger holds {{{_QUERY}}} and no other text")
        plain = super().reading()
        fields = {name: getattr(plain, name) for name in GenerationPass.model_fields}
        return TaggingPass(question=self.question, turns=self.turns, **fields)


class TaggingPass(GenerationPass):
    """Lists of tags, written about every question of every row."""

    question: QuestionRef
    turns: Turns

    def reader(self, model: Generator) -> Reading:
        """Return what has tags written."""
        return TaggingReading(model, self)

    def asked_of(
        self,
        model: Unasked,
        conversations: Sequence[Conversation],
        features: Sequence[RowFeature],
    ) -> Price:
        """Return what a server would be asked about some rows."""
        return super().asked_of(model, _asked(model, self, conversations).shown, features)

    def why(self, conversation: Conversation, runtime: Runtime) -> str:
        """Return nothing: what a tagger wrote is not kept."""
        return ""


@dataclass(frozen=True)
class _Asked:
    """What a tagger is asked about some rows.

    Attributes:
        counts: how many questions each row has.
        queries: as they stand in the data, of all rows.
        shown: the questions, with as much of each query as fits.
        flags: what happened to each.
    """

    counts: list[int]
    queries: list[str]
    shown: list[Conversation]
    flags: list[Flag]


@dataclass(frozen=True)
class _Prepared:
    asked: _Asked
    written: Prepared


class TaggingReading(GenerationReading):
    """Has tags written about every question of every row.

    Args:
        model: what writes.
        pass_: rendering, decoding and question.
    """

    def __init__(self, model: Generator, pass_: TaggingPass) -> None:
        super().__init__(model, pass_)
        self._tagging = pass_

    def prepare(  # type: ignore[override]  # the questions of a row go together
        self, conversations: Sequence[Conversation], features: Sequence[RowFeature]
    ) -> _Prepared:
        """Return the questions about the rows."""
        asked = _asked(self._model, self._tagging, conversations)
        return _Prepared(asked, super().prepare(asked.shown, features))

    def finish(  # type: ignore[override]
        self,
        prepared: _Prepared,
        features: Sequence[RowFeature],
        advance: Callable[[int], None],
        kept: Kept = NOTHING_KEPT,
    ) -> list[RowValue]:
        """Return the tags, once for every feature: they are equal."""
        rows, questions = len(prepared.asked.counts), len(prepared.asked.queries)
        done = told = 0

        def by_rows(count: int) -> None:
            nonlocal done, told
            done += count
            advance(done * rows // questions - told)
            told = done * rows // questions

        (texts,) = super().finish(prepared.written, features[:1], by_rows, kept)
        advance(rows - told)
        found = _tags(prepared.asked, texts)
        return [found for _ in features]


def _asked(model: Writer, tagging: TaggingPass, conversations: Sequence[Conversation]) -> _Asked:
    """Return the questions about rows, each query shortened until the question fits."""
    found = [
        [texts["query"] for texts in exchanges_of(row, tagging.turns)] for row in conversations
    ]
    queries = [query for row in found for query in row]
    question = load_question(tagging.question)
    texts = [{_QUERY: query} for query in queries]

    def excess(places: Sequence[int]) -> list[int]:
        shown = [_shown(question, texts[place]) for place in places]
        most = tagging.decoding.max_new_tokens
        return [each.cut for each in prompts(model, tagging.rendering, shown, most)]

    flags = fit_texts(model, texts, excess)
    return _Asked(
        [len(row) for row in found], queries, [_shown(question, own) for own in texts], flags
    )


def _shown(question: Question, texts: dict[str, str]) -> Conversation:
    # A query of which nothing is left, or that says nothing, is not asked about.
    if not texts[_QUERY].strip():
        return Conversation((Message("user", ""),))
    return Conversation((Message("user", "".join(piece.text for piece in question.pieces(texts))),))


def _tags(asked: _Asked, written: RowValue) -> Tags:
    """Return the tags of rows, each once, in the order of turns."""
    assert isinstance(written, Texts)  # noqa: S101  what generations are
    read = map(_read, written.values.to_list(), written.reason.tolist(), asked.queries)
    queries = zip(asked.queries, asked.flags, read, strict=True)
    turns: list[list[TagList]] = []
    flags = np.zeros(len(asked.counts), np.uint16)
    for place, count in enumerate(asked.counts):
        own = list(islice(queries, count))
        for query, cut, _ in own:
            suspect = Flag.INJECTION_SUSPECT if suspicious(query) else Flag.NONE
            flags[place] |= np.uint16(cut | suspect)
        turns.append([tags for _, _, tags in own])
    silent = np.where(np.array(asked.counts) == 0, Reason.EMPTY_PROMPT, Reason.OK)
    return tags_of_turns(turns, silent.astype(np.uint8), flags)


def _read(text: str, lacking: int, query: str) -> TagList:
    """Return the tags of a reply about a query; none where there is no reply."""
    if lacking == Reason.EMPTY_PROMPT and query.strip():
        return TagList((), Reason.TOO_LONG)  # not a word of it has room
    if lacking:
        return TagList((), Reason(lacking))
    read = read_tags(text)
    return TagList((), Reason.PARSE_FAILED) if is_echo(read, [query]) else read
