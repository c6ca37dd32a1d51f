"""Keys of servers: each goes to the host that it is named for, and to no other.

One key for every address would hand it to whoever answers at a mistyped one. So a key is either in
the variable that its provider's own tools read, and then goes to that provider alone; or its host
is written beside it; or a command tells the key of a host.
"""

import ipaddress
import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from assay.errors import ConfigError

KEYS_VARIABLE = "ASSAY_API_KEYS"
"""Environment variable: keys with their hosts, such as ``localhost:8000=abc host2=def``."""
KEY_VARIABLE = "ASSAY_API_KEY"
"""Environment variable: the key of the host that `HOST_VARIABLE` names."""
HOST_VARIABLE = "ASSAY_API_KEY_HOST"
"""Environment variable: the host, with or without a port, that `KEY_VARIABLE` is for."""
COMMAND_VARIABLE = "ASSAY_API_KEY_COMMAND"
"""Environment variable: a command that is run with a host, and prints its key."""
PROVIDERS: Mapping[str, str] = {
    "api.openai.com": "OPENAI_API_KEY",
    "api.anthropic.com": "ANTHROPIC_API_KEY",
    "generativelanguage.googleapis.com": "GEMINI_API_KEY",
    "openrouter.ai": "OPENROUTER_API_KEY",
    "api.mistral.ai": "MISTRAL_API_KEY",
    "api.deepseek.com": "DEEPSEEK_API_KEY",
    "api.together.xyz": "TOGETHER_API_KEY",
    "api.fireworks.ai": "FIREWORKS_API_KEY",
    "api.groq.com": "GROQ_API_KEY",
    "api.cerebras.ai": "CEREBRAS_API_KEY",
    "api.x.ai": "XAI_API_KEY",
    "router.huggingface.co": "HF_TOKEN",
}
"""Environment variables that the tools of well-known hosts read."""
_COMMAND_SECONDS = 60.0
_PORTS = {"http": 80, "https": 443}
_THEN = "then run the same line again"


class Key(NamedTuple):
    """A key, empty if there is none, and the environment variable that it comes from."""

    text: str = ""
    source: str = ""

    def __repr__(self) -> str:
        """Return where it comes from, never the key."""
        return f"Key(source={self.source!r})"


class Host(NamedTuple):
    """Whom a key is named for: a machine's name in small letters, a port, and the protocol."""

    name: str
    port: int | None
    scheme: str

    @classmethod
    @lru_cache(maxsize=256)  # it is asked for with every request
    def of(cls, url: str) -> "Host":
        """Return the host of an address; one without a name if it is none."""
        try:
            parts = urlsplit(url)
            name, port = parts.hostname, parts.port
        except ValueError:
            return cls("", None, "")
        scheme = parts.scheme.lower()
        return cls((name or "").rstrip("."), port or _PORTS.get(scheme), scheme)

    @property
    def is_local(self) -> bool:
        """Whether it is this machine."""
        try:
            return ipaddress.ip_address(self.name).is_loopback
        except ValueError:
            return self.name == "localhost"

    def __str__(self) -> str:
        """Return the name, and the port unless it is the usual one."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        usual = self.port is None or self.port == _PORTS.get(self.scheme)
        return name if usual else f"{name}:{self.port}"


def key_of(url: str) -> Key:
    """Return the key of the host of an address, without text if none is named for it.

    A key with host and port counts before one with the host alone, that before a provider's own
    variable, and all of them before the command.

    Raises:
        ConfigError: if a variable cannot be read, a key cannot be one, or the command fails.
    """
    host = Host.of(url)
    if not host.name:
        return Key()
    named = [*_listed(), *_single()]
    for entry in (*(each for each in named if each.port), *(each for each in named)):
        if entry.name == host.name and entry.port in (None, host.port):
            return _checked(entry.key)
    variable = PROVIDERS.get(host.name, "")
    if variable and host.scheme == "https":  # in the clear, anyone on the way could read it
        key = os.environ.get(variable, "").strip()
        if key:
            return _checked(Key(key, variable))
    command = os.environ.get(COMMAND_VARIABLE, "").strip()
    return _checked(Key(_told(command, str(host)), COMMAND_VARIABLE)) if command else Key()


def key_hint(url: str, key: Key) -> str:
    """Return what to set where a server denies access.

    Args:
        url: an address on the server.
        key: what was sent to it.
    """
    host = Host.of(url)
    if key.text:
        return f"{host} does not take the key in {key.source}: put the right one there, {_THEN}"
    variable = PROVIDERS.get(host.name, "")
    if variable and host.scheme == "https":
        return f"put the key of {host} into {variable}, {_THEN}"
    if os.environ.get(KEY_VARIABLE, "").strip():
        return f"{KEY_VARIABLE} is not for {host}: set {HOST_VARIABLE}={host} beside it, {_THEN}"
    return f"name the key of {host}: {KEYS_VARIABLE}='{host}=KEY', {_THEN}"


class _Entry(NamedTuple):
    name: str
    port: int | None
    key: Key


def _listed() -> Iterator[_Entry]:
    for place, word in enumerate(os.environ.get(KEYS_VARIABLE, "").split(), 1):
        host, found, key = word.partition("=")
        if not found or not host or not key:  # it may hold a key, so it is not repeated
            raise ConfigError(
                f"word {place} of {KEYS_VARIABLE} is no host with its key",
                hint=f"{KEYS_VARIABLE}='localhost:8000=KEY api.example.com=KEY2'",
            )
        yield _entry(host, Key(key, KEYS_VARIABLE), f"word {place} of {KEYS_VARIABLE}")


def _single() -> Iterator[_Entry]:
    key = os.environ.get(KEY_VARIABLE, "").strip()
    host = os.environ.get(HOST_VARIABLE, "").strip()
    if key and host:
        yield _entry(host, Key(key, KEY_VARIABLE), HOST_VARIABLE)


def _entry(host: str, key: Key, source: str) -> _Entry:
    try:
        parts = urlsplit(f"//{host}")
        name, port = parts.hostname, parts.port
    except ValueError:
        name, port = None, None
    if not name or parts.netloc != host or "@" in host:
        raise ConfigError(
            f"{source} names no host", hint="a host is written as localhost:8000, without http://"
        )
    return _Entry(name.rstrip("."), port, key)


def _checked(key: Key) -> Key:
    if key.text and (not (key.text.isascii() and key.text.isprintable()) or " " in key.text):
        raise ConfigError(
            f"what comes from {key.source} is no key", hint="keys are ASCII, one word"
        )
    return key


@cache
def _told(command: str, host: str) -> str:
    """Return what a command says is the key of a host; it is run once."""
    try:
        words = shlex.split(command)
        # What it says about itself goes to the terminal: here it could end up in a log.
        done = subprocess.run(  # noqa: S603
            [*words, host],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        late = isinstance(error, subprocess.TimeoutExpired)
        why = f"is not over after {_COMMAND_SECONDS:.0f} s" if late else "cannot be run"
        raise _failed(host, why) from None
    if done.returncode:
        raise _failed(host, f"ended with code {done.returncode}")
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return lines[0].strip() if lines else ""


def _failed(host: str, why: str) -> ConfigError:
    return ConfigError(
        f"the command in {COMMAND_VARIABLE} {why}, asked for the key of {host}",
        hint=f"run it with {host} as its last argument: its first line has to be the key, and "
        "nothing where there is none",
    )
