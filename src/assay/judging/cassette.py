"""Replies as a file of JSON lines that can be handed on, and replayed anywhere without a network.

A line holds the key, the request without its nonce, the response and its tokens. What it cost, how
long it took and under which scope it was counted belong to whoever paid, and stay there. Nothing
that looks like the key to a service leaves the store. Before the replies stands what was found of
their judges, for what they are asked depends on it.
"""

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from assay.errors import DataError, FormatError
from assay.files import absence, atomic_write
from assay.judging.capabilities import Capabilities
from assay.judging.known_capabilities import ASSUMED, known, remember
from assay.judging.secret import nonce
from assay.judging.store import ReplyStore
from assay.judging.stored_reply import KEY_BYTES, StoredReply
from assay.samples import UNFINISHED, Reason
from assay.wording import number_of

_JUDGE, _CAPABILITIES = "judge", "capabilities"
_HEAD = {"cassette": "assay", "format": 1}
_AT_ONCE = 1000
_SHOWN = 3
_LEAST_SECRET = 8
UNFENCED = "0" * 16
"""What stands in a response for the nonce that it repeated."""

_KEY_LIKE = re.compile(
    r"""\b(?: sk-[A-Za-z0-9_-]{16,}            # what several services begin theirs with
      | (?:hf|gsk|xai|pplx|ghp|gho|nvapi)[_-][A-Za-z0-9_-]{20,}
      | github_pat_[A-Za-z0-9_]{20,}
      | AIza[A-Za-z0-9_-]{30,}
      | (?:AKIA|ASIA)[A-Z0-9]{16}
      | eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,} )
      | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----
      | \bbearer\ +[A-Za-z0-9._~+/-]{20,}
      | \b(?:api|access|secret)[-_]?key["'\\]*\s*[:=]\s*["'\\]*[A-Za-z0-9_-]{20,}""",
    re.VERBOSE | re.IGNORECASE,
)
_NAMES = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD)$")


def known_secrets(environment: Mapping[str, str] | None = None) -> frozenset[str]:
    """Return the values of environment variables whose names say that they are secret."""
    variables = os.environ if environment is None else environment
    return frozenset(
        value
        for name, value in variables.items()
        if _NAMES.search(name) and len(value) >= _LEAST_SECRET
    )


def looks_like_a_key(text: str, secrets: Collection[str] = ()) -> bool:
    """Whether a text holds one of some secrets, or what has the form of a key to a service."""
    return _KEY_LIKE.search(text) is not None or any(each in text for each in secrets)


def export_cassette(
    store: ReplyStore,
    path: Path,
    keys: Iterable[bytes] | None = None,
    *,
    secret: bytes | None = None,
    secrets: Collection[str] | None = None,
    leave_out: bool = False,
) -> int:
    """Write replies to a file, by ascending key, whole or not at all, and return how many.

    Args:
        store: where they are.
        path: of the file; another one of that name is replaced.
        keys: which; None for all.
        secret: of the folder, so that a nonce that a response repeats is taken out.
        secrets: texts that may not leave; None for what the environment names a key or token.
        leave_out: go on without replies that hold what looks like a key.

    Raises:
        DataError: if a reply is missing, or holds what looks like a key; nothing is written.
    """
    wanted = store.keys() if keys is None else sorted(set(keys))
    missing = set(wanted) - store.known(wanted)
    if missing:
        raise DataError(
            f"of {number_of(len(wanted), 'request')}, {len(missing):,} have no reply here",
            hint="ask for them first, without the parameter that forbids the network",
        )
    hidden = known_secrets() if secrets is None else secrets
    count = 0
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(_line(_HEAD))
        file.writelines(_judges(store, wanted, hidden))
        for lines, suspects in _lines(store, wanted, secret, hidden):
            if suspects and not leave_out:
                raise DataError(
                    "what looks like the key to a service stands in replies, such as "
                    f"{', '.join(key.hex()[:12] for key in suspects[:_SHOWN])}",
                    hint="leave them out, or take it out of the data and ask anew",
                )
            file.writelines(lines)
            count += len(lines)
    return count


def _judges(store: ReplyStore, keys: list[bytes], hidden: Collection[str]) -> Iterator[str]:
    """Yield a line for what was found of each judge, by its name."""
    judges = set()
    for start in range(0, len(keys), _AT_ONCE):
        judges |= {each.judge for each in store.find(keys[start : start + _AT_ONCE]).values()}
    for judge in sorted(judges):
        found = known(store.folder, judge)
        line = _line({_JUDGE: judge, _CAPABILITIES: found.facts()})
        if found is not ASSUMED and not looks_like_a_key(line, hidden):
            yield line


