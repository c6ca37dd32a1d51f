"""Which layout a file has, found from its first records; errors that say what to do instead."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from assay.errors import FormatError, Parameter, Phrase, Words, did_you_mean
from assay.formats.answers import (
    PreferenceLayout,
    PromptCompletionLayout,
    TargetsLayout,
)
from assay.formats.conversations import (
    AlternatingLayout,
    ExchangeLayout,
    SelfInstructLayout,
    TurnLayout,
)
from assay.formats.documents import DocumentsLayout
from assay.formats.faults import Fault, UnusableRecordError
from assay.formats.fields import resolve
from assay.formats.labels import ID_FIELDS, Provenance, Record
from assay.formats.layouts import PAIR_LAYOUTS, Layout
from assay.formats.questions import QuestionsLayout
from assay.formats.transcripts import TranscriptLayout, transcript_field

MIXED_SHARE = 0.98
USABLE_SHARE = 0.5
QUESTIONS = QuestionsLayout()
DOCUMENTS = DocumentsLayout()

# Lists of turns stand before pairs of texts: where a record has both, the list holds all turns.
LAYOUTS: tuple[Layout, ...] = (
    SelfInstructLayout(),
    PreferenceLayout(),
    TurnLayout("messages", ("role",), "`messages` (list of `role`, `content`), `tools`"),
    TurnLayout(
        "sharegpt", ("from",), "`conversations` (list of `from`, `value`), `system`, `tools`"
    ),
    AlternatingLayout(),
    ExchangeLayout(),
    PromptCompletionLayout(),
    TargetsLayout(),
    *PAIR_LAYOUTS,
    TranscriptLayout(),
)


def layout_named(name: str) -> Layout:
    """Return the layout of that name.

    Raises:
        FormatError: if there is none; the hint lists them.
    """
    known = {layout.name: layout for layout in (*LAYOUTS, QUESTIONS)}
    if name not in known:
        raise FormatError(
            f"no layout is called {name!r}",
            hint=did_you_mean(name, known) or f"one of {', '.join(known)}",
        )
    return known[name]


def choose_layout(records: Sequence[Record], *, file: str, questions: bool = False) -> Layout:
    """Return the layout that fits the sampled records of one file.

    Records that fit no layout are left to be set aside while reading; of a file of questions they
    are read as questions without an answer.

    Raises:
        FormatError: if most records fit none, or if they mix several.
    """
    fits: Counter[int] = Counter()
    best: Counter[int] = Counter()
    for record in records:
        places = [place for place, layout in enumerate(LAYOUTS) if layout.matches(record)]
        fits.update(places)
        best.update(places[:1])
    place = min(fits, key=lambda place: (-fits[place], place), default=0)
    if questions:
        return _question_layout(LAYOUTS[place], fits[place], records, file)
    fitting = best.total()
    if fitting < USABLE_SHARE * len(records) or not fitting:
        raise _unknown_layout(records, file)
    if fits[place] < MIXED_SHARE * fitting:
        raise _mixed_layouts({LAYOUTS[place].name: count for place, count in best.items()}, file)
    if _only_questions(LAYOUTS[place], records):
        raise _no_answers(records, file)
    return LAYOUTS[place]


def _question_layout(
    likeliest: Layout, fitting: int, records: Sequence[Record], file: str
) -> Layout:
    if fitting and fitting >= USABLE_SHARE * len(records):
        return likeliest
    if any(QUESTIONS.matches(record) for record in records):
        return QUESTIONS
    raise FormatError(
        f"{file}: no question is found; the fields are {_shown(fields_of(records))}",
        hint="a question is text in a field such as question, prompt, instruction or text, or a "
        "list of turns: rename the field that asks",
    )


def document_layout(records: Sequence[Record], *, file: str) -> Layout:
    """Return the layout of a file of documents.

    Raises:
        FormatError: if no record holds one.
    """
    if any(DOCUMENTS.matches(record) for record in records):
        return DOCUMENTS
    raise FormatError(
        f"{file}: no document is found; the fields are {_shown(fields_of(records))}",
        hint=f"a document is text in a field such as {DOCUMENTS.fields[0]}: rename the field that "
        "holds it",
    )


def _only_questions(layout: Layout, records: Sequence[Record]) -> bool:
    for record in records:
        try:
            layout.bind(tuple(record), Provenance())(record)
        except UnusableRecordError as error:
            if error.fault is Fault.NO_ASSISTANT_TURN:
                continue
        return False
    return bool(records)


def fields_of(records: Iterable[Record]) -> list[str]:
    """Return the names of all fields in order of first use."""
    return list(dict.fromkeys(name for record in records for name in record))


def _shown(names: Sequence[str]) -> str:
    shown = ", ".join(str(name)[:40] for name in names[:12])
    return shown + (" …" if len(names) > 12 else "")


_letter = re.compile(r"[^\W\d_]").search


def _unknown_layout(records: Sequence[Record], file: str) -> FormatError:
    seen = fields_of(records)
    transcript = transcript_field(records)
    if transcript is not None:
        return FormatError(
            f"{file}: the field {transcript!r} holds both sides of a conversation in one text, "
            "in a notation that is not read",
            hint="split it into a list of turns, each with a role and a content, and call it "
            "messages; mapped as it is, a model would learn the user's words too",
        )
    asked = resolve(seen, QUESTIONS.fields)
    is_asked = asked is not None and any(isinstance(r.get(asked), str) for r in records)
    if is_asked and len(_text_fields(records)) < 2:
        return _no_answers(records, file)
    return FormatError(
        f"{file}: the layout is not known; the fields are {_shown(seen)}",
        hint=Phrase("say which fields hold the conversation: {}", _map_example(records))
        if _text_fields(records)
        else "no field holds text that differs from record to record: is this the right file?",
    )


def _no_answers(records: Sequence[Record], file: str) -> FormatError:
    seen = fields_of(records)
    asked = resolve(seen, QUESTIONS.fields)
    others = [name for name in seen if name != asked and name.lower() not in ID_FIELDS]
    is_text = any(isinstance(record.get(asked or ""), str) for record in records)
    mapped: Words = ""
    if others and is_text:
        mapped = Phrase(", or say which field answers: {}", _map_example(records))
    held = "turns that ask" if asked is None else f"questions (field {asked!r})"
    return FormatError(
        f"{file}: the records hold {held} and no answers that are known; "
        f"the fields are {_shown(seen)}",
        hint=Phrase(
            "use it as questions or as an evaluation file ({}){}", Parameter("against"), mapped
        ),
    )


def _mixed_layouts(counts: dict[str, int], file: str) -> FormatError:
    found = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    return FormatError(
        f"{file}: the first records mix several layouts ({found})",
        hint=Phrase(
            "split the file by layout and name each part as a source, or pass {}",
            Parameter("mapping"),
        ),
    )


def _text_fields(records: Sequence[Record]) -> list[str]:
    """Return the fields whose text differs from record to record, ids left out."""
    found = []
    for name in fields_of(records):
        values = (record.get(name) for record in records)
        texts = [value for value in values if isinstance(value, str) and _letter(value)]
        if 2 * len(set(texts)) > len(records) and name.lower() not in ID_FIELDS:
            found.append(name)
    return found


def _map_example(records: Sequence[Record]) -> Parameter:
    texts, seen = _text_fields(records), fields_of(records)
    candidates = [*texts, *(name for name in seen if name.lower() not in ID_FIELDS), *seen]
    asked = resolve(seen, QUESTIONS.fields) or next(iter(candidates), "question")
    answer = next((name for name in candidates if name != asked), "answer")
    templates = {"instruction": f"{{{asked}}}", "response": f"{{{answer}}}"}
    return Parameter("mapping", templates)
