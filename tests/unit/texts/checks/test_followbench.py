"""Every source that has rules, level by level, with answers that were written for it."""

import re
from typing import Any

import pytest

from assay.texts.checks.criteria import CriteriaError
from assay.texts.checks.followbench import check, fills_template
from assay.texts.checks.level_rules import Tongue

_LONG = "word " * 21

# Of each source an answer that satisfies all five levels, and answers that break one each.
_SUMMARIES: dict[tuple[str, Tongue], tuple[str, ...]] = {
    ("cnn_dailymail", "en"): (
        "Potter gold is safe. The actor stays home. He has made films.",
        "Potter gold is safe. The actor stays home. He has made films. The end.",
        f"Potter gold is safe {_LONG}. The actor stays home. He has made films.",
        "The actor stays home. Potter gold is safe. He has made films.",
        "Potter gold is safe. The lavish actor stays home. He has made films.",
        "Potter gold is safe. The actor stays home. He made films.",
    ),
    ("xsum", "en"): (
        "Police are searching in an operation.",
        "Police are searching. An operation runs",
        f"Police are searching in an operation {_LONG}",
        "Newton Stewart police are searching in an operation.",
        "Police search in an operation.",
        "Police are searching in a town.",
    ),
    ("samsum", "en"): (
        "Ann has stuff to do.",
        "Ann has stuff. She waits",
        f"Ann has stuff to do {_LONG}.",
        "Ann has stuffing to do.",
        "Ann is Procrastinating about stuff.",
        "Ann has stuff to do, now.",
    ),
    ("gigaword", "en"): (
        "two people killed in attack in southern philippines",
        "two people killed in attack southern philippines",
        "two people killed in attack in southern-most philippines",
        "Two people killed in attack in southern philippines",
        "two people killed in bus attack in philippines",
        "two people killed during attack on southern philippines",
    ),
    ("arxiv", "en"): (
        "We edit activations of a model.",
        "We edit activations. Models change",
        f"We edit activations of a model {_LONG}",
        "The activations are edited.",
        "We edit an activation of a model.",
        "We edit activations of a transformer.",
    ),
    ("cnn_dailymail", "zh"): (
        "波特很有钱。这位演员没变。他拍了电影。",
        "波特很有钱。这位演员没变。他拍了电影。完。",
        "波特很有钱而且他真的非常非常非常有钱。这位演员没变。他拍了电影。",
        "这位演员没变。波特很有钱。他拍了电影。",
        "波特很有钱。这位奢侈演员没变。他拍了电影。",
        "波特很有钱。这位演员没变。他拍电影。",
    ),
    ("xsum", "zh"): (
        "警方在镇上操作。",
        "警方在镇上。操作。",
        "警方在镇上操作而且一直一直一直一直一直操作。",
        "警方在牛顿斯图尔特操作。",
        "警方于镇上操作。",
        "警方在镇上。",
    ),
    ("samsum", "zh"): (
        "安娜说琐碎的事。",
        "安娜说。琐碎的事",
        "安娜说了很多很多很多琐碎的事情。",
        "安娜说很多的事。",
        "安娜拖沓的琐碎的事。",
        "安娜，说琐碎的事。",
    ),
    ("gigaword", "zh"): (
        "菲律宾在袭击中死",
        "菲律宾在袭击中",
        "菲律宾，在袭击中",
        "菲律宾在袭击2死",
        "在公交车上有袭击",
        "菲律宾袭击中死人",
    ),
    ("arxiv", "zh"): (
        "我们修改激活。",
        "我们修改。激活",
        "我们修改激活而且一直一直一直一直一直一直修改。",
        "本文修改激活。",
        "我们修改模型。",
        "我们修改transformer激活。",
    ),
}
_sources = pytest.mark.parametrize(("source", "tongue"), _SUMMARIES)


def _record(source: str, level: int, **more: Any) -> dict[str, Any]:
    return {"category": "mixed", "source": source, "level": level, "example_id": 1, **more}


@_sources
def test_an_answer_that_keeps_to_all_rules_satisfies_every_level(
    source: str, tongue: Tongue
) -> None:
    answer = _SUMMARIES[source, tongue][0]

    for level in range(1, 6):
        verdict = check(answer, _record(source, level), tongue)

        assert verdict is not None
        assert verdict.met == (True,) * level
        assert (verdict.all_met, verdict.share, verdict.group) == (True, 1.0, "mixed")


