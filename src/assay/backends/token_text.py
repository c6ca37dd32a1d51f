"""From tokens back to text, and from messages to a model's own chat format.

Some formats print the date. They are given the same one on every day, or else a row's numbers would
change over night.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from assay.errors import ConfigError, FeatureError, Parameter

_TODAY: Mapping[str, str] = {
    "%Y": "2024", "%y": "24", "%m": "07", "%-m": "7", "%B": "July", "%b": "Jul", "%h": "Jul",
    "%d": "26", "%-d": "26", "%e": "26", "%j": "208", "%A": "Friday", "%a": "Fri",
    "%u": "5", "%w": "5", "%H": "00", "%-H": "0", "%I": "12", "%-I": "12", "%M": "00", "%-M": "0",
    "%S": "00", "%-S": "0", "%f": "000000", "%p": "AM", "%z": "", "%Z": "",
    "%F": "2024-07-26", "%T": "00:00:00", "%D": "07/26/24", "%x": "07/26/24", "%X": "00:00:00",
    "%c": "Fri Jul 26 00:00:00 2024", "%R": "00:00",
}  # fmt: skip
"""What directives of `strftime` stand for: the day that Llama's formats name if they know none."""
_DATE = "strftime_now"
"""Name of the function by which formats ask for the date."""
# A macro of the template itself goes before the function of that name that transformers hands it.
# The line ends behind a block, so that nothing is added to the text.
_WITH_DATE = (
    "{% macro " + _DATE + "(format) %}{{ format"
    + "".join(f" | replace('{each}', '{text}')" for each, text in _TODAY.items())
    + " }}{% endmacro %}\n"
)  # fmt: skip


def chat_text(
    tokenizer: Any,
    name: str,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Any],
    *,
    answering: bool = False,
) -> str:
    """Return a conversation in the format that a tokenizer of transformers holds.

    Args:
        tokenizer: which holds it.
        name: what the model is called.
        messages: in OpenAI's form.
        tools: the same.
        answering: end with what stands before an answer that is still to come.

    Raises:
        ConfigError: if it holds none, or none that can be used.
        FeatureError: if the format refuses the conversation.
    """
    if not tokenizer.chat_template:
        raise ConfigError(
            f"{name} has no chat template",
            hint=Parameter("rendering.template", "alpaca"),
        )
    import jinja2  # noqa: PLC0415  comes with torch

    template = _chosen(tokenizer.chat_template, name, with_tools=bool(tools))
    dated = _WITH_DATE + template if _DATE in template else None
    try:
        return str(
            tokenizer.apply_chat_template(
                list(messages),
                tools=list(tools) or None,
                chat_template=dated,
                tokenize=False,
                add_generation_prompt=answering,
            )
        )
    except jinja2.TemplateSyntaxError as error:
        line = error.lineno - (dated is not None)
        raise _broken(name, f"line {line}: {error.message}") from error
    except (RecursionError, MemoryError, SyntaxError) as error:
        # Of the template itself, if no conversation is short enough.
        if isinstance(error, SyntaxError) or (len(messages) == 1 and not tools):
            raise _broken(name, "it is nested too deeply") from error
        chat_text(tokenizer, name, [{"role": "user", "content": "a"}], ())
        raise FeatureError(f"the chat template of {name}: nested too deeply") from error
    except (jinja2.TemplateError, AttributeError, ArithmeticError, LookupError, TypeError,
            ValueError) as error:  # fmt: skip
        # What a template does with a conversation that it was not written for.
        raise FeatureError(f"the chat template of {name}: {error}") from error


_OTHER = Parameter("rendering.template", "alpaca")


def _chosen(template: object, name: str, *, with_tools: bool) -> str:
    """Return a tokenizer's template; of several that for tools if there are any, or the default."""
    if isinstance(template, dict):
        wanted = ("tool_use", "default") if with_tools else ("default",)
        template = next((template[key] for key in wanted if key in template), None)
        if template is None:
            raise _broken(name, "there are several, and none is called default")
    if not isinstance(template, str):
        raise _broken(name, f"it is no text, but a {type(template).__name__}")
    return template


def _broken(name: str, what: str) -> ConfigError:
    return ConfigError(f"the chat template of {name} cannot be used: {what}", hint=_OTHER)


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
