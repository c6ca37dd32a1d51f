"""From tokens back to text, and from messages to a model's own chat format."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from assay.errors import ConfigError, FeatureError, Parameter


def chat_text(
    tokenizer: Any, name: str, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any]
) -> str:
    """Return a conversation in the format that a tokenizer of transformers holds.

    Raises:
        ConfigError: if it holds none.
        FeatureError: if the format refuses the conversation.
    """
    if not tokenizer.chat_template:
        raise ConfigError(
            f"{name} has no chat template",
            hint=Parameter("rendering.template", "alpaca"),
        )
    import jinja2  # noqa: PLC0415  comes with torch

    try:
        return tokenizer.apply_chat_template(
            list(messages), tools=list(tools) or None, tokenize=False
        )
    except (jinja2.TemplateError, ValueError, TypeError, KeyError) as error:
        raise FeatureError(f"the chat template of {name}: {error}") from error


def pieces(ids: Sequence[int], decode: Callable[[Sequence[Sequence[int]]], list[str]]) -> list[str]:
    """Return the text of each token, so that together they are the text of all.

    Args:
        ids: of one text.
        decode: gives the text of several sequences.
    """
    shown = ""
    found = []
    texts = decode([ids[:stop] for stop in range(1, len(ids) + 1)])
    for stop, text in enumerate(texts, start=1):
        # A character of several tokens appears with the last of them.
        whole = stop == len(ids) or not text.endswith("\ufffd")
        found.append(text[len(shown) :] if whole else "")
        shown = text if whole else shown
    return found
