"""The numbers of worked examples, computed again from the rows or from the columns before them."""

import zlib
from functools import lru_cache
from io import StringIO
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from assay.cli.printing.catalogue import find_all
from assay.cli.printing.worked_example import WorkedExample, example_parts, worked_example
from assay.components.base import Component
from assay.components.registry import find
from assay.errors import UsageError
from assay.features.embeddings import Embeddings
from assay.samples import FloatArray
from assay.testing import pool, value_of

EXPLAINED = [
    method
    for method in find_all([])
    if method.__module__.startswith("assay.") and method.guide and method.guide.example
]
SHOWN = 2e-3
"""Four significant digits are shown; what is computed from them is a little less exact."""


@lru_cache
def _worked(name: str) -> WorkedExample:
    return worked_example(find(name))


def _column(name: str, heading: str) -> list[str]:
    worked = _worked(name)
    place = worked.headings.index(heading)
    return [row.cells[place] for row in worked.rows]


def _numbers(name: str, heading: str) -> FloatArray:
    return np.array([float(cell.replace(",", "")) for cell in _column(name, heading)])


def _cosines(name: str) -> FloatArray:
    return np.array([_numbers(name, f"cos {row}") for row in "ABC"])


def _in_order(name: str) -> list[int]:
    """Return the rows that were picked, by their place in the example."""
    picks = _column(name, "pick")
    return sorted(
        (row for row, pick in enumerate(picks) if pick[0].isdigit()),
        key=lambda row: float(picks[row]),
    )


def _near(expected: Any) -> Any:
    return pytest.approx(expected, rel=SHOWN, abs=SHOWN / 10)


def _rank_shares(values: list[float]) -> list[float]:
    below = [sum(other < value for other in values) for value in values]
    equal = [sum(other == value for other in values) for value in values]
    return [(low + (same + 1) / 2) / len(values) for low, same in zip(below, equal, strict=True)]


def test_the_methods_that_are_used_most_have_an_example() -> None:
    assert {method.name for method in EXPLAINED} >= {
        "facility_location", "substance", "compression_ifd", "ifd", "superfiltering", "perplexity",
        "k_center", "deita_filter", "deduplicate", "random", "mtld", "longest_response",
        "relevance",
    }  # fmt: skip


@pytest.mark.parametrize("method", EXPLAINED, ids=lambda method: method.name)
def test_an_example_has_three_rows_and_prose_without_numbers(method: type[Component]) -> None:
    assert method.guide is not None
    example = method.guide.example
    assert example is not None

    assert len(example.rows) == 3
    assert not any(character.isdigit() for character in example.reading)
    assert len(example.reading) > 40


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", ["k_center", "compression_ifd", "substance", "deita_filter"])
def test_an_example_fits_the_terminal_and_loses_no_number(name: str, width: int) -> None:
    console = Console(file=StringIO(), width=width)
    for part in example_parts(find(name), _worked(name)):
        console.print(part)

    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in shown
    words = shown.split()
    for row in _worked(name).rows:
        assert all(word in words for cell in row.cells for word in cell.split())
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= width


def test_a_method_without_an_example_says_so() -> None:
    with pytest.raises(UsageError, match="where has no example"):
        worked_example(find("where"))


def test_compression_ifd_is_what_zlib_says() -> None:
    def size(text: str) -> int:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return len(packer.compress(text.encode()) + packer.flush())

    for row, score in zip(
        _worked("compression_ifd").rows, _column("compression_ifd", "score"), strict=True
    ):
        if len(row.answered.encode()) < 24:
            assert score == "too short"
            continue
        more = size(f"{row.asked}\n\n{row.answered}") - size(row.asked)
        assert (float(row.cells[0]), float(row.cells[1])) == (more, size(row.answered))
        assert float(score) == _near(more / size(row.answered))


def test_longest_response_counts_characters() -> None:
    lengths = [len(row.answered) for row in _worked("longest_response").rows]

    assert _numbers("longest_response", "score").tolist() == lengths


def test_mtld_is_words_over_factors_both_ways() -> None:
    def one_way(words: list[str]) -> float:
        factors, start = 0.0, 0
        for end in range(1, len(words) + 1):
            ratio = len(set(words[start:end])) / (end - start)
            if ratio <= 0.72:
                factors, start = factors + 1, end
        if start < len(words):
            rest = words[start:]
            factors += (1 - len(set(rest)) / len(rest)) / 0.28
        return len(words) / factors if factors else float(len(words))

    for row in _worked("mtld").rows:
        words = "".join(c if c.isalnum() else " " for c in row.answered.lower()).split()
        ratio, score = map(float, row.cells)
        assert ratio == _near(len(set(words)) / len(words))
        assert score == _near((one_way(words) + one_way(words[::-1])) / 2)


