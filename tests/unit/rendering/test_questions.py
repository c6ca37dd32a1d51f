import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from assay.components.rendering import Rendering
from assay.errors import ConfigError
from assay.rendering.judged_rows import judged_rows
from assay.rendering.prompt_files import known_wordings
from assay.rendering.questions import Question, load_question, pin_question
from assay.samples import Conversation, Flag, Reason
from tests.causal_rows import turns
from tests.letters_model import BOS, Letters
from tests.rows import conversation

_BARE = Rendering(template="bare")


def _text(name: str, asked: Conversation) -> str:
    question = load_question(name)
    return "".join(piece.text for piece in question.pieces(question.texts(asked)))


def test_published_questions_are_worded_as_published() -> None:
    asked = conversation("Q", "A")

    assert _text("deita_complexity", asked) == (
        "You are a helpful assistant. Please identify the complexity score of the following user "
        "query. \n##Query: Q  \n##Complexity: "
    )
    assert _text("deita_quality", asked) == (
        "You are a helpful assistant. Please identify the quality score of the Response "
        "corresponding to the Question. \n #Question#:\nQ\n#Response#:\nA \n##Quality: "
    )
    assert _text("unieval_naturalness", asked) == (
        "question: Is this a natural response in the dialogue? </s> response: A"
    )
    assert _text("unieval_understandability", asked) == (
        "question: Is this an understandable response in the dialogue? </s> response: A"
    )
    assert _text("unieval_coherence", turns("Q", "A", "R", "B")) == (
        "question: Is this a coherent response given the dialogue history? </s> response: B </s> "
        "dialogue history: Q\nA\nR\n\n"
    )


@pytest.mark.parametrize("name", known_wordings("question"))
def test_braces_in_the_data_stay_as_they_are(name: str) -> None:
    hostile = "{instruction} {response} {prompt} {0} %s $y"

    text = _text(name, conversation(hostile, hostile))

    fields = load_question(name).fields
    assert text.count(hostile) == len(fields)
    assert load_question(name).about


def test_every_text_of_a_row_can_stand_in_a_question() -> None:
    question = Question(text="{instruction}|{prompt}|{response}|{responses}|{conversation}|.")
    talk = turns("Q", "A", "R", "B")

    pieces = question.pieces(question.texts(talk))

    assert "".join(piece.text for piece in pieces) == "Q|Q\nA\nR|B|A\nB|Q\nA\nR\nB|."
    assert question.tail == "|."


def test_a_question_of_ones_own_is_pinned_to_its_content(tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"text": "{response}?"}))
    pinned = pin_question(str(file))

    assert _text(pinned, conversation("Q", "A")) == "A?"
    assert pin_question(pinned) == pinned
    file.write_text(json.dumps({"text": "{response}!"}))
    with pytest.raises(ConfigError, match="is no longer"):
        pin_question(pinned)


def test_a_question_that_there_is_not_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no question is called 'deita_qualiti'") as error:
        pin_question("deita_qualiti")
    assert "deita_quality" in str(error.value.hint)
    with pytest.raises(ConfigError, match="does not exist"):
        pin_question(str(tmp_path / "none.json"))
    (tmp_path / "odd.json").write_text('{"words": "?"}')
    with pytest.raises(ConfigError, match=r"odd\.json: text: Field required"):
        load_question(str(tmp_path / "odd.json"))


# As tokens


def test_a_question_is_one_text_after_the_context_token() -> None:
    (row,) = judged_rows(Letters(), _BARE, Question(text="Is {response} good? "), [_row("this")])

    (window,) = row.windows
    assert window.ids.tolist()[:-1] == [BOS, *map(ord, "Is this good? ")]
    assert window.prompt_stop == len(window.ids) - 1
    assert row.flags == Flag.NONE


def test_a_question_that_fits_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    encode = Letters.encode

    def noting(model: Letters, texts: Sequence[str], *, special: bool = False) -> list[list[int]]:
        read.extend(texts)
        return encode(model, texts, special=special)

    monkeypatch.setattr(Letters, "encode", noting)
    judged_rows(Letters(), _BARE, Question(text="Is {response} good? "), [_row("this")])

    assert read.count("Is this good? ") == 1


def _row(answer: str, prompt: str = "Q") -> Conversation:
    return conversation(prompt, answer)


def test_the_longest_text_loses_its_end_and_the_questions_own_words_stay() -> None:
    question = Question(text="[{instruction}][{response}]=")
    rendering = Rendering(template="bare", max_tokens=32)

    rows = judged_rows(
        Letters(),
        rendering,
        question,
        [_row("b" * 90, "a" * 9), _row("b" * 9, "a" * 90), _row("b")],
    )

    texts = ["".join(map(chr, row.windows[0].ids[1:-1])) for row in rows]
    assert [len(row.windows[0].ids) <= 32 for row in rows] == [True] * 3
    assert [text[0] + text[-1] for text in texts] == ["[="] * 3
    assert [text.count("b") for text in texts][1:] == [9, 1]
    assert texts[0].count("a") == 9
    assert texts[0].count("b") > 12
    assert [row.flags for row in rows] == [
        Flag.RESPONSE_TRUNCATED, Flag.PROMPT_TRUNCATED, Flag.NONE
    ]  # fmt: skip


def test_rows_about_which_nothing_can_be_asked_have_a_reason() -> None:
    rendering = Rendering(template="bare", max_tokens=16)
    question = Question(text="Is it so, {instruction}, {response}?")

    long, silent = judged_rows(Letters(), rendering, question, [_row("A" * 9), _row(" ")])
    (nameless,) = judged_rows(Letters(), _BARE, question, [_row("A", " ")])

    assert (long.reason, silent.reason) == (Reason.TOO_LONG, Reason.EMPTY_RESPONSE)
    assert nameless.flags == Flag.EMPTY_PROMPT
