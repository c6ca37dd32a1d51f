"""What rests on a part of another version has another key; nothing else has."""

import pytest

from assay.components.budget import Budget, TrainingReading
from assay.components.parts import raised_versions
from assay.components.rendering import COMMON
from assay.features.embeddings import Embeddings
from assay.features.text import CompressedLengths, Lengths, TokenCounts
from assay.features.training_tokens import TrainingTokens
from assay.methods.combinations.top_score import TopScore
from assay.methods.geometry.k_center import KCenterGreedy
from assay.methods.text.compression_ifd import CompressionIFD
from assay.methods.text.lexical import MTLD


def test_nothing_is_added_to_a_key_while_versions_are_the_first() -> None:
    assert raised_versions(KCenterGreedy(budget=5)) == {}
    assert raised_versions(TopScore(by=MTLD(), budget="5%")) == {}


def test_a_default_part_of_another_version_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before, other = KCenterGreedy(budget=5).key, MTLD().key

    monkeypatch.setattr(Embeddings, "version", 2)

    assert KCenterGreedy(budget=5).key != before
    assert raised_versions(KCenterGreedy(budget=5)) == {"embeddings": 2}
    assert MTLD().key == other


def test_parts_of_parts_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = TopScore(by=CompressionIFD(), budget=5).key

    monkeypatch.setattr(CompressedLengths, "version", 3)

    assert TopScore(by=CompressionIFD(), budget=5).key != before


def test_a_part_that_the_recipe_spells_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MTLD, "version", 2)

    assert raised_versions(TopScore(by=MTLD(), budget=5)) == {}
    assert raised_versions(MTLD()) == {}


def test_what_a_budget_of_tokens_is_counted_by_is_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TokenCounts, "version", 2)

    assert raised_versions(KCenterGreedy(budget="500 tokens")) == {"token_counts": 2}
    assert raised_versions(KCenterGreedy(budget=500)) == {}


def test_tokens_as_a_training_reads_them_are_counted_by_another_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading = TrainingReading(model="assay:lm", rendering=COMMON)
    budget = Budget(amount="500", unit="tokens", as_trained=reading)
    monkeypatch.setattr(TokenCounts, "version", 2)
    monkeypatch.setattr(TrainingTokens, "version", 3)

    assert raised_versions(KCenterGreedy(budget=budget)) == {"training_tokens": 3}


def test_the_rows_a_selection_is_made_among_are_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lengths, "version", 2)
    inner = TopScore(by="longest_response", budget="50%")

    assert raised_versions(KCenterGreedy(budget=5, within=inner)) == {"lengths": 2}
