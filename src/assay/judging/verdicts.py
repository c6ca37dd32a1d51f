"""From the reply of a judge to what it says about a row: pure, and repeated at no cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.judging.json_parser import parse_object
from assay.judging.label_probabilities import LabelDistribution, label_distribution
from assay.judging.option_parser import parse_option
from assay.judging.prompt_form import Mode
from assay.judging.prompts import VERDICT, Prompt
from assay.judging.replies import Reply
from assay.judging.scales import Parsed
from assay.judging.score_parser import parse_score
from assay.samples import Reason


@dataclass(frozen=True)
class Verdict:
    """What a judge says about a row.

    Attributes:
        values: numbers by dimension, "verdict", or the keys of the object; None where the reason is
            not OK.
        reason: OK, or why it says nothing.
        distribution: how likely each label was, of the mode "label".
    """

    values: Mapping[str, Any] | None
    reason: Reason
    distribution: LabelDistribution | None = None


def read_verdict(
    prompt: Prompt,
    mode: Mode,
    reply: Reply,
    *,
    dimension: str = "",
    slots: Sequence[str] = (),
) -> Verdict:
    """Return what a reply says.

    Args:
        prompt: what was asked.
        mode: how the judge was to answer.
        reply: what it answered.
        dimension: what was judged; empty for the prompt's usual.
        slots: data that the judge was shown, as `Prompt.render` returns them.
    """
    if reply.outcome is not Reason.OK:
        return Verdict(None, reply.outcome)
    name = prompt.names(dimension)[0]
    form = prompt.form_of(mode, dimension)
    if form is None:
        return _of_labels(prompt, name, reply)
    if form == "object":
        return _of_object(prompt, dimension, reply, slots)
    scale = prompt.scale(mode)
    parsed: Parsed[Any]
    if scale is not None:
        parsed = parse_score(reply.text, scale, form=form, finish=reply.finish, slots=slots)
    else:
        options, name = prompt.form.options, VERDICT
        parsed = parse_option(reply.text, options, form=form, finish=reply.finish, slots=slots)
    return Verdict(None if parsed.value is None else {name: parsed.value}, parsed.reason)


def _of_labels(prompt: Prompt, name: str, reply: Reply) -> Verdict:
    parsed = label_distribution(reply.logprobs, prompt.labels)
    found = parsed.value
    if found is None:
        return Verdict(None, parsed.reason)
    if prompt.form.scale is not None:
        return Verdict({name: found.expectation()}, Reason.OK, found)
    # Of equals the one that the prompt names first.
    likeliest = max(found.probabilities, key=lambda label: found.probabilities[label])
    return Verdict({VERDICT: likeliest}, Reason.OK, found)


def _of_object(prompt: Prompt, dimension: str, reply: Reply, slots: Sequence[str]) -> Verdict:
    parsed = parse_object(reply.text, prompt.schema(dimension), finish=reply.finish, slots=slots)
    if parsed.value is None:
        return Verdict(None, parsed.reason)
    content = dict(parsed.value)
    if prompt.form.kind == "scale":
        return Verdict(content["scores"], Reason.OK)
    return Verdict(
        {VERDICT: content[VERDICT]} if prompt.form.kind == "options" else content, Reason.OK
    )
