"""A field of the records that the rows were read from, beside their conversation."""

import hashlib
import json
from collections import Counter
from typing import Any, ClassVar, get_args

import polars as pl

from assay.components.base import NoPaper, Paper
from assay.components.references import FieldRef, name_of
from assay.errors import ConfigError, did_you_mean
from assay.features.passes import PoolFeature
from assay.formats.labels import ID_FIELDS, LANGUAGE_FIELDS, TASK_FIELDS
from assay.pool.pool import Pool
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import Attribute

_LISTED = 12
_READ_AS = (
    (TASK_FIELDS, "task"), (LANGUAGE_FIELDS, "language"), (ID_FIELDS, "external_id"),
    (("split",), "split"),
)  # fmt: skip
"""Fields that are read as a word of the row, of which one is no longer among the others."""


class RecordField(PoolFeature):
    """The values of a field, as text: null where a record has none, JSON for lists and objects.

    Its name counts with a digest of the values, as nothing else that is kept depends on them.
    """

    name = "record_field"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a field of the data")
    stored: ClassVar[bool] = False

    field: FieldRef
    """Name of the field; dots lead into nested ones."""

    def compute(self, view: PoolView, runtime: Runtime, **needs: Any) -> pl.Series:
        """Return the text of every row in view. Shape (n,).

        Raises:
            ConfigError: if no record has such a field, with those that there are.
        """
        return check_field(view, name_of(self.field))


def check_field(view: PoolView, name: str) -> pl.Series:
    """Return the values of a field that some row has. Shape (n,).

    Raises:
        ConfigError: if none has, with those that there are.
    """
    values = field_values(view, name)
    if values.null_count() == len(values):
        known = known_fields(view)
        listed = f"there are {', '.join(known[:_LISTED])}" if known else "records have no other"
        near = did_you_mean(name, [*known, *get_args(Attribute)])
        raise ConfigError(f"no record has a field {name!r}", hint=near or listed)
    return values


def pinned_field(name: str, pool: Pool) -> str:
    """Return a field's name with a digest of its values in a pool."""
    if name_of(name) != name:
        return name
    state = hashlib.blake2b(pool.ids.tobytes(), digest_size=16)
    for value in field_values(PoolView(pool), name):
        state.update(b"\0" if value is None else b"\1" + value.encode(errors="surrogatepass"))
        state.update(b"\2")
    return f"{name}@{state.hexdigest()}"


def field_values(view: PoolView, name: str) -> pl.Series:
    """Return the text of a field in every row in view, null where there is none. Shape (n,)."""
    meta = view.column("meta")
    values = meta.str.json_path_match(_path([name]))
    if "." in name:
        nested = meta.str.json_path_match(_path(name.split(".")))
        values = values.zip_with(values.is_not_null(), nested)
    for names, column in _READ_AS:
        if name.lower() in names:
            stored = view.column(column)
            values = values.zip_with(values.is_not_null(), stored.replace("", None))
    return values.alias(name)


def known_fields(view: PoolView) -> list[str]:
    """Return names of fields, nested ones with dots, those that most of some rows have first."""
    counted: Counter[str] = Counter()
    for text in view.column("meta").head(1000):
        if text:
            counted.update(_names(json.loads(text)))
    return [name for name, _ in counted.most_common()]


def _names(record: dict[str, Any], before: str = "") -> list[str]:
    found = []
    for name, value in record.items():
        if isinstance(value, dict):
            found += _names(value, f"{before}{name}.")
        elif value is not None:
            found.append(f"{before}{name}")
    return found


def _path(names: list[str]) -> str:
    """Return the JSON path that leads along some names."""
    quoted = (name.replace("\\", "\\\\").replace("'", "\\'") for name in names)
    return "$" + "".join(f"['{name}']" for name in quoted)
