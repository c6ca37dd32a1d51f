"""What can be wrong with a file, case by case: the tests' parameters and the documentation's table.

`python -m tests.unit.formats.bad_input_cases > docs/bad-input.md` writes the page.
"""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass

import zstandard

from assay.formats.faults import Fault

GOOD = {"instruction": "Name a colour.", "input": "", "output": "Blue."}


def lines(*records: object, good: int = 9) -> bytes:
    """Return JSON lines: some good records, then these; bytes are taken as they are."""
    written = [json.dumps(GOOD).encode()] * good
    written += [
        record if isinstance(record, bytes) else json.dumps(record).encode() for record in records
    ]
    return b"\n".join(written) + b"\n"


def turns(*records: object) -> bytes:
    """Return JSON lines: nine good conversations, then these."""
    good = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]}
    return lines(*[good] * 9, *records, good=0)


def _array(count: int) -> bytes:
    return json.dumps([GOOD] * count, indent=1).encode()


@dataclass(frozen=True)
class FileCase:
    """Trouble that stops the load: `message` and `hint` are parts of the error's two lines."""

    name: str
    files: Mapping[str, bytes]
    message: str
    hint: str
    location: str = ""


@dataclass(frozen=True)
class RowCase:
    """Trouble with one record, the last of ten: it is set aside with `fault`."""

    name: str
    content: bytes
    fault: Fault
    file: str = "data.jsonl"
    max_characters: int = 1_000_000


def _one(name: str, file: str, content: bytes, message: str, hint: str) -> FileCase:
    return FileCase(name, {file: content}, message, hint, location=file)


FILE_CASES = (
    FileCase("The file is missing", {"alpaca.json": _array(2)}, "no such file", "alpaca.json",
             location="alpaca.jsonl"),
    _one("The file is empty", "data.json", b"", "the file is empty", "written or fetched"),
    _one("The file holds an empty list", "data.json", b"[]", "no records", "empty list"),
    _one("A table has only a header", "data.csv", b"instruction,output\n", "no records", "table"),
    FileCase("The folder is empty", {}, "holds no data; it is empty", ".jsonl"),
    FileCase("The folder holds no data files", {"README.md": b"# Data"}, "only README.md", ".csv"),
    _one("A JSON list breaks off", "data.json", _array(5)[:-40], "line 23, byte 347: the JSON "
         "breaks off", "incomplete"),
    _one("A JSON list is not closed", "data.json", _array(5)[:-1], "the JSON breaks off",
         "incomplete"),
    _one("A JSON list has a syntax error inside", "data.json",
         _array(99).replace(b'"output": "Blue."', b'"output": Blue', 1), "line 5, byte 67: not "
         "valid JSON", "correct that place"),
    _one("A JSON file holds one object", "data.json", json.dumps(GOOD, indent=1).encode(),
         "an object with the fields instruction, input, output", "in a list"),
    _one("Most lines are not JSON", "data.jsonl", b"{one\n{two\n" + json.dumps(GOOD).encode(),
         "2 of the first 3 records cannot be read", "one per line"),
    _one("A web page in place of the data", "data.json", b"<!DOCTYPE html><html>",
         "line 1: not JSON", "web page"),
    _one("The layout is not known", "data.jsonl",
         b'{"title": "Moon", "verse": "a"}\n{"title": "Sun", "verse": "b"}\n',
         "the fields are title, verse", "--map 'instruction={title}' 'response={verse}'"),
    _one("Questions without answers", "data.jsonl", b'{"id": 1, "question": "Why?"}\n',
         "questions (field 'question') and no answers", "--against"),
    _one("Conversations without any answer", "data.jsonl",
         b'{"messages": [{"role": "user", "content": "Hi"}]}\n', "no answers", "questions"),
    _one("One file mixes layouts", "data.jsonl",
         lines(*[{"question": "1+1?", "answer": "2"}] * 9), "alpaca 9, question_answer 9", "split"),
    FileCase("A folder mixes formats, and the source has no name",
             {"a.jsonl": lines(), "b.jsonl": b'{"question": "1+1?", "answer": "2"}\n'},
             "alpaca in jsonl (a.jsonl …); question_answer in jsonl (b.jsonl …)", "a="),
    _one("UTF-16", "data.json", _array(2).decode().encode("utf-16"), "the text is UTF-16",
         "iconv -f UTF-16"),
    _one("Latin-1", "data.jsonl",
         lines(*[b'{"instruction": "Caf\xe9?", "input": "", "output": "Oui"}'] * 3),
         "3 of the first 12 records are not valid UTF-8", "iconv"),
    _one("gzip data break off", "data.jsonl.gz", gzip.compress(lines(good=999))[:-20],
         "the gzip data are damaged", "again"),
    _one("Zstandard data break off", "data.jsonl.zst",
         zstandard.compress(lines(good=999))[:-20], "the zstd data are damaged", "again"),
    _one("A Parquet file breaks off", "data.parquet", b"PAR1" + b"\x00" * 99,
         "the parquet file is damaged", "again"),
    _one("An Arrow file breaks off", "data.arrow", b"ARROW1\x00\x00" + b"\x01" * 99,
         "the arrow file is damaged", "again"),
    _one("A quoted cell is never closed", "data.csv",
         b'instruction,output\nWhy?,Because\nHow?,"So\nWhat?,That\n',
         "line 3: a quoted cell is never closed", "quote"),
    _one("Two columns share a name", "data.csv", b"instruction,output,output\na,b,c\n",
         "two columns have the same name", "rename"),
)  # fmt: skip

