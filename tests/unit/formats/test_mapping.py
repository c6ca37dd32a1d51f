from collections.abc import Mapping

import pytest

from assay.errors import ConfigError, FormatError
from assay.formats.faults import Fault, UnusableRecordError
from assay.formats.labels import Provenance
from assay.formats.mapping import check_fields, mapped_layout, parse_template
from assay.samples import Message, Sample

RECORD = {"text": "Guter Film", "label": 1, "info": {"id": "r7", "tags": ["a", "b"]}, "n": None}


def mapped(mapping: Mapping[str, str], record: Mapping[str, object] = RECORD) -> Sample:
    layout = mapped_layout(mapping)
    made = layout.bind(tuple(record), Provenance("reviews", "train"))(record)
    assert isinstance(made, Sample)
    return made


def test_labelled_data_become_instruction_data() -> None:
    sample = mapped({"instruction": "Classify: {text}", "response": "{label}"})

    assert sample.conversation.messages == (
        Message("user", "Classify: Guter Film"),
        Message("assistant", "1"),
    )
    assert (sample.source, sample.split) == ("reviews", "train")
    assert sample.meta == {"info": RECORD["info"], "n": None}


def test_every_canonical_field_can_be_mapped() -> None:
    sample = mapped(
        {
            "system": "Be {label}",
            "instruction": "{text}",
            "context": "{info.tags.1}",
            "output": "yes",
            "source": "s{label}",
            "task": "sentiment",
            "language": "de",
            "id": "{info.id}",
            "split": "dev",
        }
    )

    assert sample.conversation.messages == (
        Message("system", "Be 1"),
        Message("user", "Guter Film", context="b"),
        Message("assistant", "yes"),
    )
    labels = (sample.source, sample.task, sample.language, sample.external_id, sample.split)
    assert labels == ("s1", "sentiment", "de", "r7", "dev")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{text}}", "{text}"),
        ("{{{text}}}", "{{label.__class__}}"),
        ("{text}{text}", "{label.__class__}{label.__class__}"),
        ("100 %s {text}", "100 %s {label.__class__}"),
    ],
)
def test_text_of_a_record_is_never_a_template(template: str, text: str) -> None:
    filled = parse_template(template).fill({"text": "{label.__class__}", "label": 1})

    assert filled == text


@pytest.mark.parametrize("template", ["{text", "text}", "{}", "{ }", "{a{b}}"])
def test_a_brace_without_a_field_is_refused(template: str) -> None:
    with pytest.raises(ConfigError, match="holds no field"):
        parse_template(template)


@pytest.mark.parametrize("template", ["{text!r}", "{text:>9}", "{text.__class__}", "{0}"])
def test_conversions_specifications_and_attributes_are_only_names(template: str) -> None:
    with pytest.raises(UnusableRecordError) as caught:
        parse_template(template).fill(RECORD)

    assert caught.value.fault is Fault.MISSING_FIELD


@pytest.mark.parametrize(
    ("template", "fault"),
    [("{n}", Fault.NULL_FIELD), ("{info}", Fault.WRONG_TYPE), ("{info.x}", Fault.MISSING_FIELD)],
)
def test_a_record_that_cannot_fill_a_template_is_set_aside(template: str, fault: Fault) -> None:
    with pytest.raises(UnusableRecordError) as caught:
        mapped({"instruction": "{text}", "response": template})

    assert caught.value.fault is fault


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (2.5, "2.5"), (0, "0"), ("", "")])
def test_numbers_and_truth_values_are_written_as_json_writes_them(value: object, text: str) -> None:
    assert parse_template("{value}").fill({"value": value}) == text


@pytest.mark.parametrize(
    ("mapping", "message", "hint"),
    [
        ({"instruction": "{text}"}, "no response", "add 'response={field}'"),
        ({"respons": "{label}"}, "'respons'", "did you mean 'response'"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_with_the_remedy(
    mapping: Mapping[str, str], message: str, hint: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        mapped_layout(mapping)

    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("template", "hint"),
    [("{texd}", "did you mean 'text'?"), ("label", "write 'response={label}'")],
)
def test_a_field_that_no_record_has_is_answered_with_the_nearest(template: str, hint: str) -> None:
    layout = mapped_layout({"instruction": "{text}", "response": template})

    with pytest.raises(FormatError, match=r"data\.jsonl") as caught:
        check_fields(layout, [RECORD], file="data.jsonl")

    assert hint in (caught.value.hint or "")
