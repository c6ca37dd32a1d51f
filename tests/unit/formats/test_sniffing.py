"""What a text file is, however its JSON and its lines are laid out; what it is not, in one line."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from assay.errors import FormatError
from assay.formats import read_sources
from assay.formats.records import ReadReport, SourceSpec

ROWS = [
    {"instruction": f"Name number {n}", "output": f"It is {n}, \u00e9 of course"} for n in range(4)
]
LINES = [json.dumps(row) for row in ROWS]
LIST = ",\n".join(LINES)
TURNS = [[{"role": "user", "content": "q"}, {"role": "assistant", "content": str(n)}] for n in "ab"]
BOM = b"\xef\xbb\xbf"


def _read(path: Path) -> list[tuple[str, str]]:
    report = ReadReport()
    blocks = read_sources([SourceSpec(str(path))], report=report)
    found = [
        (sample.conversation.prompt, sample.conversation.messages[-1].content)
        for block in blocks
        for sample in block.samples
    ]
    assert not report.set_aside
    return found


READABLE = {
    "a list whose bracket ends the first line": ("a.json", '{"data": [\n' + LIST + "\n]}"),
    "the same, called JSON lines": ("a.jsonl", '{"data": [\n' + LIST + "\n]}"),
    "brackets on lines of their own": ("a.json", '{\n"v": 1,\n"rows":\n[\n' + LIST + "]\n}"),
    "an object before the list": ("a.json", '{"info": {"by": [1]},\n"items": [' + LIST + "]}"),
    "the bracket alone on the first line": ("a.json", "[\n" + LIST + "\n]"),
    "lines after blank ones": ("a.json", "\n \n" + "\n\n".join(LINES)),
    "lines ended by CR": ("a.jsonl", "\r".join(LINES)),
    "lines ended by CR, called JSON": ("a.json", "\r".join(LINES) + "\r"),
    "lines ended by CR LF": ("a.jsonl", "\r\n".join(LINES) + "\r\n"),
    "a table ended by CR": ("a.csv", "instruction,output\r" + "\r".join(
        f'{row["instruction"]},"{row["output"]}"' for row in ROWS)),
    "a table that does not say so": ("a.txt", "instruction\toutput\n" + "\n".join(
        "\t".join(row.values()) for row in ROWS)),
}  # fmt: skip


@pytest.mark.parametrize("bom", [b"", BOM])
@pytest.mark.parametrize("case", READABLE)
def test_records_are_found_in_every_shape(tmp_path: Path, case: str, bom: bytes) -> None:
    name, text = READABLE[case]
    (tmp_path / name).write_bytes(bom + text.encode())

    assert _read(tmp_path / name) == [tuple(row.values()) for row in ROWS]


def test_a_document_longer_than_its_head_is_told_from_lines(tmp_path: Path) -> None:
    long = {"instruction": "q \\ \u00e9" * 5000, "output": "a\n" * 40_000}
    text = '{"data": [\n' + ",\n".join([json.dumps(long)] * 3) + "]}"
    (tmp_path / "a.json").write_text(text)

    assert len(_read(tmp_path / "a.json")) == 3


def _zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.json", LINES[0])
    return content.getvalue()


def _tar() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.json"), io.BytesIO())
    return content.getvalue()


REFUSED: dict[str, tuple[str, bytes, str, str]] = {
    "lists by line": ("a.jsonl", "\n".join(map(json.dumps, TURNS)).encode(), "bare lists",
                      "jq -c '{messages: .}' a.jsonl"),
    "lists in a list": ("a.json", json.dumps(TURNS).encode(), "bare lists",
                        "jq '[.[] | {messages: .}]' a.json"),
    "shared turns by line": ("a.json", b'[{"from": "human", "value": "q"}]\n' * 3, "bare lists",
                             "{conversations: .}"),
    "pairs by line": ("a.jsonl", b'["q", "a"]\n' * 3, "bare lists",
                      "{instruction: .[0], output: .[1]}"),
    "texts": ("a.json", b'["q", "a", "b"]', "no objects with fields; the first is text", ""),
    "spread objects": ("a.json", "\n".join(json.dumps(row, indent=1) for row in ROWS).encode(),
                       "one after the other", "jq -c . a.json > lines-a.json"),
    "spread objects, called lines": ("a.jsonl",
                                     "\n".join(json.dumps(row, indent=1) for row in ROWS).encode(),
                                     "one after the other", "jq"),
    "objects without a break": ("a.json", "".join(LINES).encode(), "one after the other", "jq"),
    "lists one after the other": ("a.json", f"[{LINES[0]}]\n\n{LINES[1]}".encode(),
                                  "one after the other", "jq"),
    "lines with commas": ("a.jsonl", ",\n".join(LINES).encode(), "a comma after the record",
                          "take the commas"),
    "a comma before the end": ("a.json", f"[{LINES[0]},\n]".encode(),
                               "a comma before the closing ]", "correct"),
    "a comma within": ("a.json", b'[{"instruction": "q", "output": "a",}]',
                       "a comma before the closing }", "correct"),
    "two lists": ("a.json", f'{{"train": [{LINES[0]}], "my test": [{LINES[1]}]}}'.encode(),
                  "two lists of records, 'train' and 'my test'", """jq '.["train"]' a.json"""),
    "prose": ("a.txt", b"Once, upon a time, there was a king.\nHe, alas, died.\n", "no table",
              "plain text"),
    "a word": ("a.txt", b"Once\n", "neither JSON", "plain text"),
    "zeros": ("a.json.gz", gzip.compress(bytes(9000)), "byte 0: a zero byte", "no text"),
    "zeros at the beginning": ("a.json", bytes(8) + LINES[0].encode(), "a zero byte", "damaged"),
    "UTF-16 without a mark": ("a.json", LINES[0].encode("utf-16-be"), "UTF-16", "iconv"),
    "UTF-32 without a mark": ("a.json", LINES[0].encode("utf-32-le"), "UTF-32", "iconv"),
    "a zip archive": ("a.json", _zip(), "a zip archive", "unpack"),
    "a packed tar archive": ("a.json.gz", gzip.compress(_tar()), "a tar archive", "tar xf"),
    "bzip2": ("a.json", bz2.compress(LINES[0].encode()), "packed by bzip2", "bunzip2"),
    "xz": ("a.json", lzma.compress(LINES[0].encode()), "packed by xz", "unxz"),
    "questions in turns": ("a.jsonl", b'{"messages": [{"role": "user", "content": "q"}]}\n' * 2,
                           "turns that ask and no answers", "against=..."),
    "a list nested deeply": ("a.json", b"[" * 200_000, "nested too deeply", "correct"),
    "an object nested deeply": ("a.json", b'{"a":' * 200_000, "nested too deeply", "correct"),
    "a line nested deeply": ("a.jsonl", b'{"a":' + b"[" * 200_000, "nested too deeply", "expected"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_none_of_them_says_what_it_is_and_what_to_do(tmp_path: Path, case: str) -> None:
    name, content, message, hint = REFUSED[case]
    (tmp_path / name).write_bytes(content)

    with pytest.raises(FormatError) as caught:
        _read(tmp_path / name)

    assert message in caught.value.message
    assert "None" not in caught.value.message
    assert hint in (caught.value.hint or "")
