"""The learning rate of every step, by hand."""

import pytest

from assay.models.recipe import Recipe

SCHEDULES = ("cosine", "linear", "constant")


@pytest.mark.parametrize(
    ("schedule", "warmup", "steps", "heights"),
    [
        ("linear", 0.5, 6, [1 / 3, 2 / 3, 1, 1, 2 / 3, 1 / 3]),
        ("linear", 0.0, 4, [1, 3 / 4, 1 / 2, 1 / 4]),
        ("cosine", 0.25, 4, [1, 1, 3 / 4, 1 / 4]),
        ("cosine", 0.0, 2, [1, 1 / 2]),
        ("constant", 0.4, 5, [1 / 2, 1, 1, 1, 1]),
        ("linear", 1.0, 4, [1 / 4, 1 / 2, 3 / 4, 1]),
        *[(schedule, warmup, 1, [1]) for schedule in SCHEDULES for warmup in (0.0, 0.03, 1.0)],
    ],
)
def test_the_rate_rises_evenly_and_falls_as_it_should(
    schedule: str, warmup: float, steps: int, heights: list[float]
) -> None:
    recipe = Recipe.model_validate({"schedule": schedule, "warmup": warmup})

    assert [recipe.height(step, steps) for step in range(steps)] == pytest.approx(heights)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.0, 0.01, 0.03, 0.5, 0.99, 1.0])
def test_no_step_has_a_rate_of_zero_or_above_the_highest(schedule: str, warmup: float) -> None:
    recipe = Recipe.model_validate({"schedule": schedule, "warmup": warmup})

    for steps in (1, 2, 3, 7, 50, 1000):
        heights = [recipe.height(step, steps) for step in range(steps)]
        assert all(0 < height <= 1 for height in heights)
        assert max(heights) == 1
