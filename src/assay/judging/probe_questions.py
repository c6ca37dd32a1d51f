"""What the probe asks: texts of ours with known answers, and demands none obeys by chance."""

from collections.abc import Mapping
from typing import Any

CANDIDATES = 20
"""Of the likeliest tokens, how many are asked for: the most that every server may be asked for."""
FEWER_CANDIDATES = 5
MOST_TOKENS = 1024
"""No reply to the probe may have more tokens: room for a model that thinks before it answers."""
ROOM = 64
"""Tokens for a short answer, and for the JSON that is demanded."""
CUT_AT = 8
"""Tokens where a limit is tried out."""
SHORT = "What is the capital of France? Answer with one word."
LONG = "Count from one to forty in words, separated by commas. Begin with one."
LETTER = "Is a tomato a fruit? Answer with one letter: A for yes, B for no."
OPEN = "Write one sentence about the sea."
SYSTEM = (
    "You are asked questions about geography by pupils. Answer each of them as shortly as you can, "
    "and do not add anything that was not asked for."
)
PROMPT = "The quick brown fox jumps over the lazy dog, and the dog"
UNLIKELY = "quartz-7431"
OBEYED = {"mark": UNLIKELY, "count": 7431}
"""What the schema leaves, and no question calls for."""
SCHEMA_FORMAT: Mapping[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "probe",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "mark": {"type": "string", "enum": [UNLIKELY]},
                "count": {"type": "integer", "enum": [7431]},
            },
            "required": ["mark", "count"],
            "additionalProperties": False,
        },
    },
}
CHOICES: Mapping[str, Any] = {
    "grammar": f'root ::= "{UNLIKELY}"',
    "structured_outputs": {"choice": [UNLIKELY]},
    "guided_choice": [UNLIKELY],
}
"""Fields by which servers are told to write one of some words: llama.cpp's, vLLM's, the older
vLLM's, which newer ones take and ignore."""
PROMPT_FIELDS: tuple[Mapping[str, Any], ...] = (
    {"echo": True, "logprobs": 1},
    {"prompt_logprobs": 0},
)
"""Ways to ask for the log-probabilities of a prompt: OpenAI's, vLLM's."""


def messages(text: str, system: str = "") -> list[dict[str, str]]:
    """Return a conversation of one question, with a system message or without."""
    first = [{"role": "system", "content": system}] if system else []
    return [*first, {"role": "user", "content": text}]
