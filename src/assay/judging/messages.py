"""Messages to a judge in pieces, so that the code of a request is never looked for in data."""

import enum
from dataclasses import dataclass
from typing import Final, TypeAlias


class Nonce(enum.Enum):
    """Stands where the code of a request goes, which is filled in only when it is sent."""

    NONCE = "nonce"


NONCE: Final = Nonce.NONCE
Piece: TypeAlias = str | Nonce
"""A text as it is sent, or the place of the code: data that spell a placeholder are just data."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat with a judge; `role` is "system" or "user"."""

    role: str
    pieces: tuple[Piece, ...]

    def text(self, nonce: str) -> str:
        """Return what is sent, with a code in its places."""
        return "".join(nonce if piece is NONCE else str(piece) for piece in self.pieces)


def merged(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Return the same pieces with neighbouring texts as one, and without empty ones."""
    whole: list[Piece] = []
    for piece in pieces:
        if piece == "":
            continue
        last = whole[-1] if whole else NONCE
        if isinstance(piece, str) and isinstance(last, str):
            whole[-1] = last + piece
        else:
            whole.append(piece)
    return tuple(whole)
