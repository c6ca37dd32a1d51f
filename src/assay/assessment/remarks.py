"""What stands out in a dataset, in sentences made of measured numbers alone.

A sentence appears where a number passes its threshold below, and says that number.
"""

from collections.abc import Iterator, Sequence

from assay.assessment.records import DatasetRecord, MakeUp, PairRecord, Share
from assay.assessment.wording import language_name
from assay.wording import amount, capitalised, listed, number_of, part, percent

SEVERAL_ANSWERS = 0.05
EMPTY = 0.001
COPIES = 0.005
NEAR_COPIES = 0.01
COMMON = 0.005
ALIKE = 0.1
OTHER_LANGUAGES = 0.02
SHORT_TOKENS = 10
LONG_TOKENS = 1000
ABOVE_ONE = 0.1
LEARNED = 0.5
FEW_ROWS = 100
TASK = 0.5
UNSCORED = 0.02


def remarks(record: DatasetRecord, pairs: Sequence[PairRecord], sample: int) -> list[str]:
    """Return what a person should know about a dataset first."""
    if record.rows == 0:
        return ["Holds no usable row, so nothing could be measured."]
    own = [pair for pair in pairs if pair.of == record.name]
    found = [*_size(record), *_language(record), *_copies(record), *_common(own)]
    found += [*_answers(record), *_likelihood(record), *_limits(record, sample)]
    return found


def language_notes(records: Sequence[DatasetRecord]) -> list[str]:
    """Return why a model's numbers of several languages are no comparison, if there are several."""
    read = [each for each in records if "perplexity" in each.distributions]
    languages = dict.fromkeys(
        code
        for each in read
        for code, share in _shares(each.languages, each.rows)
        if share >= OTHER_LANGUAGES and code not in ("", "und")
    )
    if len(languages) < 2:
        return []
    names = listed([language_name(code) for code in languages])
    note = (
        f"Perplexity and IFD are not comparable between languages ({names}): they are means per "
        "token, a model knows one language better than another, and its tokenizer cuts them into "
        "pieces of unlike length. Compare datasets of one language, or its parts by language."
    )
    return [note]


def _size(record: DatasetRecord) -> Iterator[str]:
    response = record.distributions["response"].quantiles
    middle = response.get("p50", 0.0)
    yield (
        f"{record.rows:,} {'row' if record.rows == 1 else 'rows'}, about {amount(record.tokens)} "
        f"tokens; the median answer has {amount(middle)}."
    )
    if middle <= SHORT_TOKENS:
        yield f"Answers are short: half have at most {amount(middle)} tokens."
    longest = response.get("p95", 0.0)
    if longest >= LONG_TOKENS:
        yield f"Some answers are long: one in twenty has {amount(longest)} tokens or more."
    if (record.several_answers.share or 0) >= SEVERAL_ANSWERS:
        yield _sentence(record.several_answers, "hold several answers.")


def _sentence(share: Share, what: str) -> str:
    """Return a sentence about a part of the rows; one of a sample says "about"."""
    said = part(share.share or 0.0)
    if share.low != share.high and said != "all":
        said = f"about {said}"
    rows = "rows" if said == "all" else "of rows"
    return f"{capitalised(said)} {rows} {what}"


def _language(record: DatasetRecord) -> Iterator[str]:
    shares = _shares(record.languages, record.rows)
    if not shares:
        return
    first, share = shares[0]
    main = "All" if share == 1 else ("Nearly all" if share >= 1 - OTHER_LANGUAGES else "")
    if main:
        yield f"{main} rows are {language_name(first)}."
        return
    seen = [(code, each) for code, each in shares if each >= OTHER_LANGUAGES][:4]
    said = [f"{part(each)} {language_name(code)}" for code, each in seen]
    yield f"Languages are mixed: {listed(said)}."


def _shares(made: MakeUp, rows: int) -> list[tuple[str, float]]:
    return [(word, count / rows) for word, count in made.words.items()]


def _copies(record: DatasetRecord) -> Iterator[str]:
    exact, near = record.exact_copies, record.near_copies
    if (exact.share or 0) >= COPIES:
        yield f"{percent(exact.share)} exact duplicates ({number_of(exact.count, 'row')})."
    beyond = (near.share or 0) - (exact.share or 0)
    if beyond >= NEAR_COPIES:
        yield (
            f"{percent(near.share)} of rows would go if one of every group of near-duplicates "
            f"stayed ({number_of(near.count, 'row')})."
        )


def _common(pairs: Sequence[PairRecord]) -> Iterator[str]:
    for pair in pairs:
        if (pair.near.share or 0) >= COMMON:
            said = part(pair.near.share or 0)
            of = " " if said == "all" else " of "
            yield (
                f"{capitalised(said)}{of}its rows ({pair.near.count:,}) are in "
                f"{pair.within}, too, equal or nearly so."
            )
        elif (pair.alike.share or 0) >= ALIKE:
            yield _sentence(pair.alike, f"have one close in meaning in {pair.within}.")


def _answers(record: DatasetRecord) -> Iterator[str]:
    empty = record.distributions["compression_ifd"].unscored.get("EMPTY_RESPONSE", 0)
    if empty / record.rows >= EMPTY:
        yield f"{percent(empty / record.rows)} of answers are empty ({number_of(empty, 'row')})."
    tasks = [(word, share) for word, share in _shares(record.tasks, record.rows) if word]
    if tasks and record.tasks.distinct > 1 and tasks[0][1] >= TASK:
        said = part(tasks[0][1])
        yield f"{capitalised(said)} of rows are of one task, {tasks[0][0]}."


def _likelihood(record: DatasetRecord) -> Iterator[str]:
    above = record.above_one
    if above is not None and (above.share or 0) >= ABOVE_ONE:
        yield (
            f"To the model, the prompt makes {percent(above.share)} of answers less likely, not "
            f"more (IFD above 1; {percent(above.low)} to {percent(above.high)} of all)."
        )
    ifd = record.distributions.get("ifd")
    if ifd is not None and ifd.rows and (ifd.rows - ifd.scored) / ifd.rows >= UNSCORED:
        yield f"{percent((ifd.rows - ifd.scored) / ifd.rows)} of sampled rows have no IFD."


def _limits(record: DatasetRecord, sample: int) -> Iterator[str]:
    if record.learned is not None and record.learned < LEARNED:
        yield (
            f"The encoder knows {percent(record.learned)} of the letters: closeness here is of "
            "wording, not of meaning."
        )
    if record.rows < min(FEW_ROWS, sample):
        yield "Too few rows for shares and quantiles to mean much."
    aside = sum(record.set_aside.values())
    if aside:
        yield f"{aside:,} records could not be read and are left out."
