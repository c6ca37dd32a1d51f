"""Which method? A guide by what a person has and wants; the documentation has the evidence."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from assay.cli.console import facts

if TYPE_CHECKING:
    from rich.console import RenderableType


class Advice(NamedTuple):
    """What to do in one situation.

    Attributes:
        have: what there is.
        want: what it is for.
        line: to type.
        why: what speaks for it, in a sentence.
        but: what speaks against it.
        candidate: name under which the evidence for the default has it; empty if it has not.
        measured: name under which its cost was measured; empty if it was not.
    """

    have: str
    want: str
    line: str
    why: str
    but: str
    candidate: str = ""
    measured: str = ""


BETTER_HALF = """'within={"method": "band", "by": "substance", "low": 0.5}'"""
_DATA = "nothing but the data"
_MODEL = "a small model, or a GPU"
_TARGET = "examples of the target"
_JUDGE = "a judge that may be asked"
_SCORES = "numbers of a judge"
_ADDRESS = "--judge https://api.example.com/v1#model --price in=0.15,out=0.6"
_SOURCES = "several sources"

GUIDE = (
    Advice(
        _DATA, "as few rows as possible, and good ones",
        "assay select data.json --budget 5% -o subset.json",
        "The default: questions unlike each other, with answers that are long enough, to the point "
        "and new.",
        "Leaves out short answers; not for pools of classifications or extractions. Takes more "
        "tokens per row.",
        "default", "default",
    ),
    Advice(
        _DATA, "the most for a number of tokens",
        "assay select data.json random --budget '2M tokens' -o subset.json",
        "At equal tokens nothing tried was told apart below random rows in every comparison.",
        "Takes the junk along: filter first.",
        "random", "random",
    ),
    Advice(
        _DATA, "the pool as it is, without its worst rows",
        f"assay select data.json random --budget 20% --set {BETTER_HALF} -o subset.json",
        "Random rows of the half with more substance.",
        "Judges rate it hardly above random rows.",
        "random in the better half", "random in the better half",
    ),
    Advice(
        _DATA, "every topic covered, rare ones too",
        f"assay select data.json k_center --budget 5% --set {BETTER_HALF} -o subset.json",
        "Farthest-first: no row of the pool is far from a chosen one.",
        "Loves outliers, so it needs the filter; judges rate what it takes below the pool.",
        "k-center in the better half", "k_center",
    ),
    Advice(
        _DATA, "what is typical, without repeats",
        "assay select data.json facility_location --budget 5% -o subset.json",
        "Rows that stand for all others.",
        "Takes as many spoiled rows as chance.",
        "facility location alone", "facility_location",
    ),
    Advice(
        _DATA, "a strong baseline that costs nothing",
        "assay select data.json longest_response --budget 5% -o longest.json",
        "The longest answers are hard to beat at equal rows.",
        "Three times the tokens per row, and judges rate them below the pool.",
        "longest", "longest_response",
    ),
    Advice(
        _DATA, "no repeats",
        "assay select data.json everything --dedup near -o once.json",
        "One row of every group of near copies (MinHash, then counted exactly); `semdedup` goes by "
        "meaning.",
        "What is alike is not always redundant.",
        "", "deduplicate near",
    ),
    Advice(
        "an evaluation to report on", "rows that do not give its answers away",
        "assay select data.json --budget 5% --against evaluation.jsonl -o clean.json",
        "Leaves out rows that repeat a run of words of its questions.",
        "Finds words, not paraphrases.",
        "", "decontaminate",
    ),
    Advice(
        "fields with labels or numbers", "a part of the data, or its clean rows",
        "assay select data.json --where 'meta.score>=0.8' --where response.refusals=0 --budget 5% "
        "-o part.json",
        "Any field, any text: words, numbers, patterns, language, refusals, addresses.",
        "Marks of a text are not certain.",
        "", "filter by text",
    ),
    Advice(
        _MODEL, "rows that a model finds hard, though the prompt helps",
        "assay select data.json superfiltering --model assay:lm --budget 5% -o hard.json",
        "IFD by a small model; the paper finds that it ranks much as a large one does. `assay "
        "agree` says whether that holds on your rows.",
        "Rewards odd answers: look at what it takes.",
    ),
    Advice(
        _MODEL, "the scores of the model that is to be tuned",
        "assay select data.json ifd --model org/name --budget 5% -o ifd.json",
        "The paper's own setting, two forwards per row; all likelihood scores share them.",
        "The most expensive of these; `-n` says how long it takes.",
    ),
    Advice(
        _MODEL, "a pool of web text without its extremes",
        "assay select data.json perplexity_pruning --model assay:lm --set keep=mid --budget 50% "
        "-o mid.json",
        "The middle by perplexity.",
        "Made for pre-training data.",
    ),
    Advice(
        _JUDGE, "the rows that it grades best",
        f"assay select data.json alpagasus {_ADDRESS} --budget 5% --max-cost 5 -o best.json",
        "Each row gets a grade; the price comes first, and no reply is paid for twice.",
        "Few different grades, so many rows tie at the cut. Try fifty rows by `assay judge` first.",
    ),
    Advice(
        _JUDGE, "a finer order than grades give",
        f"assay select data.json qurating {_ADDRESS} --budget 5% --max-cost 20 -o strong.json",
        "Two rows side by side, in both orders, and the strengths behind that.",
        "Eight requests a row, where a grade takes one.",
    ),
    Advice(
        _JUDGE, "its grades of all for the price of some",
        f"assay select data.json distilled --set of=alpagasus --set rows=300 {_ADDRESS} "
        "--budget 5% --max-cost 1 -o learned.json",
        "Some rows are judged, and a small head learns the rest; held-out rows tell how well.",
        "Refuses where it learns no more than chance; often no more than lengths tell.",
    ),
    Advice(
        _SCORES, "the best of them, but diverse",
        "assay import-scores data.json ratings.csv --column rating --id id && "
        "assay select data.json deita_filter --set by=rating --budget 5% -o best.json",
        "Best first, leaving out what is too much like a row taken before.",
        "As good as the judge.",
        "", "deita_filter",
    ),
    Advice(
        _TARGET, "rows like them",
        "assay select data.json coreset --set target=examples.jsonl --budget 5% -o near.json",
        "Clusters near the examples, their centres, then the farthest rows.",
        "Our reading of a method without published code.",
        "", "coreset",
    ),
    Advice(
        _SOURCES, "all of one, and a little of another",
        "assay select chat=chat.jsonl web=web.jsonl --per source --share chat=100% --share web=2% "
        "-o mix.jsonl",
        "Each source has its own budget; the method chooses within it.",
        "The shares are yours to justify.",
    ),
    Advice(
        "a model to tune and some hours", "to know whether any of it pays",
        "assay compare data.json substance k_center --base org/name --budget 5%",
        "Tunes the same model on every choice and on random rows, with intervals.",
        "Small models and small budgets are not large ones.",
    ),
)  # fmt: skip


def guide_parts() -> "Iterator[RenderableType]":
    """Yield the guide for a terminal: what there is, what is wanted, and what to type."""
    from rich.text import Text

    have = ""
    for advice in GUIDE:
        if advice.have != have:
            have = advice.have
            yield Text(f"You have {have}", style="bold")
        yield Text(f"and want {advice.want}:")
        yield facts([("  type", advice.line), ("  for", advice.why), ("  but", advice.but)])
        yield ""
