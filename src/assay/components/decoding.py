"""Decodings: how a language model's next tokens are chosen, and when it stops."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Decoding(BaseModel):
    """How replies are written: greedily, or drawn with random numbers of each row's own.

    A model's own `generation_config.json`, with penalties and temperatures, does not count: all
    that decides on a reply is here, but for the tokens that end one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    temperature: float = Field(default=0.0, ge=0, le=100)
    """What logits are divided by before a token is drawn; 0 always takes the most probable one."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Draw among the fewest tokens that together have this probability."""
    top_k: int = Field(default=0, ge=0)
    """Draw among so many most probable tokens, before `top_p` counts; 0 for all."""
    max_new_tokens: int = Field(default=512, ge=1)
    """Longest reply; the model's window may end it earlier."""
    stop: tuple[str, ...] = ()
    """Texts that end a reply and are no part of it, besides the model's own tokens for that."""
    seed: int = 0
    """Of the random numbers; those of a row depend on it and on the row's content alone."""

    @field_validator("stop")
    @classmethod
    def _is_text(cls, stop: tuple[str, ...]) -> tuple[str, ...]:
        if not all(stop):
            raise ValueError("an empty text would end every reply at once")
        return stop

    @model_validator(mode="after")
    def _counts(self) -> Self:
        """Refuse what changes the key of a result and not the result."""
        idle = {"top_p": 1.0, "top_k": 0, "seed": 0}
        changed = [name for name, usual in idle.items() if getattr(self, name) != usual]
        if self.is_greedy and changed:
            raise ValueError(
                f"with temperature 0 nothing is drawn, so {' and '.join(changed)} cannot count"
            )
        return self

    @property
    def is_greedy(self) -> bool:
        """Whether the most probable token is always taken."""
        return self.temperature == 0

    def __str__(self) -> str:
        """Return what differs from the default, for people."""
        fields = type(self).model_fields
        changed = [f"{name}={value}" for name, value in self if value != fields[name].default]
        return " ".join(changed) or "greedy"