@_sources
@pytest.mark.parametrize("broken", range(1, 6))
def test_an_answer_that_breaks_one_rule_fails_from_its_level_on(
    source: str, tongue: Tongue, broken: int
) -> None:
    answer = _SUMMARIES[source, tongue][broken]

    verdicts = [check(answer, _record(source, level), tongue) for level in range(1, 6)]

    assert [verdict.all_met for verdict in verdicts if verdict] == [
        level < broken for level in range(1, 6)
    ]
    assert verdicts[-1] is not None
    assert verdicts[-1].met == tuple(rule != broken for rule in range(1, 6))
    assert verdicts[-1].share == 0.8


@pytest.mark.parametrize(
    ("source", "tongue", "target", "right", "wrong"),
    [
        ("E2E", "en", "name[The Phoenix]", "name[The Phoenix]", "name[The Phoenix]."),
        ("E2E", "zh", "名字[The Phoenix]", "名字[The Phoenix]", "名字[Phoenix]"),
        ("text_editing", "en", "pples loved eting i.", "pples loved eting i.", "Pples loved eting"),
        ("text_editing", "zh", "*小明爱吃苹果。*", "*小明爱吃苹果。*", "小明爱吃苹果。"),
        ("WIKIEVENTS", "en", "a died\nb died", "b died", "b died\nc died"),
        ("CONLL2003", "en", "['Bonn', 'France']", "Bonn", "Bonn."),
        ("CONLL2003", "zh", "['波恩']", "波恩", "法国"),
        ("BBH_logical", "en", "(H)", "Not (A), so it is (H)", "(H) or (A)"),
        ("BBH_logical", "zh", "(H)", "答案是(H)", "答案是H"),
        ("BBH_time", "en", "02/10/1942", "From 12/24/1937 on, 02/10/1942.", "2/10/1942"),
        ("BBH_time", "zh", "02/10/1942", "是02/10/1942", "02/10/1942不是02/11/1942"),
        ("self_made_space", "en", "20th floor", "On the 20th floor.", "On floor 20."),
        ("self_made_space", "zh", "20楼", "他在20楼", "他在20层"),
        ("gsm_8k", "en", "$37", "$12 and then $37", "37 dollars"),
        ("gsm_8k", "zh", "37美元", "先12美元，共37美元", "$37"),
    ],
)
def test_a_target_decides_where_there_is_one_right_answer(
    source: str, tongue: Tongue, target: str, right: str, wrong: str
) -> None:
    found = [check(answer, _record(source, 3, target=target), tongue) for answer in (right, wrong)]

    assert [verdict.met for verdict in found if verdict] == [(True,), (False,)]


def _formatted(example: int, level: int) -> dict[str, Any]:
    return {"category": "format", "source": "koala", "level": level, "example_id": example}


def _met(answer: str, record: dict[str, Any], tongue: Tongue) -> tuple[bool, ...]:
    verdict = check(answer, record, tongue)
    assert verdict is not None
    assert verdict.group == "format"
    return verdict.met


def test_three_paragraphs_of_long_sentences_satisfy_the_third_level() -> None:
    three = "\n\n".join([f"{_LONG}."] * 3)

    assert _met(three, _formatted(22, 3), "en") == (True, True, True)
    assert _met(three + "\n\nmore", _formatted(22, 3), "en") == (False, True, False)
    assert _met("\n\n".join(["A. B. C.", _LONG, _LONG]), _formatted(22, 2), "en") == (True, False)
    assert _met("one", _formatted(22, 2), "en") == (False, False)


def test_the_stop_of_a_number_in_english_ends_a_sentence_of_one_word_as_published() -> None:
    numbered = "\n\n".join(f"{number}. {_LONG}." for number in (1, 2, 3))

    assert _met(numbered, _formatted(22, 4), "en")[2:] == (False, True)


