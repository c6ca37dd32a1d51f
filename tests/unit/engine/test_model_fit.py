"""What is told of a language model whose card is at hand, on rows of which all is known."""

import pytest

from assay.engine.model_fit import known_models, model_fit
from assay.methods.combinations.top_score import TopScore
from assay.methods.likelihood.ifd import IFD
from assay.methods.text.compression_ifd import CompressionIFD
from assay.samples import Conversation, Message, Sample

_SPRING = "春天来了，花园里的花都开了。"


def _sample(text: str, language: str = "") -> Sample:
    messages = (Message("user", text), Message("assistant", text))
    return Sample(Conversation(messages), language=language)


@pytest.mark.parametrize(
    ("samples", "share", "languages"),
    [
        ([_sample("x", "en"), _sample("x", "en-GB"), _sample("x", "eng"), _sample("x", "EN_us")],
         0.0, ()),
        ([_sample("x", "en"), _sample("x", "de"), _sample("x", "fr"), _sample("x", "fr")],
         0.75, ("fr", "de")),
        ([_sample(_SPRING), _sample(_SPRING, "en")], 0.5, ("zh",)),
        ([_sample("1 + 1 = 2"), _sample("?", "und")], 0.0, ()),
        ([], 0.0, ()),
    ],
)  # fmt: skip
def test_a_stated_language_counts_before_a_detected_one_and_none_is_not_another(
    samples: list[Sample], share: float, languages: tuple[str, ...]
) -> None:
    fit = model_fit("assay:lm", samples)

    assert (fit.rows, fit.other_languages, fit.languages) == (len(samples), share, languages)


@pytest.mark.parametrize(("foreign", "said"), [(2, 0), (3, 1)])
def test_a_chance_row_in_another_language_is_not_worth_a_word(foreign: int, said: int) -> None:
    samples = [_sample("x", "en")] * (100 - foreign) + [_sample("x", "de")] * foreign

    notes = model_fit("assay:lm", samples).notes()

    assert len(notes) == said
    assert all(note.startswith("3% of these rows are in languages") for note in notes)


def test_models_are_known_by_name_at_any_depth() -> None:
    nested = TopScore(by=IFD(model="assay:lm@0123456789ab"), budget=1)

    assert known_models([nested, IFD(model="assay:lm")]) == ["assay:lm"]
    assert known_models([CompressionIFD(), IFD(model="gpt2")]) == []
