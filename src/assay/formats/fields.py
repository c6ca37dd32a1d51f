"""Finding the fields of a record by the names that they go by."""

from collections.abc import Iterable, Sequence

from assay.formats.faults import Fault, UnusableRecordError, type_name
from assay.formats.labels import Record


def resolve(fields: Iterable[str], names: Sequence[str]) -> str | None:
    """Return which of `fields` goes by one of `names`; exact spelling first, then any case."""
    present = list(fields)
    for name in names:
        if name in present:
            return name
    lowered = {field.lower(): field for field in reversed(present)}
    return next((lowered[name] for name in names if name in lowered), None)


def not_text(record: Record, name: str) -> UnusableRecordError:
    """Return the error for a field that should hold text and does not."""
    if name not in record:
        return UnusableRecordError(Fault.MISSING_FIELD, f"no field {name!r}")
    value = record[name]
    if value is None:
        return UnusableRecordError(Fault.NULL_FIELD, f"field {name!r} is null")
    return UnusableRecordError(Fault.WRONG_TYPE, f"field {name!r} is {type_name(value)}, not text")
