"""Options that say how a model is tuned, the same wherever one is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from assay.models.recipe import Recipe

HOW = "How to train"


@dataclass(frozen=True)
class RecipeOptions:
    """Options that every verb has that tunes a model."""

    full: Annotated[
        bool,
        typer.Option("--full/--lora", rich_help_panel=HOW, show_default=False,
                     help="Train all weights, or an adapter beside them (the default)."),
    ] = False  # fmt: skip
    epochs: Annotated[
        int | None,
        typer.Option(min=1, show_default=False, rich_help_panel=HOW,
                     help="How often every row is seen; 3 by default."),
    ] = None  # fmt: skip
    learning_rate: Annotated[
        float | None,
        typer.Option(show_default=False, rich_help_panel=HOW,
                     help="Highest learning rate; 2e-4, or 2e-5 with --full."),
    ] = None  # fmt: skip
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, show_default=False, rich_help_panel=HOW,
                     help="Sequences of one step; 128 by default."),
    ] = None  # fmt: skip
    device_batch: Annotated[
        int | None,
        typer.Option(min=1, show_default=False, rich_help_panel=HOW,
                     help="Most sequences in memory at once; 8 by default."),
    ] = None  # fmt: skip
    max_length: Annotated[
        int | None,
        typer.Option(min=8, show_default=False, rich_help_panel=HOW,
                     help="Longest sequence in tokens; 1024 by default."),
    ] = None  # fmt: skip
    template: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False, rich_help_panel=HOW,
                     help="Wording around the turns; alpaca by default, chat for the model's own."),
    ] = None  # fmt: skip


def recipe_of(options: RecipeOptions, **others: Any) -> "Recipe":
    """Return the recipe that the options describe.

    Args:
        options: those that all verbs have.
        **others: other fields of the recipe; None stands for the default.

    Raises:
        UsageError: if an option has no such value.
    """
    from pydantic import ValidationError

    from assay.errors import UsageError
    from assay.models.recipe import Recipe

    given = vars(options) | others | {"weights": "full" if options.full else "lora"}
    del given["full"]
    try:
        return Recipe(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).replace("_", "-") if first["loc"] else "keep"
        message = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"--{option}: {message}") from None
