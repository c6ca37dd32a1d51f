"""MIG's annotated dialogues: DEITA's scores of every turn, and InsTag's tags."""

from typing import Any

from assay.formats.judged.layout import Fields, JudgedLayout, Reading, has, key_of, text_of
from assay.formats.judged.tables import Judged, Value, mean, number
from assay.samples import Reason


def _read_mig(record: Fields, reading: Reading) -> Judged:
    noted = record["annotation"]
    qualities, complexities = (
        _floats(noted, "deita", f"{name}_scores") for name in ("quality", "complexity")
    )
    products: list[Value] = [Reason.NOT_IMPORTED]
    if len(qualities) == len(complexities):
        products = [_product(*turn) for turn in zip(qualities, complexities, strict=True)]
    total = mean(products)
    tags = _inside(noted, "instag", "content")
    known = isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)
    values: dict[str, Value] = {
        "quality": mean(qualities),
        "complexity": mean(complexities),
        "product": total,
        "product_sum": total if isinstance(total, Reason) else total * len(products),
        "tags": float(len(set(tags))) if known else Reason.NOT_IMPORTED,
        "ifd": number(_inside(record, "ifd_score", "content")),
    }
    texts = _turns(record.get("dialogs"))
    return Judged(
        key=key_of(record, "_id", "id"),
        prompt=None if texts is None else "\n".join(texts[:-1]),
        response=None if texts is None else texts[-1],
        values=values,
        words={"tags": tuple(tags)} if known else {},
    )


def _inside(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _floats(noted: Any, *names: str) -> list[Value]:
    found = _inside(noted, *names)
    return [number(each) for each in found] if isinstance(found, list) else [Reason.NOT_IMPORTED]


def _product(quality: Value, complexity: Value) -> Value:
    failed = next((each for each in (quality, complexity) if isinstance(each, Reason)), None)
    return float(quality) * float(complexity) if failed is None else failed


def _turns(dialogs: object) -> list[str] | None:
    """Return the texts of a conversation that ends with an answer, None if it does not."""
    if not isinstance(dialogs, list) or not dialogs:
        return None
    texts = [text_of(turn, "content") for turn in dialogs if isinstance(turn, dict)]
    if len(texts) != len(dialogs) or dialogs[-1].get("role") != "assistant":
        return None
    return [text for text in texts if text is not None] if None not in texts else None


LAYOUT = JudgedLayout(
    "mig",
    "MIG's annotated dialogues: `dialogs`, `_id`, `annotation` with DEITA's scores of every turn "
    "and InsTag's tags",
    "product",
    lambda record: has(record, "dialogs", "annotation"),
    _read_mig,
)
