import pytest

from assay.texts.tag_forms import tag_form


@pytest.mark.parametrize(
    "alike",
    [
        ("Data Analysis", "data-analysis", "data_analysis", " DATA  analysis!"),
        ("recommendation", "recommendations", "Recommended"),
        ("summarization", "summarize"),
        ("Écriture", "E\u0301criture", "écriture"),
        ("می\u200cخواهم", "میخواهم"),
        ("reading+writing", "read / write"),
        ("#hashtag", "hashtag"),
        ("数据-分析", "数据 分析"),
    ],
)
def test_tags_that_differ_in_case_signs_or_endings_share_a_form(alike: tuple[str, ...]) -> None:
    assert len(set(map(tag_form, alike))) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("c", "c++"),
        ("c++", "c#"),
        ("c++ programming", "c programming"),
        ("js", "j"),
        ("हिन्दी", "हनद"),
        ("数据", "数学"),
        ("???", "!!!"),
        ("maths", "months"),
    ],
)
def test_tags_that_differ_in_more_do_not(one: str, other: str) -> None:
    assert tag_form(one) != tag_form(other)


def test_marks_hold_a_word_together() -> None:
    assert tag_form("हिन्दी भाषा") == "हिन्दी भाषा"
    assert tag_form("สวัสดี") == "สวัสดี"


def test_only_words_of_english_letters_are_stemmed() -> None:
    assert tag_form("running") == "run"
    assert tag_form("is as us") == "is as us"
    assert tag_form("naïveness") == "naïveness"
    assert tag_form("gpt4s") == "gpt4s"