def _lines(
    store: ReplyStore, keys: list[bytes], secret: bytes | None, hidden: Collection[str]
) -> Iterator[tuple[list[str], list[bytes]]]:
    """Yield some lines at a time, and the keys of those that cannot be told to anyone."""
    for start in range(0, len(keys), _AT_ONCE):
        part = keys[start : start + _AT_ONCE]
        found = store.find(part)
        lines, suspects = [], []
        for key in part:
            line = _line(_content(found[key], secret))
            if looks_like_a_key(line, hidden):
                suspects.append(key)
            else:
                lines.append(line)
        yield lines, suspects


def _content(reply: StoredReply, secret: bytes | None) -> dict[str, Any]:
    response = reply.response
    if secret is not None:
        fence = nonce(secret, reply.key)
        if fence in reply.request:
            raise ValueError("a request is kept without its nonce")
        response = response.replace(fence, UNFENCED)
    return {
        "key": reply.key.hex(),
        "judge": reply.judge,
        "request": reply.request,
        "response": response,
        "outcome": reply.outcome.name,
        "tokens": [
            reply.prompt_tokens, reply.completion_tokens,
            reply.cached_tokens, reply.reasoning_tokens,
        ],
    }  # fmt: skip


def _line(content: Mapping[str, Any]) -> str:
    # Escaped, so that halves of letters and line separators stand in any file.
    return json.dumps(content, ensure_ascii=True, separators=(",", ":")) + "\n"


def read_cassette(path: Path) -> Iterator[StoredReply]:
    """Yield the replies of a file, without cost and as older than any that was asked for here.

    Raises:
        FormatError: if it is no such file, cut off, or a line is wrong; its number is named.
    """
    number = 0
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, 1):
                content = json.loads(line)
                if not line.endswith("\n") or (number == 1 and content != _HEAD):
                    raise _wrong(path, number)
                if number > 1 and _CAPABILITIES not in content:
                    yield _reply(content)
    except FileNotFoundError as error:
        raise FormatError(absence(path), hint="name a file of replies") from error
    except (KeyError, TypeError, ValueError) as error:
        raise _wrong(path, number) from error
    if not number:
        raise _wrong(path, number)


def _wrong(path: Path, number: int) -> FormatError:
    if number < 2:
        return FormatError(f"{path} is no file of replies, or of a newer version of Assay")
    return FormatError(
        f"{path}, line {number}: no reply, or cut off", hint="get the file again, or write it anew"
    )


def _reply(content: Mapping[str, Any]) -> StoredReply:
    texts = {name: content[name] for name in ("judge", "request", "response")}
    tokens = content["tokens"]
    if not all(isinstance(text, str) for text in texts.values()):
        raise TypeError("texts")
    if len(tokens) != 4 or not all(_is_count(each) for each in tokens[:2]):
        raise TypeError("tokens")
    if not all(type(each) is int and each >= 0 for each in tokens[2:]):
        raise TypeError("tokens")
    outcome, key = Reason[content["outcome"]], bytes.fromhex(content["key"])
    if outcome in UNFINISHED or len(key) != KEY_BYTES:
        raise ValueError("outcome or key")
    return StoredReply(key, **texts, outcome=outcome, **dict(zip(_TOKENS, tokens, strict=True)))


_TOKENS = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")


def _is_count(value: object) -> bool:
    return value is None or (type(value) is int and value >= 0)


def import_cassette(store: ReplyStore, path: Path) -> int:
    """Keep the replies of a file that the store does not have, and return how many these are.

    The whole file is read before anything is kept.

    Raises:
        FormatError: if the file is wrong.
        DataError: if the disk is full or nothing can be written.
    """
    replies = {reply.key: reply for reply in read_cassette(path)}
    known = store.known(replies)
    kept = [store.keep(reply) for key, reply in replies.items() if key not in known]
    for each in kept:
        each.result()
    return len(kept)


def import_capabilities(store: ReplyStore, path: Path) -> tuple[list[str], list[str]]:
    """Keep what a file tells of judges, where nothing is known of them.

    Returns:
        The judges that are known now, and those of which something else was known, which stays.

    Raises:
        FormatError: if what the file tells of a judge is wrong.
    """
    taken, others = [], []
    for judge, found in _told_of_judges(path):
        before = known(store.folder, judge)
        if before is ASSUMED:
            remember(store.folder, judge, found)
            taken.append(judge)
        elif before.asking() != found.asking():
            others.append(judge)
    return taken, others


def _told_of_judges(path: Path) -> Iterator[tuple[str, Capabilities]]:
    number = 0
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, 1):
                content = json.loads(line)
                if number > 1 and _CAPABILITIES not in content:
                    return  # they stand before the replies
                if number > 1:
                    yield str(content[_JUDGE]), Capabilities.of_facts(content[_CAPABILITIES])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _wrong(path, number) from error
