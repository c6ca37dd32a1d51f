"""What tokens cost, as the user says: none are shipped, for they change and differ by contract.

A price is typed, ``in=0.15,out=0.6``, or stands in a TOML file of the user's own::

    as_of = 2026-01-31
    currency = "USD"

    ["api.example.com"]
    "small-*" = { in = 0.15, out = 0.6, cached = 0.075 }

Numbers are per million tokens. Sums are whole billionths of the currency, rounded up.
"""

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from assay.components.money import DEFAULT_CURRENCY, amount_text, parse_currency, parse_nano
from assay.errors import ConfigError, Parameter, Phrase, did_you_mean
from assay.files import absence

_TOKENS = 1_000_000
_FORM = "in=0.15,out=0.6, per million tokens; also cached=0.075 and currency=EUR"
_PARTS = ("in", "out", "cached", "currency")


@dataclass(frozen=True)
class Price:
    """What a million tokens cost, in billionths of the currency.

    Attributes:
        prompt: of the request.
        completion: of the reply, hidden reasoning included.
        cached: of the request, where the server had read them before.
        currency: three letters.
        source: where it is from, for people: "given", "free", or a file with its date.
    """

    prompt: int
    completion: int
    cached: int
    currency: str = DEFAULT_CURRENCY
    source: str = "given"

    def cost(self, prompt: int, completion: int, cached: int = 0) -> int:
        """Return what a request has cost, in billionths, rounded up.

        Args:
            prompt: tokens of the request, those that were cached included.
            completion: tokens of the reply.
            cached: tokens that the server had read before; of more than the prompt has, as many.
        """
        cached = min(cached, prompt)
        sum_ = (prompt - cached) * self.prompt + cached * self.cached + completion * self.completion
        return -(-sum_ // _TOKENS)

    def worst(self, prompt: int, max_tokens: int) -> int:
        """Return the most that a request should cost, in billionths: none cached, a full reply."""
        dearest = max(self.prompt, self.cached)
        return -(-(prompt * dearest + max_tokens * self.completion) // _TOKENS)

    def share(self, share: float) -> "Price":
        """Return a share of it, rounded up to whole billionths: of a batch, as the service says.

        Raises:
            ConfigError: if the share is not above 0 and at most 1.
        """
        part = Decimal(str(share))
        if not 0 < part <= 1:
            raise ConfigError(f"{share:g} is no share of a price", hint="above 0 and at most 1")

        def of(amount: int) -> int:
            return int((amount * part).to_integral_value(ROUND_CEILING))

        return replace(
            self, prompt=of(self.prompt), completion=of(self.completion), cached=of(self.cached)
        )

    @property
    def is_free(self) -> bool:
        """Whether nothing costs anything."""
        return not (self.prompt or self.completion or self.cached)

    def __str__(self) -> str:
        """Return it for people: ``0.15 USD in, 0.60 USD out per million tokens``."""
        if self.is_free:
            return "free"
        parts = [f"{amount_text(self.prompt, self.currency)} in"]
        if self.cached != self.prompt:
            parts.append(f"{amount_text(self.cached, self.currency)} cached")
        parts.append(f"{amount_text(self.completion, self.currency)} out per million tokens")
        return ", ".join(parts)


FREE = Price(0, 0, 0, source="free")
"""Of what runs on this machine."""


def parse_price(text: str) -> Price:
    """Return a price that was typed: ``in=0.15,out=0.6[,cached=0.075][,currency=USD]``.

    Raises:
        ConfigError: if it has another form.
    """
    parts: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or name in parts:
            raise ConfigError(f"{text!r} is no price", hint=_FORM)
        parts[name] = value
    return _price(parts, f"the price {text!r}", "given")


def _price(parts: Mapping[str, Any], what: str, source: str, currency: str = "") -> Price:
    unknown = sorted(set(parts) - set(_PARTS))
    if unknown:
        raise ConfigError(
            f"{what} holds {unknown[0]!r}", hint=did_you_mean(unknown[0], _PARTS) or _FORM
        )
    missing = [name for name in ("in", "out") if name not in parts]
    if missing:
        raise ConfigError(f"{what} does not say what {missing[0]!r} costs", hint=_FORM)
    try:
        prompt, completion = parse_nano(parts["in"]), parse_nano(parts["out"])
        cached = parse_nano(parts["cached"]) if "cached" in parts else prompt
        named = parse_currency(str(parts.get("currency") or currency or DEFAULT_CURRENCY))
    except ConfigError as error:
        raise ConfigError(f"{what}: {error.message}", hint=error.hint) from error
    return Price(prompt, completion, cached, named, source)


@dataclass(frozen=True)
class PriceTable:
    """Prices of a user's file.

    Attributes:
        path: of the file.
        as_of: when they were looked up, as the file says.
        hosts: by host, by pattern of a model's name.
    """

    path: Path
    as_of: str
    hosts: Mapping[str, Mapping[str, Price]]

    def find(self, host: str, model: str) -> Price | None:
        """Return the price of a model, by the longest pattern that fits; None where none does."""
        fitting = [
            (pattern == model, len(pattern), pattern)
            for pattern in self.hosts.get(host, {})
            if pattern == model or fnmatchcase(model, pattern)
        ]
        return self.hosts[host][max(fitting)[2]] if fitting else None


def read_prices(path: Path) -> PriceTable:
    """Return the prices of a TOML file.

    Raises:
        ConfigError: if it is not there, is no TOML, has no date, or a price has another form.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except FileNotFoundError as error:
        raise ConfigError(absence(path), hint="name a file of prices") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read as TOML: {error}") from error
    as_of = content.pop("as_of", None)
    if not isinstance(as_of, (str, datetime.date)) or not str(as_of):
        raise ConfigError(f"{path} does not say of when its prices are", hint="as_of = 2026-01-31")
    currency = str(content.pop("currency", ""))
    source = f"{path.name}, as of {as_of}"
    hosts = {
        host.lower(): _models(path, host, of, source, currency) for host, of in content.items()
    }
    return PriceTable(path, str(as_of), hosts)


def _models(path: Path, host: str, models: Any, source: str, currency: str) -> Mapping[str, Price]:
    if not isinstance(models, dict) or not all(isinstance(each, dict) for each in models.values()):
        raise ConfigError(
            f"{path}: {host!r} is no table of models",
            hint='["api.example.com"], then lines such as "small-*" = { in = 0.15, out = 0.6 }',
        )
    return {
        pattern: _price(parts, f"{path}: {pattern!r} of {host!r}", source, currency)
        for pattern, parts in models.items()
    }


def price_of(
    host: str,
    model: str,
    *,
    is_local: bool,
    given: Price | None = None,
    table: PriceTable | None = None,
) -> Price:
    """Return what a judge costs: as given, else as the user's file says, else free on this machine.

    Args:
        host: name of the machine, without its port.
        model: the model's name there.
        is_local: whether it is this machine, or a file.
        given: what the user typed.
        table: the user's file.

    Raises:
        ConfigError: if nobody has said what it costs.
    """
    if given is not None:
        return given
    found = table.find(host.lower(), model) if table is not None else None
    if found is not None:
        return found
    if is_local:
        return FREE
    where = f", nor does {table.path}" if table is not None else ""
    raise ConfigError(
        f"nobody has said what {model!r} at {host} costs{where}",
        hint=Phrase(
            "{}, per million tokens; in=0,out=0 for what is free",
            Parameter("price", "in=0.15,out=0.6"),
        ),
    )
