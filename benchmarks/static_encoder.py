"""How fast is the static encoder beside hashed character n-grams of the same length?

    python benchmarks/static_encoder.py alpaca_data.json [--rows 52002] [--json result.json]

The baseline hashes characters, pairs and triples into as many places with scikit-learn's
HashingVectorizer; without scikit-learn only our own side is timed. Reads any JSON list or JSON
lines file of flat records; a row's text is all its string fields.
"""

import json
from collections.abc import Callable
from pathlib import Path

from harness import argument_parser, in_turn, report

from assay.backends.static_encoder import StaticEncoder


def read_texts(path: Path, rows: int) -> list[str]:
    """Return one text per record, the file repeated until there are `rows`."""
    content = path.read_text(encoding="utf-8")
    records = (
        json.loads(content)
        if content.lstrip().startswith("[")
        else [json.loads(line) for line in content.splitlines() if line]
    )
    texts = [
        "\n".join(value for value in row.values() if isinstance(value, str)) for row in records
    ]
    return (texts * (rows // len(texts) + 1))[:rows]


def hashing_baseline(texts: list[str], dimension: int) -> Callable[[], object] | None:
    """Return the baseline's work, or None without scikit-learn."""
    try:
        from sklearn.feature_extraction.text import HashingVectorizer
    except ImportError:
        return None
    vectorizer = HashingVectorizer(analyzer="char", ngram_range=(1, 3), n_features=dimension)
    return lambda: vectorizer.transform(texts).toarray()


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", type=int, default=52_002)
    arguments = parser.parse_args()
    texts = read_texts(arguments.data, arguments.rows)
    encoder = StaticEncoder.from_assets()
    comparison = in_turn(lambda: encoder.encode(texts), hashing_baseline(texts, encoder.dimension))
    facts = {
        "rows": len(texts),
        "characters": sum(map(len, texts)),
        "dimension": encoder.dimension,
        "rows_per_second": round(len(texts) / sorted(comparison.ours)[len(comparison.ours) // 2]),
    }
    report("static_encoder", facts, comparison, arguments.json)


if __name__ == "__main__":
    main()
