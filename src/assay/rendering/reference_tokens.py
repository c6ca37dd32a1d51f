"""Tokens as published codes count them, so that their numbers can be reproduced.

Both encode prompt and answer as one text, with whatever the tokenizer adds, cut the end off, and
take the length of the prompt's own encoding for the place where the answer begins. Where the two
encodings differ at that place, the answer begins a token early or late; such rows are flagged.

* ``superfiltering`` (arXiv 2402.00530): the answer alone has nothing before it, so its first token
  is not scored there, and it may have as many tokens as the window leaves beside the prompt and
  one more.
* ``cherry`` (arXiv 2308.12032): the answer alone stands after the template's marker, and may have
  as many tokens, the marker's among them, as the window leaves beside the prompt and a published
  constant more. That is what the marker takes in the tokenizer of LLaMA; where it takes more, an
  answer that is cut has fewer tokens alone than given its prompt.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from assay.components.rendering import Rendering
from assay.errors import ConfigError
from assay.rendering.encoding import TextEncoding
from assay.rendering.templates import load_template
from assay.rendering.token_rows import Answer, TokenRow, Window
from assay.samples import Conversation, Flag, Reason

_MARKER_TOKENS: Mapping[str, int] = {"### Response:": 4, "ASSISTANT:": 6}
"""Tokens by which Cherry's code makes room for its markers, BOS included."""


class _Texts(NamedTuple):
    prompt: str
    answer: str
    empty_prompt: bool


def reference_rows(
    model: TextEncoding, rendering: Rendering, alone: bool, conversations: Sequence[Conversation]
) -> list[TokenRow]:
    """Return rows as a published code makes them; the last answer of each is scored.

    Args:
        model: whose tokenizer encodes.
        rendering: `reference` names the code; template and limit are used, the rest is not.
        alone: leave out the prompt.
        conversations: one row each.
    """
    if rendering.is_chat:
        raise ConfigError("a reference rendering needs a template of its own, not the model's chat")
    template = load_template(rendering.template)
    marker = template.marker if rendering.reference == "cherry" else ""
    limit = min(rendering.max_tokens, model.window)
    texts = [_texts(conversation, rendering) for conversation in conversations]
    prompts = model.encode_as_usual([row.prompt for row in texts])
    marker_ids = model.encode_as_usual([marker])[0] if marker else []
    if alone:
        wholes = model.encode_as_usual([marker + row.answer for row in texts])
        # The published code knows two markers; any other takes what it takes.
        extra = _MARKER_TOKENS.get(marker.strip(), len(marker_ids)) if marker else 1
        limits = [limit - min(len(ids), limit) + extra for ids in prompts]
        starts = [len(marker_ids)] * len(texts)
    else:
        wholes = model.encode_as_usual([row.prompt + row.answer for row in texts])
        limits, starts = [limit] * len(texts), [len(ids) for ids in prompts]
    rows = []
    for place, text in enumerate(texts):
        merged = not alone and wholes[place][: starts[place]] != prompts[place]
        rows.append(_row(text, wholes[place], starts[place], limits[place], merged))
    return rows


def _texts(conversation: Conversation, rendering: Rendering) -> _Texts:
    spans = load_template(rendering.template).spans(conversation)
    learned = conversation.learned_turns
    turns = [place for place, span in enumerate(spans) if span.turn in learned]
    empty = not conversation.prompt.strip()
    if not turns:
        return _Texts("".join(span.text for span in spans), "", empty)
    before = "".join(span.text for span in spans[: turns[-1]])
    return _Texts(before, spans[turns[-1]].text, empty)


def _row(text: _Texts, whole: Sequence[int], start: int, limit: int, merged: bool) -> TokenRow:
    ids = np.array(whole[: max(0, limit)], np.int32)
    first = max(start, 1)
    scored = first < len(ids)
    flags = Flag.EMPTY_PROMPT if text.empty_prompt else Flag.NONE
    if merged:
        flags |= Flag.BOUNDARY_MERGE
    if len(whole) > limit:
        flags |= Flag.RESPONSE_TRUNCATED
    answers = (Answer(0, first, len(ids)),) if scored else ()
    left_out = tuple(range(min(start, len(ids)), min(first, len(ids))))
    window = Window(ids, answers, min(start, len(ids)), left_out)
    reason = Reason.OK
    if not text.answer.strip():
        reason = Reason.EMPTY_RESPONSE
    elif not scored:
        reason = Reason.NO_SCORED_TOKENS
    return TokenRow((window,), reason, flags, start, max(0, len(whole) - start))
