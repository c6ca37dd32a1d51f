"""Chat templates of the shapes that published models have, written anew, and what they make.

Each is cut down to what decides where an answer's words are: what is stripped or left out, how
calls and their arguments are written, what a template insists on.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from assay.backends.token_text import chat_text
from tests.letters_model import Letters
from tests.tiny_models import transformers


def by_transformers(
    template: object,
) -> Callable[[Sequence[Mapping[str, Any]], Sequence[Any]], str]:
    """Return what transformers makes of conversations under a template."""
    library = transformers()
    tokenizer = library.PreTrainedTokenizerBase(bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = template
    return lambda messages, tools: chat_text(tokenizer, "a model", messages, tools)


def speaking(template: object, *special: str) -> Letters:
    """Return a model whose tokens are letters, with a chat template."""
    return Letters(format=by_transformers(template), special_texts=special)


CHATML = """\
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n' }}{%- endif %}
    {{- 'Tools:' }}
    {%- for tool in tools %}{{- '\\n' }}{{- tool | tojson }}{%- endfor %}
    {{- '<|im_end|>\\n' }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- for m in messages %}
    {%- if m.role == 'user' or (m.role == 'system' and not loop.first)
        or (m.role == 'assistant' and not m.tool_calls) %}
        {{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' + '\\n' }}
    {%- elif m.role == 'assistant' %}
        {{- '<|im_start|>' + m.role }}
        {%- if m.content %}{{- '\\n' + m.content }}{%- endif %}
        {%- for call in m.tool_calls %}
            {%- if call.function is defined %}{%- set call = call.function %}{%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' + call.name + '", "arguments": ' }}
            {{- call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif m.role == 'tool' %}
        {%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' + m.content + '\\n</tool_response>' }}
        {%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
"""
"""Words only if there are any, arguments as JSON (the shape of Qwen2.5)."""

THINKING = """\
{%- set ns = namespace(last=-1) %}
{%- for m in messages %}
    {%- if m.role == 'user' and m.content is string
        and not (m.content.startswith('<tool_response>')) %}
        {%- set ns.last = loop.index0 %}
    {%- endif %}
{%- endfor %}
{%- for m in messages %}
    {%- if m.role in ('user', 'system') %}
        {{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}
    {%- elif m.role == 'assistant' %}
        {%- set content = m.content if m.content is string else '' %}
        {%- set thought = '' %}
        {%- if m.reasoning_content is string %}
            {%- set thought = m.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set thought = content.split('</think>')[0].rstrip('\\n') %}
            {%- set thought = thought.split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>assistant\\n' }}
        {%- if loop.index0 > ns.last and (loop.last or thought) %}
            {{- '<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' }}
            {{- content.lstrip('\\n') }}
        {%- else %}
            {{- content }}
        {%- endif %}
        {%- for call in m.tool_calls or [] %}
            {%- if (loop.first and content) or not loop.first %}{{- '\\n' }}{%- endif %}
            {%- set call = call.function if call.function else call %}
            {{- '<tool_call>\\n{"name": "' + call.name + '", "arguments": ' }}
            {%- if call.arguments is string %}
                {{- call.arguments }}
            {%- else %}
                {{- call.arguments | tojson }}
            {%- endif %}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif m.role == 'tool' %}
        {{- '<|im_start|>user\\n<tool_response>\\n' + m.content }}
        {{- '\\n</tool_response><|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
"""
"""Thinking taken out of the words, shown again after the last question alone (Qwen3)."""

HEADERS = """\
{{- bos_token }}
{%- for m in messages %}
    {%- if m.role == 'tool' %}
        {{- '<|start_header_id|>ipython<|end_header_id|>\\n\\n' }}
        {{- (m.content | tojson) if m.content is mapping else m.content }}
        {{- '<|eot_id|>' }}
    {%- elif 'tool_calls' in m %}
        {%- if m.tool_calls | length != 1 %}
            {{- raise_exception('one call at a time') }}
        {%- endif %}
        {%- set call = m.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
        {{- '{"name": "' + call.name + '", "parameters": ' }}
        {{- call.arguments | tojson }}
        {{- '}<|eot_id|>' }}
    {%- else %}
        {{- '<|start_header_id|>' + m.role + '<|end_header_id|>\\n\\n' }}
        {{- m.content | trim + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
"""
"""Trimmed; one call, and no words beside it (Llama 3.x)."""

ARG_KEYS = """\
{%- macro visible(content) -%}
    {%- if content is string -%}{{- content }}
    {%- elif content is iterable and content is not mapping -%}
        {%- for part in content -%}
            {%- if part is mapping and part.type == 'text' -%}{{- part.text }}{%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro -%}
[gMASK]<sop>
{%- for m in messages -%}
    {%- if m.role == 'user' -%}<|user|>{{ '\\n' + visible(m.content) }}
    {%- elif m.role == 'system' -%}<|system|>{{ '\\n' + visible(m.content) }}
    {%- elif m.role == 'tool' -%}<|observation|>{{ '\\n<tool_response>\\n' + m.content }}
        {{- '\\n</tool_response>' }}
    {%- else -%}<|assistant|>
        {%- set content = visible(m.content) %}
        {%- if '</think>' in content %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '\\n<think></think>' }}
        {%- if content.strip() -%}{{- '\\n' + content.strip() }}{%- endif -%}
        {%- for call in m.tool_calls or [] -%}
            {%- set call = call.function or call -%}
            {{- '\\n<tool_call>' + call.name }}
            {%- for key, value in call.arguments.items() %}
                {{- '\\n<arg_key>' + key + '</arg_key>\\n<arg_value>' }}
                {{- value if value is string else value | tojson }}
                {{- '</arg_value>' }}
            {%- endfor %}
            {{- '\\n</tool_call>' }}
        {%- endfor -%}
    {%- endif -%}
{%- endfor -%}
"""
"""Contents as text or parts, arguments one by one, no thinking at all (GLM-4)."""

CHANNELS = """\
{%- set ns = namespace(name=none) %}
{%- for m in messages -%}
    {%- if m.role == 'assistant' and 'tool_calls' in m -%}
        {%- set call = m.tool_calls[0] %}
        {%- if call.function %}{%- set call = call.function %}{%- endif %}
        {%- set later = namespace(final=false) %}
        {%- for n in messages[loop.index:] -%}
            {%- if n.role == 'assistant' and 'tool_calls' not in n %}
                {%- set later.final = true %}
            {%- endif %}
        {%- endfor -%}
        {%- if m.content and not later.final -%}
            {{- '<|start|>assistant<|channel|>analysis<|message|>' + m.content + '<|end|>' }}
        {%- endif -%}
        {{- '<|start|>assistant to=functions.' + call.name }}
        {{- '<|channel|>commentary json<|message|>' }}
        {{- call.arguments | tojson }}
        {{- '<|call|>' }}
        {%- set ns.name = call.name %}
    {%- elif m.role == 'assistant' -%}
        {{- '<|start|>assistant<|channel|>final<|message|>' + m.content }}
        {{- '<|return|>' if loop.last else '<|end|>' }}
        {%- set ns.name = none %}
    {%- elif m.role == 'tool' -%}
        {%- if ns.name is none %}{{- raise_exception('a reply without a call') }}{%- endif %}
        {{- '<|start|>functions.' + ns.name + ' to=assistant<|channel|>commentary<|message|>' }}
        {{- m.content | tojson }}
        {{- '<|end|>' }}
    {%- else -%}
        {{- '<|start|>' + m.role + '<|message|>' + m.content + '<|end|>' }}
    {%- endif -%}
{%- endfor -%}
"""
"""Words beside a call only while no final answer follows; names repeated (gpt-oss)."""

TOOLCALL = """\
{%- for m in messages %}
    {%- set content = m.content %}
    {%- if m.role == 'system' %}{{- '<SPECIAL_10>System\\n' + content.strip() + '\\n' }}
    {%- elif m.role == 'user' %}
        {{- '<SPECIAL_11>User\\n' + content.replace('/think', '').strip() + '\\n' }}
    {%- elif m.role == 'tool' %}
        {{- '<SPECIAL_11>User\\n<TOOL_RESPONSE>[' + content + ']</TOOL_RESPONSE>\\n' }}
    {%- else %}
        {%- if '</think>' in content %}
            {%- set content = content.split('</think>')[1].strip() %}
        {%- endif %}
        {{- '<SPECIAL_11>Assistant\\n' + content.strip() }}
        {%- if m.tool_calls %}
            {%- if content.strip() != '' %}{{- '\\n\\n' }}{%- endif %}
            {{- '<TOOLCALL>[' }}
            {%- for call in m.tool_calls %}
                {%- set call = call.function %}
                {{- '{"name": "' + call.name + '", "arguments": ' }}
                {%- if call.arguments is not mapping %}
                    {{- call.arguments }}
                {%- else %}
                    {{- call.arguments | tojson }}
                {%- endif %}
                {{- '}' }}{{- ', ' if not loop.last }}
            {%- endfor %}
            {{- ']</TOOLCALL>' }}
        {%- endif %}
        {{- '\\n<SPECIAL_12>\\n' }}
    {%- endif %}
{%- endfor %}
"""
"""Stripped, all calls in one list (Nemotron)."""

FENCED = """\
{{- bos_token }}
{%- for m in messages %}
    {%- if m.role == 'user' %}{{- '<|User|>' + m.content }}
    {%- elif m.role == 'system' %}{{- m.content }}
    {%- elif m.role == 'assistant' and not m.content %}
        {{- '<|Assistant|>' }}
        {%- for call in m.tool_calls %}
            {{- '<|call|>' + call['type'] + '<|sep|>' + call.function.name }}
            {{- '\\n```json\\n' + call.function.arguments + '\\n```<|call_end|>' }}
        {%- endfor %}
        {{- '<|end|>' }}
    {%- elif m.role == 'assistant' %}
        {%- set content = m.content %}
        {%- if '</think>' in content %}
            {%- set content = content.split('</think>')[-1] %}
        {%- endif %}
        {{- '<|Assistant|>' + content + '<|end|>' }}
    {%- elif m.role == 'tool' %}{{- '<|output|>' + m.content + '<|output_end|>' }}
    {%- endif %}
{%- endfor %}
"""
"""Calls only where there are no words, arguments added to text (DeepSeek)."""

NINE_LETTERS = """\
{{- bos_token }}
{%- for m in messages %}
    {%- if m.role == 'user' %}{{- '[INST] ' + m.content + '[/INST]' }}
    {%- elif m.tool_calls is defined and m.tool_calls is not none %}
        {{- '[TOOL_CALLS] [' }}
        {%- for call in m.tool_calls %}
            {%- set out = call.function | tojson %}
            {{- out[:-1] }}
            {%- if call.id is not defined or call.id | length != 9 %}
                {{- raise_exception('ids of calls have nine letters') }}
            {%- endif %}
            {{- ', "id": "' + call.id + '"}' }}
            {{- ', ' if not loop.last else ']' + eos_token }}
        {%- endfor %}
    {%- elif m.role == 'assistant' %}{{- ' ' + m.content | trim + eos_token }}
    {%- elif m.role == 'tool' %}
        {%- if m.tool_call_id is not defined or m.tool_call_id | length != 9 %}
            {{- raise_exception('ids of calls have nine letters') }}
        {%- endif %}
        {{- '[TOOL_RESULTS] {"content": ' + m.content | string + ', "call_id": "' }}
        {{- m.tool_call_id + '"}[/TOOL_RESULTS]' }}
    {%- else %}{{- raise_exception('there is no role ' + m.role) }}
    {%- endif %}
{%- endfor %}
"""
"""Ids of nine letters, whole functions as JSON (Mistral)."""

PARTS = """\
{%- for m in messages %}
    {{- m.role | capitalize + ':' }}
    {%- for part in m.content %}
        {%- if part.type == 'image' %}{{- '<image>' }}
        {%- elif part.type == 'text' %}{{- ' ' + part.text }}
        {%- endif %}
    {%- endfor %}
    {{- '<end_of_utterance>\\n' }}
{%- endfor %}
"""
"""Contents as parts only (models that read pictures)."""

MODEL_TURNS = """\
{{- bos_token }}
{%- if messages[0].role == 'system' %}{{- raise_exception('no system role') }}{%- endif %}
{%- for m in messages %}
    {%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('roles must alternate') }}
    {%- endif %}
    {{- '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) }}
    {{- '\\n' + m.content | trim + '<end_of_turn>\\n' }}
{%- endfor %}
"""
"""Another name of the role, neither system nor tools (Gemma)."""

GENERATION = """\
{%- for m in messages %}
    {%- if m.role == 'assistant' %}
        {{- '<|a|>' }}{% generation %}{{- m.content + '<|e|>' }}{% endgeneration %}
    {%- else %}{{- '<|u|>' + m.content + '<|e|>' }}
    {%- endif %}
{%- endfor %}
"""
"""Marks what the model writes, as training libraries want it."""

PRINTED = """\
{%- for m in messages %}
    {{- '[' + m.role + ']' }}{{ m.content }}
    {%- for call in m.tool_calls or [] %}
        {{- '<call>' }}{{ call.function.name }} {{ call.function.arguments }}
    {%- endfor %}
    {{- '[/]' }}
{%- endfor %}
"""
"""Prints the arguments as they are."""


class Shape(NamedTuple):
    """A template, and what becomes of words under it.

    Attributes:
        template: the text.
        kept: what it shows of an answer's words.
        before: what stands before them.
        after: what stands behind those of an answer without calls, as far as it is always so.
        calls: takes turns with calls, and replies of tools.
        beside_calls: shows words beside calls.
        text_arguments: wants the arguments of calls as text.
    """

    template: str
    kept: Callable[[str], str]
    before: str
    after: str
    calls: bool = True
    beside_calls: bool = True
    text_arguments: bool = False


SHAPES: Mapping[str, Shape] = {
    "chatml": Shape(CHATML, str, "<|im_start|>assistant\n", "<|im_end|>\n"),
    "headers": Shape(
        HEADERS, str.strip, "assistant<|end_header_id|>\n\n", "<|eot_id|>", beside_calls=False
    ),
    "arg_keys": Shape(ARG_KEYS, str.strip, "\n<think></think>\n", ""),
    "channels": Shape(CHANNELS, str, "final<|message|>", "<|", beside_calls=False),
    "toolcall": Shape(TOOLCALL, str.strip, "<SPECIAL_11>Assistant\n", "\n<SPECIAL_12>\n"),
    "fenced": Shape(FENCED, str, "<|Assistant|>", "<|end|>", text_arguments=True),
    "nine_letters": Shape(NINE_LETTERS, str.strip, "] ", "</s>", beside_calls=False),
    "model_turns": Shape(
        MODEL_TURNS, str.strip, "<start_of_turn>model\n", "<end_of_turn>\n", calls=False
    ),
    "generation": Shape(GENERATION, str, "<|a|>", "<|e|>"),
    "printed": Shape(PRINTED, str, "[assistant]", "[/]", text_arguments=True),
}
"""Templates under which the words of an answer do not depend on other turns."""
