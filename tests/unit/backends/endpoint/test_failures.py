"""Why a server refuses is told by its codes and words, whichever server it is."""

import json

import pytest

from assay.backends.endpoint.failures import Cause, RefusedError, cause_of, passes


def _cause(status: int, told: object) -> Cause:
    return cause_of(status, json.dumps(told).encode())[0]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (400, {"error": {"message": "please shorten", "code": "context_length_exceeded"}}),
        (400, {"error": {"code": 400, "type": "exceed_context_size_error", "n_ctx": 512}}),
        (400, {"object": "error", "message": "This model's maximum context length is 8 tokens"}),
        (422, {"detail": "the prompt is longer than the model reads"}),
        (413, "anything"),
    ],
)
def test_a_text_that_is_too_long_is_told_apart(status: int, told: object) -> None:
    assert _cause(status, told) is Cause.TOO_LONG
    assert RefusedError(status, "", _cause(status, told)).about_text


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (400, {"error": {"code": "content_filter", "message": "x"}}),
        (400, {"error": {"message": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}),
        (400, {"error": {"message": "blocked by the content management policy"}}),
        (403, {"error": {"code": 403, "message": "x", "metadata": {"reasons": ["violence"]}}}),
    ],
)
def test_a_filter_of_contents_is_told_apart(status: int, told: object) -> None:
    assert _cause(status, told) is Cause.FILTERED
    assert RefusedError(status, "", _cause(status, told)).about_text


@pytest.mark.parametrize(
    ("status", "told", "parameter"),
    [
        (400, {"error": {"code": "unsupported_parameter", "param": "max_tokens"}}, "max_tokens"),
        (400, {"error": {"code": "unsupported_value", "param": "temperature"}}, "temperature"),
        (400, {"error": {"code": "unknown_parameter", "param": "a.b[0]"}}, "a.b[0]"),
        (400, {"error": {"message": "Unsupported parameter: 'logprobs' is not"}}, "logprobs"),
        (400, {"error": {"message": "Unrecognized request argument supplied: top_k"}}, "top_k"),
        (400, {"error": {"message": 'Unknown parameter: "seed".'}}, "seed"),
        (400, {"error": {"message": "it does not support parameters: ['stop']"}}, "stop"),
        (403, {"error": {"message": "You are not allowed to request logprobs"}}, "logprobs"),
        (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "min_p"]}]}, "min_p"),
        (400, {"message": "[{'type': 'extra_forbidden', 'loc': ('body', 'min_p')}]"}, "min_p"),
    ],
)  # fmt: skip
def test_a_parameter_that_is_not_supported_is_named(
    status: int, told: object, parameter: str
) -> None:
    assert cause_of(status, json.dumps(told).encode()) == (Cause.UNSUPPORTED, parameter)
    error = RefusedError(status, "", Cause.UNSUPPORTED, parameter=parameter)
    assert not error.about_text
    assert not error.ends_all
    assert parameter in error.hint


@pytest.mark.parametrize(
    ("status", "told", "cause"),
    [
        (401, {}, Cause.DENIED),
        (403, "<html>", Cause.DENIED),
        (404, {"error": {"code": "model_not_found"}}, Cause.NO_MODEL),
        (404, {"error": "model 'x' not found, try pulling it first"}, Cause.NO_MODEL),
        (404, {"message": "The model `x` does not exist."}, Cause.NO_MODEL),
        (402, {}, Cause.UNPAID),
        (429, {"error": {"type": "insufficient_quota"}}, Cause.UNPAID),
        (429, {"error": {"message": "You exceeded your current quota, see"}}, Cause.UNPAID),
        (400, {"error": {"message": "Your credit balance is too low"}}, Cause.UNPAID),
    ],
)
def test_what_would_refuse_everything_is_told_apart(
    status: int, told: object, cause: Cause
) -> None:
    assert _cause(status, told) is cause
    assert RefusedError(status, "", cause).ends_all
    assert not RefusedError(status, "", cause).about_text


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (404, {"detail": "Not Found"}),
        (400, {"error": {"message": "temperature must be below 2", "param": "temperature"}}),
        (400, {"error": {"code": "unsupported_parameter", "param": "no name at all"}}),
        (422, {"detail": "cannot read this"}),
        (429, {"error": {"message": "Rate limit reached for requests"}}),
        (500, {"error": {"message": "model not found"}}),
        (503, {"error": "the context length is too long"}),
        (307, "model not found"),
        (418, None),
    ],
)
def test_what_is_none_of_these_stays_open(status: int, told: object) -> None:
    assert cause_of(status, json.dumps(told).encode()) == (Cause.OTHER, "")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 100_000, b'{"code": {}}', b"7"])
def test_a_body_that_says_nothing_is_no_reason(content: bytes) -> None:
    assert cause_of(400, content) == (Cause.OTHER, "")


def test_a_page_full_of_parts_of_patterns_is_looked_through_in_no_time() -> None:
    content = json.dumps({"error": "model " * 1_000_000}).encode()

    assert cause_of(404, content) == (Cause.OTHER, "")


def test_codes_that_pass_are_those_of_a_server_that_may_do_it_later() -> None:
    found = [status for status in range(100, 600) if passes(status)]

    assert [status for status in found if status < 500] == [408, 409, 425, 429]
    assert {500, 502, 503, 504, 529} <= set(found)
    assert not {501, 505} & set(found)