def test_relevance_is_the_cosine_of_two_vectors() -> None:
    worked = _worked("relevance")
    rows = pool([(row.asked, row.answered) for row in worked.rows])
    asked, answered = (
        value_of(Embeddings(part=part), rows).array for part in ("prompt", "response")
    )

    for place, row in enumerate(rows.row.tolist()):
        left, right = asked[place].astype(float), answered[place].astype(float)
        cosine = left @ right / np.linalg.norm(left) / np.linalg.norm(right)
        assert float(worked.rows[row].cells[-1]) == _near(cosine)


def test_substance_is_the_mean_of_three_ranks() -> None:
    new = [min(value, 0.95) for value in _numbers("substance", "new").tolist()]
    tokens = [min(value, 64.0) for value in _numbers("substance", "tokens").tolist()]
    share = _rank_shares(_numbers("substance", "relevant").tolist())
    relevant = [1.0 if value > 0.5 else value for value in share]

    ranks = np.array([_rank_shares(new), _rank_shares(relevant), _rank_shares(tokens)])

    assert _numbers("substance", "score").tolist() == _near(ranks.mean(axis=0).tolist())


@pytest.mark.slow
def test_ifd_is_a_ratio_of_losses_and_superfiltering_of_their_exponentials() -> None:
    given, alone = _numbers("ifd", "l(A | Q)"), _numbers("ifd", "l(A)")

    assert _numbers("ifd", "score").tolist() == _near((given / alone).tolist())
    # The rows are the same, so the losses are.
    assert _numbers("superfiltering", "PPL(A | Q)").tolist() == _near(np.exp(given).tolist())
    assert _numbers("superfiltering", "PPL(A)").tolist() == _near(np.exp(alone).tolist())
    assert _numbers("superfiltering", "score").tolist() == _near(np.exp(given - alone).tolist())
    assert given[1] < given[[0, 2]].min()


@pytest.mark.slow
def test_perplexity_is_the_exponential_of_the_mean_loss() -> None:
    losses = _numbers("perplexity", "l")

    assert _numbers("perplexity", "score").tolist() == _near(np.exp(losses).tolist())
    assert losses.tolist() == _numbers("ifd", "l(A | Q)").tolist()


def test_random_takes_the_smallest_numbers() -> None:
    numbers = _numbers("random", "number")

    assert _in_order("random") == np.argsort(numbers)[:2].tolist()
    assert ((numbers >= 0) & (numbers < 1)).all()


def test_k_center_goes_from_the_middle_to_the_farthest() -> None:
    cosines = _cosines("k_center")
    first = int(cosines.sum(axis=1).argmax())
    second = int(cosines[first].argmin())

    assert _in_order("k_center") == [first, second]
    gain = float(_column("k_center", "gain")[second])
    assert gain == _near(1 - cosines[first, second])
    assert _column("k_center", "gain")[first] == "-"


def test_facility_location_takes_what_stands_for_most() -> None:
    cosines = np.maximum(_cosines("facility_location"), 0)
    covered, order, gains = np.zeros(3), [], []
    for _ in range(2):
        more = [np.maximum(cosines[row], covered).sum() - covered.sum() for row in range(3)]
        order.append(int(np.argmax(more)))
        gains.append(max(more))
        covered = np.maximum(cosines[order[-1]], covered)

    assert _in_order("facility_location") == order
    shown = [float(_column("facility_location", "gain")[row]) for row in order]
    assert shown == _near(gains)


def test_deita_filter_walks_down_and_leaves_out_what_is_like_a_row_taken() -> None:
    lengths, cosines = _numbers("deita_filter", "length"), _cosines("deita_filter")
    taken: list[int] = []
    for row in np.argsort(-lengths).tolist():
        if all(cosines[row, other] <= 0.8 for other in taken):
            taken.append(row)

    assert _in_order("deita_filter") == taken
    assert _column("deita_filter", "pick").count("near duplicate") == 1
    assert all(lengths[one] > lengths[other] for one, other in pairwise(taken))


def test_duplicates_share_most_runs_of_five_characters() -> None:
    worked = _worked("deduplicate")
    texts = [f"{row.asked}\n{row.answered}".casefold() for row in worked.rows]
    runs = [{text[place : place + 5] for place in range(len(text) - 4)} for text in texts]

    def alike(one: int, other: int) -> float:
        return len(runs[one] & runs[other]) / len(runs[one] | runs[other])

    assert alike(0, 1) >= 0.8 > max(alike(0, 2), alike(1, 2))
    groups, picks = _column("deduplicate", "group of"), _column("deduplicate", "pick")
    assert groups[0] == groups[1] != groups[2] == "C"
    assert [pick == "near duplicate" for pick in picks].count(True) == 1
    assert picks[2][0].isdigit()
