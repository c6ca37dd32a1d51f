"""Chat templates as transformers runs them: what is refused, and what cannot be used at all."""

from datetime import datetime, tzinfo
from typing import Self

import pytest

from assay.backends import token_text
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


_DATED = """
{#- Asks for the date as the formats of several published models do. -#}
{%- macro opening(day) %}{{- '<s>Today: ' + day + '\\n' }}{%- endmacro %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{{- opening(date_string) }}
  {%- for m in messages %}
    {% if loop.last %}{{- strftime_now('%Y-%m-%d, %A %-d %B') + ';' }}{% endif %}
    {{ m.content }}
{% endfor %}"""


class _AnotherDay(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls(1999, 12, 31, 23, 59, tzinfo=tz)


def test_a_template_that_prints_the_date_gives_the_same_text_on_every_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chat = by_transformers(_DATED)
    whole = by_transformers({"default": "no", "tool_use": _DATED})

    today = chat(_ASKED, [])
    utilities = pytest.importorskip("transformers.utils.chat_template_utils")
    monkeypatch.setattr(utilities, "datetime", _AnotherDay)
    then = chat(_ASKED, [])

    assert today == then == whole(_ASKED, [_TOOL])
    assert "26 Jul 2024" in today
    assert "2024-07-26, Friday 26 July;" in today


def test_all_that_is_said_of_the_date_is_of_one_day() -> None:
    day = datetime(2024, 7, 26)  # noqa: DTZ001  a day without a place

    assert {each: day.strftime(each) for each in token_text._TODAY} == token_text._TODAY


def test_the_date_changes_nothing_else_of_a_text() -> None:
    beginnings = ("", "\n", "\n\n  ", "  {% if 1 %}\n", "{# remark #}\n", "{%- set a = 1 -%}\n ")
    for beginning in beginnings:
        end = "{% endif %}" if "if" in beginning else ""
        template = beginning + " x{% for m in messages %}{{ m.content }}\n{% endfor %}\n" + end
        dated = template.replace(" x", " x{{ strftime_now('%Y') }}")

        assert by_transformers(dated)(_ASKED, []) == by_transformers(
            template.replace(" x", " x2024")
        )(_ASKED, [])


def test_the_line_of_an_error_is_that_of_the_template_itself() -> None:
    with pytest.raises(ConfigError, match=r"line 2: .*nonsense"):
        by_transformers("{{ strftime_now('%Y') }}\n{% nonsense %}")(_ASKED, [])


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