ROW_CASES = (
    RowCase("A field is missing", lines({"instruction": "Why?"}), Fault.MISSING_FIELD),
    RowCase("A field is null", lines({**GOOD, "output": None}), Fault.NULL_FIELD),
    RowCase("A field holds a number, a list or an object", lines({**GOOD, "output": ["a"]}),
            Fault.WRONG_TYPE),
    RowCase("A line is not JSON", lines(b'{"instruction": "Why?", "inp'), Fault.INVALID_JSON),
    RowCase("A field is given twice, in a record or in one of its turns",
            lines(b'{"instruction": "Why?", "output": "a", "output": "b"}'), Fault.REPEATED_FIELD),
    RowCase("A line is not an object", lines([1, 2]), Fault.NOT_A_RECORD),
    RowCase("A line is not valid UTF-8", lines(b'{"instruction": "\xff", "output": "b"}'),
            Fault.INVALID_UTF8),
    RowCase("A record of a JSON list is not valid UTF-8",
            b"[" + (json.dumps(GOOD).encode() + b",") * 9
            + b'{"instruction": "\xff", "output": "b"}]',
            Fault.INVALID_UTF8, file="data.json"),
    RowCase("Half of a surrogate pair", lines(b'{"instruction": "a", "output": "\\ud83d"}'),
            Fault.LONE_SURROGATE),
    RowCase("A record above one million characters", lines({**GOOD, "output": "ab" * 500_001}),
            Fault.TOO_LONG),
    RowCase("A conversation without an assistant turn",
            turns({"messages": [{"role": "user", "content": "Hi"}]}), Fault.NO_ASSISTANT_TURN),
    RowCase("A conversation without messages", turns({"messages": []}), Fault.EMPTY_CONVERSATION),
    RowCase("A turn of an unknown role",
            turns({"messages": [{"role": "narrator", "content": "Once"}]}), Fault.UNKNOWN_ROLE),
    RowCase("A part of a kind that is not known",
            turns({"messages": [{"role": "user", "content": [{"type": "hologram"}]}]}),
            Fault.UNKNOWN_PART),
    RowCase("A row of a table has too few or too many cells",
            b"instruction,output\n" + b"Why?,Because\n" * 9 + b"Why?,Because,Or\n",
            Fault.RAGGED_ROW, file="data.csv"),
)  # fmt: skip


def bad_input_table() -> str:
    """Return the documentation's page on bad input, made of the cases above."""
    page = [
        "# Bad input",
        "",
        "This page is made from the cases that the tests run.",
        "",
        "## Trouble that stops the load",
        "",
        "One error names the file, the place where it can be known, and the remedy. Nothing is",
        "written.",
        "",
        "| What is wrong | The error says | The hint says |",
        "|--|--|--|",
    ]
    page += [f"| {case.name} | … {case.message} … | … {case.hint} … |" for case in FILE_CASES]
    page += [
        "",
        "## Records that are set aside",
        "",
        "The record is left out and written to `set_aside.jsonl` with its file, row, byte offset,",
        "reason and opening characters; the rest of the file is used. Records read are always",
        "records used plus records set aside.",
        "",
        "| What is wrong | Reason |",
        "|--|--|",
    ]
    page += [f"| {case.name} | `{case.fault}` |" for case in ROW_CASES]
    page += [
        "",
        "An empty answer is not bad input: the record is loaded, and scores that need an answer",
        "give it no value and the reason `EMPTY_RESPONSE`. An `input` or `context` that is null",
        "reads as empty. Blank lines are passed over.",
        "",
    ]
    return "\n".join(page)


if __name__ == "__main__":
    print(bad_input_table(), end="")
