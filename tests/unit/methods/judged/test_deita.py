"""DEITA: two scorers against transformers alone, and replies of a judge written by hand."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from assay.components.component import build
from assay.components.defaults import kinds_named, with_defaults
from assay.engine.engine import Engine
from assay.errors import AssayError, ModelLoadError
from assay.formats.records import Block
from assay.methods.combinations.top_score import TopScore
from assay.methods.judged.deita import Deita, over_turns
from assay.methods.pipelines.deita_filter import DeitaFilter
from assay.outcomes import ScoreTable
from assay.pool.building import build_pool
from assay.samples import Conversation, Message, Origin, Reason, Sample
from assay.testing import pool as pool_of
from tests.causal_rows import PlainLoop, exchange, open_runtime, ordinary_rows, set_budget, turns
from tests.judge_servers import LLAMA_CPP, NAME, OLD_OLLAMA, Personality, serving_judge
from tests.scripted_judge import MARK, ScriptedJudge, cut, labelled, refusal, verdicts
from tests.unit.methods.planted import chosen, engine_over

# What a judge says of the complexity of a row and of its quality, and the score or reason that has
# to come of both.
CASES: dict[str, tuple[object, object, float | Reason]] = {
    "plain": ("Some detail.\nScore: 3", "Good.\nScore: 4", 12.0),
    "best": ("Expert work.\nScore: 6", "Nothing to add.\nScore: 6", 36.0),
    "worst": ("A single fact.\nScore: 1", "Of no use.\nScore: 1", 1.0),
    "tied": ("Conditions.\nScore: 4", "Passable.\nScore: 3", 12.0),
    "between": ("Hard to say.\nScore: 2.5", "Good.\nScore: 4", Reason.OUT_OF_RANGE),
    "bold": ("Many conditions.\n**Score: 5**", "Poor.\n**Score:** 2", 10.0),
    "slash": ("Conditions.\nScore: 4/6", "Very good.\nScore: 5 out of 6", 20.0),
    "sentence": ("One task. The score is 2.", "Very good.\nThe score is 5", 10.0),
    "fullwidth": ("有一些细节。\nScore：３", "很好。\nScore：５", 15.0),
    "chinese": ("有几个条件。\n评分：4分", "回答较差。\n评分：2分", 8.0),
    "german": ("Eine Aufgabe.\nScore: 2", "Besser geht es nicht.\nScore: 6", 12.0),
    "blank_lines": ("Many conditions.\n\n\nScore: 5\n\n", "Passable.\nScore: 3", 15.0),
    "too_high": ("Beyond all.\nScore: 7", "Good.\nScore: 4", Reason.OUT_OF_RANGE),
    "zero": ("Some detail.\nScore: 3", "Nothing.\nScore: 0", Reason.OUT_OF_RANGE),
    "words": ("Quite complex.", "Good.\nScore: 4", Reason.PARSE_FAILED),
    "two_numbers": ("Some detail.\nScore: 3", "Hard to say.\nScore: 4 or 5", Reason.PARSE_FAILED),
    "another_whole": ("Some detail.\nScore: 3/10", "Good.\nScore: 4", Reason.PARSE_FAILED),
    "comma": ("Some detail.\nScore: 3", "Gut.\nScore: 4,5", Reason.PARSE_FAILED),
    "nothing": ("", "Good.\nScore: 4", Reason.PARSE_FAILED),
    "cut": (cut("I would like to begin by"), "Good.\nScore: 4", Reason.REPLY_TRUNCATED),
    "filtered": ("Some detail.\nScore: 3", refusal(), Reason.REFUSED),
    "mended": (["It depends.", "One task.\nScore: 2"], "Very good.\nScore: 5", 10.0),
    "both_fail": ("Quite complex.", refusal(), Reason.PARSE_FAILED),
}
_QUALITY = "q-"


class TwoScales(ScriptedJudge):
    """Tells a case in a question about an answer apart from the same in one about a request."""

    def answer(self, route: str, question: Mapping[str, Any]) -> tuple[int, Any]:
        """Return status and JSON."""
        shown = json.dumps(question)
        if "How good is the answer" in shown:
            question = json.loads(shown.replace(MARK, MARK + _QUALITY))
        return super().answer(route, question)


def _asked(case: str) -> str:
    return f"{case}|{MARK}{case}."


def _script() -> dict[str, object]:
    said: dict[str, object] = {case: complexity for case, (complexity, _, _) in CASES.items()}
    return said | {_QUALITY + case: quality for case, (_, quality, _) in CASES.items()}


@contextlib.contextmanager
def _judged(
    folder: Path,
    script: Mapping[str, object],
    rows: Sequence[Conversation] = (),
    personality: Personality = OLD_OLLAMA,
) -> Iterator[tuple[Engine, str, TwoScales]]:
    """Yield an engine over a row per case, the address of its judge, and the judge."""
    cases = [case for case in script if not case.startswith(_QUALITY)]
    rows = rows or [turns(_asked(case), "An answer to be judged.") for case in cases]
    samples = [Sample(row, "test") for row in rows]
    origins = [Origin(0, place) for place in range(len(samples))]
    engine = engine_over(folder, build_pool([Block(samples, origins)], folder), max_unscored=1.0)
    judge = TwoScales(personality, script=script)
    with serving_judge(judge) as base:
        yield engine, f"{base}#{NAME}@1", judge
    engine.runtime.models.let_go()


# By a judge


def test_every_pair_of_replies_comes_to_its_number_or_its_reason(tmp_path: Path) -> None:
    with _judged(tmp_path, _script()) as (engine, address, judge):
        scorer = Deita(by="judge", judge=address)
        found = verdicts(engine, scorer)
        best = chosen(engine, TopScore(by=scorer, budget=4))
        quality = verdicts(engine, Deita(by="judge", judge=address, parts="quality"))

    assert found == pytest.approx({case: worth for case, (_, _, worth) in CASES.items()})
    # 36, 20, and the two of 15; the seven below are not reached.
    assert best[:2] == ["best", "slash"]
    assert set(best[2:]) == {"fullwidth", "blank_lines"}
    # One part alone has numbers of rows at which the other failed.
    assert quality["words"] == 4.0
    assert quality["filtered"] is Reason.REFUSED
    assert judge.told["plain"] == judge.told[f"{_QUALITY}plain"] == 1, "what is kept is not asked"


def test_products_are_of_each_turn_before_they_become_one(tmp_path: Path) -> None:
    talk = turns(_asked("multi"), "One.", f"{MARK}later.", "Two.")
    script = {
        "multi": "Score: 2",
        f"{_QUALITY}multi": "Score: 3",
        "later": "Score: 4",
        f"{_QUALITY}later": "Score: 5",
    }
    with _judged(tmp_path, script, [talk]) as (engine, address, _):
        scorers = {
            how: Deita(by="judge", judge=address, over_turns=how) for how in ("sum", "mean", "max")
        }
        found = {how: verdicts(engine, scorer)["multi"] for how, scorer in scorers.items()}
        complexity = verdicts(engine, scorers["mean"], "complexity")["multi"]
        last = verdicts(engine, Deita(by="judge", judge=address, turns="last"))["multi"]

    assert found == {"sum": 2 * 3 + 4 * 5, "mean": 13.0, "max": 20.0}
    assert complexity == 3.0
    assert last == 20.0


def test_probabilities_of_labels_give_their_means(tmp_path: Path) -> None:
    script = {"even": labelled({"2": 0.5, "3": 0.5}), f"{_QUALITY}even": labelled({"4": 1.0})}
    with _judged(tmp_path, script, personality=LLAMA_CPP) as (engine, address, _):
        found = verdicts(engine, Deita(by="judge", judge=address))

    assert found == pytest.approx({"even": 10.0})


def test_the_filter_takes_the_best_of_it_without_copies(tmp_path: Path) -> None:
    texts = {"best": "The moon.", "copy": "The moon.", "other": "A soup of leeks and potatoes."}
    script: dict[str, object] = {
        "best": "Score: 6",
        "copy": "Score: 5",
        "other": "Score: 2",
    }
    script |= {_QUALITY + case: "Score: 6" for case in texts}
    rows = [turns(_asked(case), text * 9) for case, text in texts.items()]
    with _judged(tmp_path, script, rows) as (engine, address, _):
        by = Deita(by="judge", judge=address)
        # The two rows about the moon differ in the name of the case alone.
        taken = chosen(engine, DeitaFilter(by=by, threshold=0.8, budget=2))
        all_of_it = chosen(engine, DeitaFilter(by=by, threshold=1.0, budget=2))

    assert taken == ["best", "other"]
    assert all_of_it == ["best", "copy"]


# By trained scorers


_ROWS = [
    *(exchange(row) for row in ordinary_rows(6)),
    turns("Hello, who are you?", "A small model.", "How small?", "Two layers, 64 wide."),
    turns("Ends with a question", "It does.", "Does it?"),
    Conversation((Message("system", "Be short."), *turns("Un café?", "Oui.").messages)),
    turns("Say nothing at all.", ""),
]
_FORMATS = {
    "complexity": "You are a helpful assistant. Please identify the complexity score of the "
    "following user query. \n##Query: {q}  \n##Complexity: ",
    "quality": "You are a helpful assistant. Please identify the quality score of the Response "
    "corresponding to the Question. \n #Question#:\n{q}\n#Response#:\n{r} \n##Quality: ",
}


def _level(loop: PlainLoop, part: str, asked: str, answered: str) -> float:
    """Return the mean of 1 to 6 by the softmax over six logits, of one question at a time."""
    text = _FORMATS[part].replace("{q}", asked).replace("{r}", answered)
    digits = loop.tokenizer.convert_tokens_to_ids(list("123456"))
    logits = np.asarray(loop.logits([*loop.context, *loop.plain(text)])[-1].double())[digits]
    shares = np.exp(logits - logits.max())
    return float((shares / shares.sum()) @ np.arange(1, 7))


def _pairs(row: Conversation) -> list[tuple[str, str]]:
    spoken = [message for message in row.messages if message.role != "system"]
    pairs = zip(spoken[::2], spoken[1::2], strict=False)
    return [
        ("\n".join(t for t in (asked.content, asked.context) if t), answered.content)
        for asked, answered in pairs
    ]


def _engine(cache: Path, *folders: Path) -> Engine:
    runtime = open_runtime(cache)
    runtime.max_unscored = 1.0
    for folder in folders:
        set_budget(runtime, folder, 1024)
    return Engine(pool_of(_ROWS), runtime)


@pytest.fixture(scope="module")
def scored(
    gpt2_folder: Path, llama_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Engine, Deita, dict[str, PlainLoop]]:
    engine = _engine(tmp_path_factory.mktemp("cache"), gpt2_folder, llama_folder)
    scorer = Deita(
        complexity_model=str(gpt2_folder), quality_model=str(llama_folder), least_coverage=0.0
    )
    loops = {"complexity": PlainLoop.open(gpt2_folder), "quality": PlainLoop.open(llama_folder)}
    return engine, scorer, loops


def test_models_are_read_as_published_turn_by_turn(
    scored: tuple[Engine, Deita, dict[str, PlainLoop]],
) -> None:
    engine, scorer, loops = scored

    table: ScoreTable = engine.value(scorer)

    rows = engine.pool.conversations(np.arange(len(engine.pool)))
    compared = 0
    for place, row in enumerate(rows):
        pairs = _pairs(row)
        if any(not answered for _, answered in pairs):
            assert table.main.reason[place] == Reason.EMPTY_RESPONSE
            continue
        levels = {
            part: [_level(loop, part, *pair) for pair in pairs] for part, loop in loops.items()
        }
        products = [c * q for c, q in zip(levels["complexity"], levels["quality"], strict=True)]
        assert table.main.values[place] == pytest.approx(sum(products), abs=1e-4)
        for part, expected in levels.items():
            found = table.column(part).values[place]
            assert found == pytest.approx(sum(expected), abs=1e-4)
        compared += 1
    assert compared == len(_ROWS) - 1


def test_complexity_alone_needs_one_model_and_no_answer(
    scored: tuple[Engine, Deita, dict[str, PlainLoop]],
) -> None:
    engine, scorer, loops = scored
    alone = scorer.model_copy(update={"parts": "complexity", "quality_model": ""})

    table: ScoreTable = engine.value(alone)

    assert alone.columns == ("complexity",)
    rows = engine.pool.conversations(np.arange(len(engine.pool)))
    for place, row in enumerate(rows):
        expected = sum(_level(loops["complexity"], "complexity", *pair) for pair in _pairs(row))
        assert table.main.values[place] == pytest.approx(expected, abs=1e-4)


def test_a_model_that_would_say_something_else_gives_no_number(
    scored: tuple[Engine, Deita, dict[str, PlainLoop]],
) -> None:
    engine, scorer, _ = scored

    table: ScoreTable = engine.value(scorer.model_copy(update={"least_coverage": 0.5}))

    assert np.isnan(table.main.values).all()
    assert set(table.main.reason.tolist()) == {Reason.PARSE_FAILED, Reason.EMPTY_RESPONSE}


def test_a_model_that_is_not_named_is_asked_for(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    with pytest.raises(AssayError) as caught:
        engine.value(Deita(complexity_model="some/model"))
    assert isinstance(caught.value, ModelLoadError)


# What is read


def test_it_reads_models_or_a_judge_and_not_both() -> None:
    models, judge = Deita(), Deita(by="judge")

    assert kinds_named(models) == {"language_model"}
    assert kinds_named(judge) == {"judge"}
    named: dict[str, Any] = {"language_model": "some/model", "judge": "http://localhost:1/v1#x"}
    assert with_defaults(models, **named).judge == ""
    assert with_defaults(models, **named).quality_model == "some/model"
    assert with_defaults(judge, **named).complexity_model == ""
    assert with_defaults(judge, **named).judge == named["judge"]
    one = with_defaults(Deita(parts="quality"), **named)
    assert (one.complexity_model, one.quality_model) == ("", "some/model")


def test_the_filter_ranks_by_it_unless_told_otherwise() -> None:
    plain = build({"method": "deita_filter", "budget": 5}, "selector")

    assert isinstance(plain, DeitaFilter)
    assert plain.by == Deita()


def test_turns_become_one_by_hand() -> None:
    lists = {
        "complexity": pl.Series([[1.0, 2.0], [], [3.0]]),
        "quality": pl.Series([[5.0, 4.0], [], [0.5]]),
    }
    known = np.array([True, False, True])

    found = {how: over_turns(lists, known, how)["score"].tolist() for how in ("sum", "mean", "max")}

    assert found["sum"] == pytest.approx([13.0, np.nan, 1.5], nan_ok=True)
    assert found["mean"] == pytest.approx([6.5, np.nan, 1.5], nan_ok=True)
    assert found["max"] == pytest.approx([8.0, np.nan, 1.5], nan_ok=True)