def test_the_closing_words_in_chinese_are_a_fourth_paragraph() -> None:
    long = "木桌要常常擦拭并且要避免阳光直射还要每月上油一次"
    three = "\n\n".join(f"{number}.{long}。" for number in (1, 2, 3))
    four = f"{three}\n\n4.{long}这些是建议"

    assert _met(three, _formatted(22, 4), "zh") == (True,) * 4
    assert _met(four, _formatted(22, 5), "zh") == (True,) * 5
    assert _met(four, _formatted(22, 4), "zh") == (False, True, True, True)
    assert _met(f"{four}。", _formatted(22, 5), "zh") == (True, True, True, True, False)
    assert _met(four.replace("2.", ""), _formatted(22, 5), "zh")[3] is False


_POINTS = " ".join(
    f"**{number} Growth:** Innovation helps our nation build new firms and jobs."
    for number in range(1, 6)
)


@pytest.mark.parametrize(
    ("answer", "broken"),
    [
        (_POINTS, set()),
        (_POINTS.replace("*", ""), {1, 2}),
        (_POINTS.replace("5 Growth:", "5 Growth"), {2}),
        (_POINTS.replace("jobs.", "1.5.6 jobs.", 1), {3}),
        (_POINTS + " The end.", {4}),
        (_POINTS.replace("new", "friend-ly", 1), {5}),
    ],
)
def test_five_points_are_looked_at_one_rule_after_the_other(answer: str, broken: set[int]) -> None:
    met = _met(answer, _formatted(30, 5), "en")

    assert {rule for rule, holds in enumerate(met, start=1) if not holds} == broken


def test_points_on_one_line_are_found_as_a_lazy_pattern_finds_them() -> None:
    texts = ["**1a: **2: **3:x", "**1: **2b:", "**1\n:", "**1::", "**9**8: x:", "x **1 y: **1 z"]
    pattern = re.compile(r"\*\*[\d].+?:")

    for text in texts:
        five = text + "".join(
            f"\n**{number} k:" for number in range(5 - len(pattern.findall(text)))
        )
        assert len(pattern.findall(five)) == 5
        assert _met(five, _formatted(30, 2), "en")[1]


@pytest.mark.parametrize(
    ("target", "answer", "fits"),
    [
        ("{instruction}\nAnswer: {answer}", "Answer: the sea", True),
        ("{instruction}\nAnswer: {answer}", "Answer: ", True),
        ("{instruction}\nAnswer: {answer}", "answer: the sea", False),
        ("{instruction}\nAnswer: {answer}", "Answer: the sea\nand more", False),
        ("{instruction}\nAnswer: {answer}", "Well. Answer: the sea", False),
        ("{instruction}\n{{'bot': '{answer}'}}", "{'bot': 'it's'}", True),
        ("{instruction}\n{{'bot': '{answer}'}}", "{'bot': 'it'", False),
        ("{instruction}\n#答案#\n{answer}", "#答案#\n海", True),
        ("{instruction}\n#答案#\n{answer}", "#答案#海", False),
        ("{instruction}\naa{answer}aa", "aaa", False),
        ("{instruction}\nplain", "plain", True),
    ],
)
def test_an_answer_fills_the_template_of_its_examples(target: str, answer: str, fits: bool) -> None:
    record = {"category": "example", "source": "xsum", "level": 2, "target": target}

    verdict = check(answer, record, "en")

    assert verdict is not None
    assert (verdict.all_met, verdict.group) == (fits, "example")


def test_a_template_of_several_gaps_is_refused() -> None:
    with pytest.raises(CriteriaError, match="one gap"):
        fills_template("a b", "{answer} {answer}")


@pytest.mark.parametrize(
    ("record", "tongue"),
    [
        (_record("quora", 2, category="style"), "en"),
        (_formatted(3, 1), "en"),
        (_formatted(30, 1), "zh"),
        (_record("xsum", 0), "en"),
    ],
)
def test_what_a_judge_decides_has_no_verdict(record: dict[str, Any], tongue: Tongue) -> None:
    assert check("anything", record, tongue) is None


@pytest.mark.parametrize(
    "record",
    [
        {"source": "E2E", "target": "a"},
        _record("E2E", 6, target="a"),
        _record("E2E", True, target="a"),
        _record("E2E", 1, target=None),
        _record("CONLL2003", 1, target="not a list"),
        _record("CONLL2003", 1, target="__import__('os').getcwd()"),
        _record("CONLL2003", 1, target="3"),
    ],
)
def test_a_record_that_does_not_say_what_is_right_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(CriteriaError):
        check("a", record, "en")
