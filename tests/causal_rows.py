"""Rows on which likelihood methods go wrong, and a plain loop that says what is right.

The loop knows nothing of Assay: one sequence at a time, all logits, a float32 log-softmax.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.backends.pins import folder_digest
from assay.components.references import DType
from assay.features.passes import RowFeature
from assay.models.language_model import LanguageModel
from assay.runtime import Runtime
from assay.samples import Conversation, FloatArray, Message, ToolCall
from assay.testing import pool as pool_of
from assay.testing import value_of
from tests.tiny_models import transformers

ALPACA = (
    "Below is an instruction that describes a task. Write a response that appropriately completes "
    "the request.\n\n### Instruction:\n{q}\n\n### Response:"
)
ALPACA_WITH_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further "
    "context. Write a response that appropriately completes the request.\n\n### Instruction:\n{q}"
    "\n\n### Input:\n{i}\n\n### Response:"
)
LATER_TURN = "\n\n### Instruction:\n{q}\n\n### Response:"
"""What the Alpaca wording puts before the second answer of a conversation, and later ones."""

Row = tuple[str, str, str]
"""Instruction, input, output."""

EDGE_ROWS: dict[str, Row] = {
    "empty response": ("Say nothing at all.", "", ""),
    "one token": ("Answer with a number.", "", "1"),
    "empty instruction": ("", "", "An answer to a question that nobody asked."),
    "two newlines first": ("List two fruits, please.", "", "\n\nApples.\n\nPears."),
    "leading space": ("Complete: to be or", "", " not to be, that is the question."),
    "inside the prompt": ("Repeat after me: tea is warm.", "tea is warm.", "tea is warm."),
    "prompt over the limit": ("Count the words: " + "river tree city " * 300, "", "Some 900."),
    "response over the limit": ("Write a long list.", "", "Book, film and music; " * 150),
    "emoji": ("Say it with emoji 🎉", "", "🙂🙂 🎉 👩‍👩‍👧"),
}
"""Rows on which published codes stumble."""

_SUBJECTS = ("the river", "a city", "tea", "this story", "Köln", "le café", "une idée", "气候")
_VERBS = ("is warm", "grows slowly", "was long ago {kept}", "has 12 parts", "ändert sich", "花开了")


def ordinary_rows(count: int, *, seed: int = 0) -> list[Row]:
    """Return made-up rows of different lengths and scripts, about a third of them with input."""
    generator = np.random.Generator(np.random.Philox(seed))

    def sentences(number: int) -> str:
        pairs = zip(
            generator.choice(_SUBJECTS, number), generator.choice(_VERBS, number), strict=True
        )
        return " ".join(f"{subject} {verb}." for subject, verb in pairs)

    rows = []
    for place in range(count):
        question = f"{sentences(int(generator.integers(1, 3)))} Why, {place}?"
        given = sentences(2) if place % 3 == 0 else ""
        rows.append((question, given, sentences(int(generator.integers(1, 7)))))
    return rows


def exchange(row: Row) -> Conversation:
    """Return a row as a conversation."""
    return Conversation((Message("user", row[0], row[1]), Message("assistant", row[2])))


def turns(*texts: str) -> Conversation:
    """Return texts as a conversation of user and assistant in turn."""
    roles = ("user", "assistant") * len(texts)
    return Conversation(
        tuple(
            Message(role, text)  # type: ignore[arg-type]
            for role, text in zip(roles, texts, strict=False)
        )
    )


TALKS = (
    turns("Hello, who are you?", "A small model.", "How small?", "Two layers, 64 wide."),
    turns("Un café?", "Oui.", "Avec du sucre?", "", "Alors?", " Non, merci."),
    turns("你好", "你好!", "再见", "\n\n再见,朋友。"),
    turns("First", "One", "Second", "Two", "Third", "Three", "Fourth", "Four and no more."),
    turns("Ends with a question", "It does.", "Does it?"),
)
"""Conversations of several turns that fit into 256 tokens."""

CALLS = Conversation(
    (
        Message("system", "You may use tools."),
        Message("user", "What is 2 + 2?"),
        Message("assistant", "Let me see.", tool_calls=(ToolCall("sum", '{"a": 2, "b": 2}'),)),
        Message("tool", "4"),
        Message("assistant", "It is 4.", reasoning="The tool said 4."),
    )
)
"""A conversation with a system message, a call of a tool and hidden reasoning."""


class Scored(NamedTuple):
    """Tokens and the places of those that are scored."""

    ids: list[int]
    places: list[int]


class Reply(NamedTuple):
    """Tokens that a model wrote, and whether it ended by itself."""

    ids: list[int]
    ended: bool


@dataclass
class PlainLoop:
    """Transformers alone, a sequence at a time.

    `tokenizer` and `model` are as `from_pretrained` gives them, in float32.
    """

    tokenizer: Any
    model: Any

    @classmethod
    def open(cls, folder: Path) -> "PlainLoop":
        """Open the model in a folder."""
        torch = pytest.importorskip("torch")
        library = transformers()
        model = library.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        return cls(library.AutoTokenizer.from_pretrained(folder), model)

    @property
    def context(self) -> list[int]:
        """BOS, or else EOS."""
        bos = self.tokenizer.bos_token_id
        return [self.tokenizer.eos_token_id if bos is None else bos]

    def plain(self, text: str) -> list[int]:
        """Return a text's tokens, with nothing added and names of special tokens as text."""
        found = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)
        return list(found["input_ids"])

    def usual(self, text: str) -> list[int]:
        """Return a text's tokens as the tokenizer gives them by default."""
        return list(self.tokenizer(text)["input_ids"])

    def logits(self, ids: Sequence[int]) -> Any:
        """Return all logits of one sequence, float32. Shape (t, vocabulary)."""
        torch = pytest.importorskip("torch")
        with torch.no_grad():
            return self.model(torch.tensor([list(ids)])).logits[0].float()

    def reply(
        self,
        ids: Sequence[int],
        most: int,
        *,
        temperature: float = 0.0,
        seed: int = 0,
        ends: Sequence[str] = (),
    ) -> "Reply":
        """Return what the model writes after some tokens, a whole forward for each."""
        torch = pytest.importorskip("torch")
        stops = {self.tokenizer.eos_token_id, *self.tokenizer.convert_tokens_to_ids(list(ends))}
        random = torch.Generator().manual_seed(seed)
        found: list[int] = []
        while len(found) < most:
            last = self.logits([*ids, *found])[-1]
            if temperature:
                drawn = torch.multinomial((last / temperature).softmax(-1), 1, generator=random)
                token = int(drawn)
            else:
                token = int(last.argmax())
            if token in stops:
                return Reply(found, True)
            found.append(token)
        return Reply(found, False)

    def shown(self, ids: Sequence[int]) -> str:
        """Return the text of some tokens, without special ones."""
        text = self.tokenizer.decode(
            list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return str(text)

    def log_probs(self, ids: Sequence[int]) -> FloatArray:
        """Return the log-probability of every token but the first. Shape (t - 1,)."""
        torch = pytest.importorskip("torch")
        if len(ids) < 2:
            return np.empty(0)
        table = torch.log_softmax(self.logits(ids)[:-1], -1)
        labels = torch.tensor(list(ids[1:]))
        return np.asarray(table.gather(1, labels[:, None])[:, 0].double())

    def scored(self, sequences: Sequence[Scored]) -> FloatArray:
        """Return the log-probabilities of the scored tokens of some sequences."""
        parts = [np.empty(0)]
        for ids, places in sequences:
            parts.append(self.log_probs(ids)[np.array(places, np.int64) - 1])
        return np.concatenate(parts)

    def states(self, ids: Sequence[int], layer: int = -1) -> NDArray[np.float64]:
        """Return the hidden states, by default after the last normalisation. Shape (t, d)."""
        torch = pytest.importorskip("torch")
        with torch.no_grad():
            output = self.model(torch.tensor([list(ids)]), output_hidden_states=True)
        return np.asarray(output.hidden_states[layer][0].double())


def spans_of(conversation: Conversation) -> list[tuple[str, bool]]:
    """Return what is read in turn, and whether it is an answer, in Alpaca's wording."""
    heading = "\n\n### Response:"
    spans: list[tuple[str, bool]] = []
    pending = ""
    for place, message in enumerate(conversation.messages):
        if message.role == "assistant":
            spans += [(pending + heading, False), (message.content, True)]
            pending = ""
            continue
        wording = LATER_TURN if place else ALPACA_WITH_INPUT if message.context else ALPACA
        wording = wording.removesuffix(heading)
        pending = wording.replace("{q}", message.content).replace("{i}", message.context)
    return [*spans, (pending, False)] if pending else spans


def given_prompt(loop: PlainLoop, conversation: Conversation, limit: int) -> Scored:
    """Return a conversation's tokens: every span by itself, after one context token."""
    ids: list[int] = []
    places: list[int] = []
    for text, is_answer in spans_of(conversation):
        tokens = loop.plain(text)
        if is_answer and text.strip():
            places += range(len(ids), len(ids) + len(tokens))
        ids += tokens
    room = limit - len(loop.context)
    if len(ids) > room:
        # A single exchange: the prompt loses its beginning; an answer that is too long by itself
        # loses its end, so that a quarter of the window is left for the prompt.
        answer = len(places)
        kept = answer if answer <= room else room - limit // 4
        before = ids[: len(ids) - answer]
        left = before[len(before) - min(len(before), room - kept) :]
        ids = left + ids[len(before) : len(before) + kept]
        places = list(range(len(left), len(left) + kept))
    shift = len(loop.context)
    return Scored(loop.context + ids, [place + shift for place in places])


def alone(loop: PlainLoop, conversation: Conversation, limit: int) -> list[Scored]:
    """Return each answer's tokens, after one context token."""
    room = limit - len(loop.context)
    found = []
    for text, is_answer in spans_of(conversation):
        if not is_answer or not text.strip():
            continue
        tokens = loop.plain(text)
        if len(tokens) > room:
            tokens = tokens[: room - limit // 4]
        first = len(loop.context)
        ids = loop.context + tokens
        found.append(Scored(ids, list(range(first, len(ids)))))
    return found


def open_runtime(cache: Path) -> Runtime:
    """Return how to work on the processor, all failures of rows allowed."""
    return Runtime(cache=cache, workers=1, max_unscored=1.0, device="cpu", offline=True)


def set_budget(runtime: Runtime, folder: Path, tokens: int, dtype: DType = "float32") -> None:
    """Write how many tokens of a model go into a batch, so that it is not measured."""
    file = runtime.cache / "token_budgets" / f"{folder_digest(folder)}-{dtype}-cpu.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'{{"tokens": {tokens}}}', encoding="utf-8")


def value_in_order(
    feature: RowFeature, rows: Sequence[Conversation], *, runtime: Runtime | None = None
) -> Any:
    """Return the value of different rows in their order, which is not that of a pool."""
    made = pool_of(rows)
    found = value_of(feature, made, runtime=runtime)
    order = {c: place for place, c in enumerate(made.conversations(np.arange(len(made))))}
    return found.take(np.array([order[row] for row in rows], np.int64))


def open_model(
    folder: Path, cache: Path, *, tokens: int = 2048, dtype: DType = "float32"
) -> LanguageModel:
    """Return the model of a folder as the passes hold it, its batches of some tokens."""
    runtime = open_runtime(cache)
    set_budget(runtime, folder, tokens, dtype)
    return runtime.language_model(runtime.pin("language_model", str(folder)), dtype)
