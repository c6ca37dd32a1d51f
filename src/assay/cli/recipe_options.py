"""Options that say how a model is tuned, the same wherever one is."""

from typing import Annotated

import typer

HOW = "How to train"

FullOption = Annotated[
    bool,
    typer.Option("--full/--lora", rich_help_panel=HOW, show_default=False,
                 help="Train all weights, or an adapter beside them (the default)."),
]  # fmt: skip

EpochsOption = Annotated[
    int | None,
    typer.Option(min=1, show_default=False, rich_help_panel=HOW,
                 help="How often every row is seen; 3 by default."),
]  # fmt: skip

LearningRateOption = Annotated[
    float | None,
    typer.Option(show_default=False, rich_help_panel=HOW,
                 help="Highest learning rate; 2e-4, or 2e-5 with --full."),
]  # fmt: skip

BatchSizeOption = Annotated[
    int | None,
    typer.Option(min=1, show_default=False, rich_help_panel=HOW,
                 help="Sequences of one step; 128 by default."),
]  # fmt: skip

DeviceBatchOption = Annotated[
    int | None,
    typer.Option(min=1, show_default=False, rich_help_panel=HOW,
                 help="Most sequences in memory at once; 8 by default."),
]  # fmt: skip

MaxLengthOption = Annotated[
    int | None,
    typer.Option(min=8, show_default=False, rich_help_panel=HOW,
                 help="Longest sequence in tokens; 1024 by default."),
]  # fmt: skip

TemplateOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", show_default=False, rich_help_panel=HOW,
                 help="Wording around the turns; alpaca by default, chat for the model's own."),
]  # fmt: skip
