"""Chat templates as transformers runs them: what is refused, and what cannot be used at all."""

import pytest

from assay.errors import ConfigError, FeatureError
from tests.chat_templates import by_transformers

_PLAIN = "{% for m in messages %}{{ m.content }};{% endfor %}"
_ASKED = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
_TOOL = {"type": "function", "function": {"name": "f", "description": "", "parameters": {}}}


def test_of_several_templates_the_one_for_tools_is_taken_where_there_are_tools() -> None:
    chat = by_transformers({"default": _PLAIN, "tool_use": "tools:" + _PLAIN})

    assert chat(_ASKED, []) == "Q;A;"
    assert chat(_ASKED, [_TOOL]) == "tools:Q;A;"
    assert by_transformers({"default": _PLAIN})(_ASKED, [_TOOL]) == "Q;A;"


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{% for m in messages %}{{ m.content }", "line 1: unexpected"),
        ("\n\n{% nonsense %}", "line 3: .*nonsense"),
        ("{{ messages | nonsense }}", "line 1: .*nonsense"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested too deeply"),
        ("{% if 1 %}" * 600 + "{% endif %}" * 600, "nested too deeply"),
        ("{% for a in b %}" * 60 + "{% endfor %}" * 60, "nested too deeply"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nested too deeply"),
        ({"mine": _PLAIN}, "none is called default"),
        ({"default": {"template": _PLAIN}}, "no text, but a dict"),
        (7, "no text, but a int"),
    ],
)
def test_a_template_that_cannot_be_used_is_one_error_for_all_rows(
    template: object, why: str
) -> None:
    with pytest.raises(ConfigError, match=f"chat template of a model cannot be used: .*{why}") as (
        caught
    ):
        by_transformers(template)(_ASKED, [])
    assert caught.value.hint == 'rendering={"template": "alpaca"}'


def test_a_conversation_that_is_too_deep_for_a_template_is_refused_alone() -> None:
    walking = (
        "{% macro f(m) %}{% if m %}{{ m[0].content }}{{ f(m[1:]) }}{% endif %}{% endmacro %}"
        "{{ f(messages) }}"
    )
    chat = by_transformers(walking)

    assert chat(_ASKED, []) == "QA"
    with pytest.raises(FeatureError, match="nested too deeply"):
        chat(_ASKED * 3000, [])


@pytest.mark.parametrize(
    "template",
    [
        "{{ 1 / 0 }}",
        "{{ messages[0].content.nothing.at_all }}",
        "{{ messages[0].content + messages }}",
        "{% include 'another' %}",
        "{{ 'abc'.index('x') }}",
    ],
)
def test_whatever_a_template_does_wrong_with_a_conversation_is_a_refusal(template: str) -> None:
    with pytest.raises(FeatureError, match="the chat template of a model"):
        by_transformers(template)(_ASKED, [])
