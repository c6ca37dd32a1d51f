"""The tokens that are shown are those that the scores read, with the numbers of a plain loop."""

from pathlib import Path
from typing import Any, Literal

import pytest

from assay.components.rendering import Rendering
from assay.methods.likelihood.ifd import IFD
from assay.runtime import Runtime
from assay.samples import Conversation, Flag, Message, Reason
from assay.workspace.token_view import TokenView, token_view
from tests.rows import conversation

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

_TWO_TURNS = Conversation(
    (
        Message("user", "Name three colours."),
        Message("assistant", "Red, green and blue.\n写一个 🙂"),
        Message("user", "And one more."),
        Message("assistant", "\tWhite"),
    )
)


def _plain(**changes: Any) -> Rendering:
    return Rendering(template="plain", **changes)


def _view(
    folder: Path,
    tmp_path: Path,
    row: Conversation,
    rendering: Rendering | None = None,
    mode: Literal["canonical", "reference"] = "canonical",
) -> TokenView:
    runtime = Runtime(cache=tmp_path / "cache", workers=1, offline=True, device="cpu")
    pinned = runtime.pin("language_model", str(folder))
    scorer = IFD(model=pinned, rendering=rendering or _plain(), mode=mode)
    return token_view(row, scorer, runtime)


class _Loop:
    """A model read one sequence at a time."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self._model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
        self.start = [self._tokenizer.bos_token_id]

    def ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def log_probs(self, before: list[int], answer: list[int]) -> list[float]:
        with torch.no_grad():
            logits = self._model(torch.tensor([before + answer])).logits[0].float()
        lasts = torch.log_softmax(logits, -1)[len(before) - 1 : -1]
        return [float(row[token]) for row, token in zip(lasts, answer, strict=True)]


def _numbers(view: TokenView, turn: int) -> tuple[list[float], list[float]]:
    tokens = view.turns[turn].tokens
    return [token.given_prompt for token in tokens], [token.alone for token in tokens]


def test_every_token_has_the_numbers_of_a_plain_loop(gpt2_folder: Path, tmp_path: Path) -> None:
    loop = _Loop(gpt2_folder)
    first, second = (loop.ids(text) for text in ("Red, green and blue.\n写一个 🙂", "\tWhite"))
    asked = [*loop.start, *loop.ids("Name three colours.\n")]
    asked_again = [*asked, *first, *loop.ids("\nAnd one more.\n")]

    view = _view(gpt2_folder, tmp_path, _TWO_TURNS)

    assert [turn.turn for turn in view.turns] == [0, 1]
    wanted = (loop.log_probs(asked, first), loop.log_probs(loop.start, first))
    assert _numbers(view, 0)[0] == pytest.approx(wanted[0], abs=1e-4)
    assert _numbers(view, 0)[1] == pytest.approx(wanted[1], abs=1e-4)
    again = (loop.log_probs(asked_again, second), loop.log_probs(loop.start, second))
    assert _numbers(view, 1)[0] == pytest.approx(again[0], abs=1e-4)
    assert _numbers(view, 1)[1] == pytest.approx(again[1], abs=1e-4)
    both = wanted[0] + again[0]
    assert view.loss_given_prompt == pytest.approx(-sum(both) / len(both), abs=1e-4)
    assert view.answer_tokens == len(both)


@pytest.mark.parametrize("folder_of", ["gpt2_folder", "llama_folder"])
def test_the_tokens_together_are_the_answer(
    folder_of: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    view = _view(request.getfixturevalue(folder_of), tmp_path, _TWO_TURNS)

    texts = ["".join(token.text for token in turn.tokens) for turn in view.turns]
    assert texts == ["Red, green and blue.\n写一个 🙂", "\tWhite"]
    assert "" in [token.text for token in view.turns[0].tokens]  # letters of several tokens


def test_the_ratios_are_those_of_the_mean_losses(gpt2_folder: Path, tmp_path: Path) -> None:
    view = _view(gpt2_folder, tmp_path, _TWO_TURNS)

    assert view.reason == Reason.OK
    assert view.ifd == pytest.approx(view.loss_given_prompt / view.loss_alone)
    ratio = pytest.approx(2.718281828 ** (view.loss_given_prompt - view.loss_alone))
    assert view.superfiltering == ratio


def test_turns_that_are_not_scored_are_not_shown(gpt2_folder: Path, tmp_path: Path) -> None:
    view = _view(gpt2_folder, tmp_path, _TWO_TURNS, _plain(turns="last"))

    assert [turn.turn for turn in view.turns] == [1]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (conversation("", "An answer."), Reason.EMPTY_PROMPT),
        (conversation("A question.", ""), Reason.EMPTY_RESPONSE),
    ],
)
def test_a_row_that_has_no_ratio_says_why(
    row: Conversation, reason: Reason, gpt2_folder: Path, tmp_path: Path
) -> None:
    view = _view(gpt2_folder, tmp_path, row)

    assert view.reason == reason
    assert str(view.ifd) == str(view.superfiltering) == "nan"
    assert sum(len(turn.tokens) for turn in view.turns) == view.answer_tokens


def test_an_answer_that_is_cut_shows_what_was_scored(gpt2_folder: Path, tmp_path: Path) -> None:
    row = conversation("Write a long list.", "Book, film and music; " * 40)

    view = _view(gpt2_folder, tmp_path, row, _plain(max_tokens=64))

    [turn] = view.turns
    assert Flag.RESPONSE_TRUNCATED in view.flags
    assert len(turn.tokens) == 64 - 1 - 64 // 4
    assert row.response.startswith("".join(token.text for token in turn.tokens))
    assert view.answer_tokens > len(turn.tokens)


def test_a_published_codes_count_shows_the_token_that_it_leaves_out_alone(
    gpt2_folder: Path, tmp_path: Path
) -> None:
    rendering = _plain(reference="superfiltering")

    view = _view(gpt2_folder, tmp_path, _TWO_TURNS, rendering)

    [turn] = view.turns
    assert turn.turn == 1
    assert str(turn.tokens[0].alone) == "nan"
    assert all(token.alone < 0 for token in turn.tokens[1:])
    assert all(token.given_prompt < 0 for token in turn.tokens)
    assert "".join(token.text for token in turn.tokens) == "\tWhite"
