"""What identifies a conversation, and which of its turns are answers to be learned."""

from dataclasses import replace

from assay.samples import Conversation, MediaRef, Message, Tool, ToolCall

PICTURE = MediaRef("a.png", bytes(range(16)))
FULL = Conversation(
    (
        Message("system", "S"),
        Message("user", "Q <image>", "ctx", images=(PICTURE,)),
        Message("assistant", "", reasoning="r", tool_calls=(ToolCall("f", '{"a": 1}', "7"),)),
        Message("tool", "42"),
        Message("assistant", "A"),
    ),
    (Tool("f", "d", "{}"),),
)


def _with(place: int, **fields: object) -> Conversation:
    messages = list(FULL.messages)
    messages[place] = replace(messages[place], **fields)  # type: ignore[arg-type]
    return replace(FULL, messages=tuple(messages))


def test_a_conversation_without_rarer_fields_has_the_hash_that_it_always_had() -> None:
    plain = Conversation((Message("user", "Q"), Message("assistant", "A")))

    assert FULL.content_hash.hex() == "60c72649760a1e939230060de95fb823"
    assert plain.content_hash.hex() == "b5cd22c62b24479aa617b678eb8900ab"


def test_every_field_and_its_place_count_in_the_hash() -> None:
    film = MediaRef("a.mp4", bytes(16))
    others = [
        _with(1, videos=(film,)),
        _with(1, audios=(film,)),
        _with(1, videos=(film, film)),
        _with(3, videos=(film,)),
        _with(2, weight=0.0),
        _with(4, weight=0.0),
        _with(4, weight=0.5),
        _with(1, weight=1.0),
        _with(1, boxes="{}"),
        _with(1, boxes="[]"),
        _with(1, boxes="{}", videos=(film,)),
        _with(0, boxes="{}"),
    ]

    assert len({one.content_hash for one in [FULL, *others]}) == 13


def test_where_a_picture_stands_in_the_record_is_no_part_of_the_hash() -> None:
    apart = _with(1, images=(replace(PICTURE, apart=True),))

    assert apart.content_hash == FULL.content_hash


def test_an_answer_that_is_not_learned_is_context() -> None:
    slip = Conversation(
        (
            Message("user", "2 + 2"),
            Message("assistant", "5", weight=0.0),
            Message("user", "No."),
            Message("assistant", "4"),
            Message("user", "And?"),
            Message("assistant", "Nothing.", weight=0.0),
        )
    )

    assert slip.learned_turns == (1,)
    assert slip.prompt == "2 + 2\n5\nNo."
    assert slip.response == slip.responses == "4"
    assert slip.text.endswith("Nothing.")
