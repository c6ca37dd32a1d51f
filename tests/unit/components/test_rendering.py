import pytest

from assay.components.recipes import identity
from assay.components.rendering import CHERRY, COMMON, SUPERFILTERING, Rendering, as_published
from assay.errors import ConfigError
from assay.features.log_probs import ResponseLogProbs
from assay.rendering.templates import pin_template


def test_the_common_rendering_is_the_default_of_everything() -> None:
    assert Rendering() == COMMON
    assert ResponseLogProbs().rendering == COMMON
    assert (COMMON.template, COMMON.max_tokens, COMMON.turns) == ("alpaca", 2048, "all")


@pytest.mark.parametrize(
    "change",
    [
        {"template": "plain"},
        {"turns": "last"},
        {"max_tokens": 1024},
        {"context_token": "none"},
        {"on_truncate": "drop"},
        {"reasoning": True},
        {"reference": "cherry"},
    ],
)
def test_whatever_changes_tokens_changes_keys(change: dict[str, object]) -> None:
    changed = ResponseLogProbs(rendering=Rendering(**change))

    assert changed.key != ResponseLogProbs().key
    assert changed.reading() != ResponseLogProbs().reading()


@pytest.mark.parametrize(
    ("rendering", "revision"),
    [
        (Rendering(), 1),
        (Rendering(template="vicuna", reference="superfiltering"), 1),
        (Rendering(template="chat"), 3),
        (Rendering(template="chat@0123456789ab"), 3),
        (Rendering(reference="cherry"), 2),
    ],
)
def test_renderings_that_came_to_mean_other_tokens_have_other_keys_and_no_others(
    rendering: Rendering, revision: int
) -> None:
    assert rendering.revision() == revision

    written = identity(rendering)

    assert written.pop("revision", 1) == revision
    assert set(written) == {name for name, value in rendering if value != getattr(COMMON, name)}


def test_of_a_template_only_the_content_counts() -> None:
    pinned = Rendering(template=pin_template("alpaca"))
    elsewhere = Rendering(template=pinned.template.replace("alpaca", "copy.json"))
    other = Rendering(template="alpaca@0123456789ab")

    keys = [ResponseLogProbs(rendering=each).key for each in (pinned, elsewhere, other)]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    "wrong", [{"turns": "some"}, {"max_tokens": 7}, {"context_token": "cls"}, {"colour": 1}]
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        ResponseLogProbs(rendering=wrong)


@pytest.mark.parametrize("published", [CHERRY, SUPERFILTERING])
def test_a_published_way_takes_the_place_of_the_common_one_even_if_that_is_pinned(
    published: Rendering,
) -> None:
    pinned = Rendering(template=pin_template("alpaca"))

    assert as_published(COMMON, published) == published
    assert as_published(pinned, published) == published


def test_what_was_asked_for_besides_is_kept() -> None:
    asked = Rendering(max_tokens=1024, template=pin_template("vicuna"))

    assert as_published(asked, CHERRY) == Rendering(
        max_tokens=1024, template=asked.template, reference="cherry"
    )
    assert as_published(SUPERFILTERING, CHERRY) == SUPERFILTERING
