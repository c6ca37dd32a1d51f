"""Rows as a model is trained on them: the tokens that scoring reads, and which are learned."""

from collections import Counter
from collections.abc import Iterable, Sequence

from assay.components.rendering import Rendering
from assay.models.language_model import LanguageModel
from assay.models.training import TrainingRows
from assay.rendering.encoding import TokenIds
from assay.rendering.tokenization import token_rows
from assay.rendering.trained import trained_sequences
from assay.samples import Conversation, Flag, IndexArray

_NOTED = (Flag.PROMPT_TRUNCATED, Flag.PROMPT_LOST, Flag.RESPONSE_TRUNCATED)
_NOT_CLOSED = "NOT_CLOSED"
_WEIGHT_UNUSED = "WEIGHT_UNUSED"


def training_rows(
    model: LanguageModel, rendering: Rendering, blocks: Iterable[Sequence[Conversation]]
) -> TrainingRows:
    """Return conversations as sequences to train on.

    An answer's tokens, and what stands before them, are those that `ResponseLogProbs` reads under
    the same rendering. What follows the last answer of a sequence is cut off, and a token that
    ends it put there: the tokenizer's EOS, or in a model's own chat format what the format has.
    An answer of weight 0 is context. Any other weight is not used, and such rows are noted.

    Args:
        model: whose tokenizer encodes, and whose window is the limit.
        rendering: template and limit.
        blocks: rows, some at a time.
    """
    sequences: list[TokenIds] = []
    learned: list[IndexArray] = []
    rows = 0
    left_out: Counter[str] = Counter()
    noted: Counter[str] = Counter()
    why = ""
    for block in blocks:
        token_rows_of = token_rows(model, rendering, "prompt", block)
        for conversation, row in zip(block, token_rows_of, strict=True):
            if row.reason:
                left_out[row.reason.name] += 1
                why = why or row.why
                continue
            rows += 1
            noted.update(str(flag.name) for flag in _NOTED if row.flags & flag)
            noted[_WEIGHT_UNUSED] += any(message.weight for message in conversation.messages)
            for sequence in trained_sequences(model, rendering, row):
                sequences.append(sequence.ids)
                learned.append(sequence.learned)
                noted[_NOT_CLOSED] += not sequence.closed
    return TrainingRows(sequences, learned, rows, dict(left_out), dict(+noted), why)
