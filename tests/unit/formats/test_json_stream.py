import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.formats.faults import BadRecord, Fault
from assay.formats.json_stream import (
    BrokenJsonError,
    ListPlace,
    RepeatingRecord,
    document_records,
    line_records,
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
RECORD = st.dictionaries(TEXT, TEXT | st.integers() | st.none() | st.lists(TEXT, max_size=3))
SPACE = st.sampled_from(["", " ", "\n", "\r\n\t "])


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[begin : begin + size] for begin in range(0, len(content), size))


@given(st.lists(RECORD, max_size=8), SPACE, st.booleans(), st.integers(1, 40), st.booleans())
def test_a_list_is_read_as_json_reads_it_wherever_the_chunks_are_cut(
    records: list[dict[str, object]], space: str, escaped: bool, size: int, bom: bool
) -> None:
    written = [json.dumps(record, ensure_ascii=escaped) for record in records]
    text = f"{space}[{space}{f'{space},{space}'.join(written)}{space}]{space}"
    content = b"\xef\xbb\xbf" * bom + text.encode()

    found = list(document_records(pieces(content, size)))

    assert [value for value, _, _ in found] == json.loads(text)
    assert [content[at : at + length] for _, at, length in found] == [
        record.encode() for record in written
    ]


@given(st.lists(RECORD, max_size=8), st.sampled_from(["\n", "\r\n", "\n\n"]), st.integers(1, 40))
def test_lines_are_found_by_their_bytes_wherever_the_chunks_are_cut(
    records: list[dict[str, object]], newline: str, size: int
) -> None:
    written = [json.dumps(record, ensure_ascii=False).encode() for record in records]
    content = newline.encode().join(written)

    found = list(line_records(pieces(content, size)))

    assert [value for value, _, _ in found] == [json.loads(line) for line in written]
    assert [content[at : at + length] for _, at, length in found] == written


def test_a_byte_order_mark_does_not_belong_to_the_first_line() -> None:
    assert list(line_records([b'\xef\xbb\xbf{"a": 1}\n'])) == [({"a": 1}, 3, 8)]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_list_inside_an_object_is_found(size: int) -> None:
    content = '{"version": [1, 2], "data": [{"a": "é"}, {"a": "b"}], "n": {"x": []}}'.encode()
    found: list[ListPlace] = []

    records = list(document_records(pieces(content, size), found=found))

    assert [value for value, _, _ in records] == [{"a": "é"}, {"a": "b"}]
    assert [content[at : at + length] for _, at, length in records] == [
        '{"a": "é"}'.encode(),
        b'{"a": "b"}',
    ]
    assert found == [ListPlace("data")]


@pytest.mark.parametrize(
    ("content", "problem", "place", "cut_off"),
    [
        (b'[{"a": 1}, {"a": "x', "Unterminated string", 17, True),
        (b'[{"a": 1},', "Expecting value", 10, True),
        (b'[{"a": 1}', "breaks off", 9, True),
        (b"[", "Expecting value", 1, True),
        (b'[{"a": 1} {"a": 2}]', "expected , or ]", 9, False),
        (b'[{"a": 1}, {a: 2}]' + b" " * 99, "property name", 12, False),
        (b'[{"a": 1}] x', "more after the end", 11, False),
        (b'{"a": 1}', "an object with the fields a, not a list", 0, False),
        (b'{"a": [{}], "b": [{}]}', "two lists of records, 'a' and 'b'", 17, False),
        (b"[" * 99_999, "nested too deeply", 1, False),
    ],
)
def test_a_broken_document_is_refused_with_the_place(
    content: bytes, problem: str, place: int, cut_off: bool
) -> None:
    with pytest.raises(BrokenJsonError, match=problem.replace("[", r"\[")) as caught:
        list(document_records([content]))

    assert (caught.value.byte_offset, caught.value.cut_off) == (place, cut_off)


def test_a_record_with_invalid_bytes_does_not_move_its_neighbours() -> None:
    content = b'[{"a": "\xff\xfe"}, {"a": "\xc3\xa9"}]'

    (bad, _, _), (good, at, length) = document_records([content])

    assert isinstance(bad, BadRecord)
    assert bad.fault is Fault.INVALID_UTF8
    assert good == {"a": "é"}
    assert content[at : at + length] == b'{"a": "\xc3\xa9"}'


def test_an_excerpt_of_a_line_that_is_not_utf8_ends_between_characters() -> None:
    [(bad, _, _)] = line_records([b'{"a": "' + ("写" * 300).encode() + b'\xff"}\n'])

    assert isinstance(bad, BadRecord)
    assert bad.excerpt == '{"a": "' + "写" * 193


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'{"a": 1} {"b": 2}', Fault.INVALID_JSON),
        (b'{"a": ' + b"9" * 5000 + b"}", Fault.INVALID_JSON),
        (b'{"a": ' + b"[" * 99_999, Fault.INVALID_JSON),
        (b'{"a": "\\ud800"}', Fault.LONE_SURROGATE),
        (b'{"a": "\\uDC00 b"}', Fault.LONE_SURROGATE),
    ],
)
def test_a_bad_line_is_one_bad_record(line: bytes, fault: Fault) -> None:
    bad, good = (value for value, _, _ in line_records([line + b'\n{"a": 1}']))

    assert isinstance(bad, BadRecord)
    assert bad.fault is fault
    assert good == {"a": 1}


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert list(line_records([b'  {"a": "\\ud83d\\ude00"}'])) == [({"a": "😀"}, 0, 23)]


REPEATING = (
    (b'{"a": 1, "b": 2, "a": 3}', {"a": 3, "b": 2}, "the field 'a' is given 2 times", {"a": 2}),
    (b'{"a": 1, "\\u0061": 2}', {"a": 2}, "the field 'a' is given 2 times", {"a": 2}),
    (b'{"a": [{"b": 1, "b": 2, "b": 3}]}', {"a": [{"b": 3}]}, "'b' is given 3 times", {"a": 1}),
)


@pytest.mark.parametrize(("text", "value", "detail", "times"), REPEATING)
@pytest.mark.parametrize("size", [3, 1000])
def test_a_record_that_gives_a_field_twice_says_so_and_moves_no_neighbour(
    text: bytes, value: object, detail: str, times: dict[str, int], size: int
) -> None:
    before = b'{"a": {"b": 1}, "b": [{"a": 1}, {"a": 2}]}'
    rows = (before, text, b'{"a": 4}')

    for content, read in (
        (b"\n".join(rows), line_records),
        (b"[" + b", ".join(rows) + b"]", document_records),
        (b'{"n": {"x": 1, "x": 2}, "data": [' + b",".join(rows) + b"]}", document_records),
    ):
        records = list(read(pieces(content, size)))

        assert [content[at : at + length] for _, at, length in records] == list(rows)
        plain, repeating, after = (record for record, _, _ in records)
        assert (plain, after) == (json.loads(before), {"a": 4})
        assert type(plain) is dict
        assert isinstance(repeating, RepeatingRecord)
        assert repeating == value
        assert detail in repeating.bad.detail
        assert repeating.bad.excerpt == text.decode()
        assert {name: repeating.times[name] for name in times} == times


def test_a_record_that_gives_a_field_twice_and_breaks_off_is_no_json() -> None:
    ((bad, _, _),) = line_records([b'{"a": {"b": 1, "b": 2}, "a": '])

    assert isinstance(bad, BadRecord)
    assert bad.fault is Fault.INVALID_JSON
