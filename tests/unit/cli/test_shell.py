"""A command line that is printed can be pasted: it means the same words, however it is broken."""

import shutil
import subprocess

import pytest

from assay.cli.shell import command_line, typed_lines
from assay.folding import display_width

WORDS = {
    "plain": ["select", "data.json", "random", "--budget", "5%", "-o", "subset.json"],
    "blanks and quotes": ["show", "my 'own' data.json", 'a "b" $HOME `c` \\d', "e=f;g|h&i #j *"],
    "a long path": ["score", "/data" * 40, "perplexity", "--model", "/m o'd/e l" * 12],
    "wide letters": ["score", "データ" * 30 + ".json", "--set", "模型=大 的" * 20],
    "what is not seen": ["tune", "a\x1b[2Jb\u202e\x9b\n'\U000e0041", "--base", "gpt2"],
    "nothing": ["select", "", "--where", "task="],
}


def _read_by_a_shell(line: str) -> list[str]:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    script = f'assay() {{ for word in "$@"; do printf \'%s\\0\' "$word"; done; }}\n{line}'
    environment = {"LC_ALL": "C.UTF-8"}
    done = subprocess.run([bash, "-c", script], capture_output=True, check=True, env=environment)
    return done.stdout.decode().split("\0")[:-1]


def test_a_command_line_can_be_pasted_into_a_shell() -> None:
    assert command_line(["select", "my data.json"]) == "assay select 'my data.json'"


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("width", [40, 60, 80, 120, 1000])
def test_a_shell_reads_the_same_words_at_any_width(name: str, width: int) -> None:
    lines = typed_lines(command_line(WORDS[name]), width, 6)

    assert _read_by_a_shell("\n".join(lines)) == WORDS[name]
    assert display_width(lines[0]) <= width - 6
    assert all(display_width(line) <= width for line in lines)


def test_a_line_that_fits_is_not_broken() -> None:
    line = command_line(WORDS["plain"])

    assert typed_lines(line, len(line) + 6, 6) == [line]
    assert len(typed_lines(line, len(line) + 5, 6)) == 2
