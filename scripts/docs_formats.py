"""The page of data formats, made from the tables that the readers use."""

from collections import defaultdict

from assay.export.trainers import export_layout
from assay.formats.detection import LAYOUTS
from assay.formats.judged.layouts import LAYOUTS as JUDGED_LAYOUTS
from assay.formats.mapping import TARGETS
from assay.formats.sniffing import SUFFIXES
from scripts.docs_text import page, table

_ABOUT = {
    "self_instruct": "one sample per instance, exported back together",
    "preference": "the chosen side is read; TRL, UltraFeedback, HH transcripts",
    "messages": "OpenAI and TRL; tool calls, reasoning, system prompts",
    "sharegpt": "ShareGPT, LLaMA-Factory, BELLE's many turns; tool and function turns",
    "lima": "texts in turn, the user's first",
    "exchanges": "lists of question and answer, also under `human` and `assistant`, or in pairs",
    "transcript": "both sides in one text, such as glaive's `USER:` and guanaco's `### Human:`",
    "prompt_completion_messages": "TRL, both sides as lists of turns",
    "t0": "T0 and P3; an answer given as a number is looked up among the choices",
    "dolly": "Dolly; the category becomes the task",
    "p3": "P3 with its template, which becomes the task",
    "alpaca": "Alpaca, Evol-Instruct, WizardLM, BELLE, LLaMA-Factory with `history`",
    "prompt_completion": "TRL",
    "question_answer": "GSM8K and the like",
}
_LAYOUTS = """\
The layout of a file is found from its first records; `assay load FILE` says which it is.
`--layout NAME` sets it, and `--map` describes another one: see [Load your data](../how-to/load.md).
Where records fit several, the one that stands first here is taken. Most fields have other names
that are known too, such as `conversation` or `dialogue`. System prompts, tools, media and verdicts
beside the turns are read in all of them: see [Load your data](../how-to/load.md).
"""
_CONTAINERS = """\
Text files may be packed with gzip (`.gz`) or Zstandard (`.zst`). What a file is, is read from its
content first and from its name second. A folder stands for all data files in it, `-` for standard
input, and `org/name` for a dataset on the Hugging Face Hub.
"""
_JUDGED = """\
`assay import-scores DATA FILE` finds the layout of a file in which judges' replies are published,
and `--judged NAME` sets it: see [Use scores from elsewhere](../how-to/import-scores.md). Of two
answers the numbers are about the one in the last column, unless `--candidate` names the other.
"""
_WRITTEN = """\
Without `--format` the chosen records are written in input order as they came: byte for byte in
JSON, JSON lines and CSV, with equal values, types and columns in Parquet and Arrow. An output whose
ending asks for another container gets equal values in that container's notation. Beside it lie
`<output>.assay.parquet`, a table of every row's id, rank (from 1), gain, reason, place and scores,
and `<output>.assay.json`, the manifest of the selection.

`--format` writes the layout of a trainer:
"""
_LOSSES = """\
Alpaca's input follows the instruction after an empty line, except in a form that has a field for
it. What a layout cannot hold is counted and said.
"""


def formats_page() -> str:
    """Return the page of layouts, containers and output forms."""
    rows = [(f"`{layout.name}`", layout.summary, _ABOUT.get(layout.name, "")) for layout in LAYOUTS]
    endings = defaultdict(list)
    for ending, container in SUFFIXES.items():
        endings[container].append(f"`{ending}`")
    return page(
        "# Formats",
        "## Layouts",
        _LAYOUTS,
        table(["Layout", "Fields", "Where it is met"], rows),
        "Fields that can be mapped are " + ", ".join(f"`{name}`" for name in TARGETS) + ".",
        "## Containers",
        table(
            ["Container", "Endings"],
            [(container, ", ".join(names)) for container, names in endings.items()],
        ),
        _CONTAINERS,
        "## Records of judges",
        _JUDGED,
        table(["Layout", "Fields", "Column taken", "About"], _judged_rows()),
        "## What is written",
        _WRITTEN,
        _trainers(),
        _LOSSES,
    )


def _judged_rows() -> list[tuple[str, ...]]:
    return [
        (f"`{layout.name}`", layout.summary, f"`{layout.main}`", _about(layout.candidate))
        for layout in JUDGED_LAYOUTS
    ]


def _about(candidate: int) -> str:
    return ("the answer", "answer 1", "answer 2")[candidate]


def _trainers() -> list[str]:
    text = export_layout.__doc__ or ""
    begin = text.index("* ``trl``")
    block = text[begin : text.index("Alpaca's input")]
    joined = " ".join(block.split()).replace("``", "`")
    return [f"* {entry.strip()}" for entry in joined.split("* ") if entry.strip()]
