"""Requests before and after nodes were added: what can be counted without a judge."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from assay.samples import IndexArray
from assay.texts.checks.demands import count_demands

_FOLDER = Path(__file__).parents[2] / "../shared/data/parity/tree_instruct"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not _FOLDER.is_dir(), reason="published pairs are not here"),
]


def _texts() -> tuple[list[str], list[str]]:
    """Return the requests before and after, in the order of their ids."""
    before, after = (
        json.loads(gzip.decompress((_FOLDER / f"{name}.json.gz").read_bytes()))
        for name in ("alpaca1k", "tree1k_3nodes_response")
    )
    plain = {row["id"]: f"{row['instruction']} {row['input']}".strip() for row in before}
    grown = {row["id"]: row["items"][0]["value"] for row in after}
    shared = sorted(plain.keys() & grown.keys())
    return [plain[each] for each in shared], [grown[each] for each in shared]


def _words(texts: list[str]) -> IndexArray:
    return np.array([len(text.split()) for text in texts])


def test_words_alone_rise_in_nearly_all_pairs() -> None:
    before, after = map(_words, _texts())

    assert len(before) == 184
    assert int((after > before).sum()) == 178
    assert [float(np.median(each)) for each in (before, after)] == [13.0, 34.0]


def test_demands_rise_with_length_and_hardly_at_equal_length() -> None:
    texts, grown = _texts()
    before, after = (np.array([count_demands(each) for each in own]) for own in (texts, grown))
    short, long = _words(texts), _words(grown)

    assert after.mean() - before.mean() == pytest.approx(0.353, abs=5e-4)
    lengths = np.intersect1d(short, long)
    gains = [after[long == words].mean() - before[short == words].mean() for words in lengths]
    pairs = [min((long == words).sum(), (short == words).sum()) for words in lengths]
    assert (len(lengths), sum(pairs)) == (26, 39)
    assert np.average(gains, weights=pairs) == pytest.approx(0.046, abs=5e-4)
