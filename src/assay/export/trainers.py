"""Writing samples in the layouts that trainers read: TRL, LLaMA-Factory, axolotl, ms-swift."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from assay.echo import Brief
from assay.errors import DataError, Parameter, Phrase, did_you_mean
from assay.export.llama_factory import (
    alpaca_row,
    chat_row,
    check_entry,
    fits_alpaca,
    media_kinds,
    register,
)
from assay.export.messages import (
    MEDIA_COLUMNS,
    Account,
    Holds,
    Json,
    Remark,
    UnfitSampleError,
    call_with_arguments,
    chat_message,
    media_paths,
    text_with_media_marks,
    text_with_thinking,
    tool_schema,
)
from assay.export.outputs import compressed
from assay.files import atomic_stream
from assay.formats.forms import output_form
from assay.formats.json_text import dumps
from assay.samples import MEDIA_KINDS, MediaKind, Message, Sample

TrainerLayout = Literal["trl", "trl-prompt-completion", "llama-factory", "axolotl", "ms-swift"]
TRAINER_LAYOUTS: tuple[TrainerLayout, ...] = get_args(TrainerLayout)

_REASONING_NOTE = (
    "reasoning is in `reasoning_content`; check that the model's chat template renders it"
)
_IMAGE_NOTE = "images are paths: cast the column `images` to images before training"


@dataclass(frozen=True, repr=False)
class LayoutReport(Brief):
    """What was written for a trainer, and what its layout could not hold.

    `rows` were written; `unwritten` names the samples that were not, `lessened` those that were
    written without something they hold, each by its place among the samples that were given.
    `rows` and `unwritten` add up to these samples. `ids` are the samples' own, where the caller
    knows them.
    """

    paths: tuple[Path, ...]
    rows: int
    unwritten: tuple[Remark, ...] = ()
    lessened: tuple[Remark, ...] = ()
    notes: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    @property
    def left_out(self) -> Mapping[str, int]:
        """Return how many samples were not written, by reason."""
        return Counter(remark.what for remark in self.unwritten)

    @property
    def losses(self) -> Mapping[str, int]:
        """Return how many samples were written without something they hold, by what that is."""
        return Counter(remark.what for remark in self.lessened)

    def by_id(self, remarks: Iterable[Remark]) -> dict[str, str]:
        """Return what is remarked of each sample, by its id; what several remarks say is joined."""
        found: dict[str, str] = {}
        for place, what in remarks:
            row_id = self.ids[place]
            found[row_id] = f"{found[row_id]}; {what}" if row_id in found else what
        return found


def export_layout(
    samples: Iterable[Sample], output: str | Path, *, layout: str = "trl"
) -> LayoutReport:
    """Write samples for a trainer, in the order in which they are given.

    * ``trl``: ``messages`` and ``tools``; ``trl-prompt-completion``: ``prompt`` and
      ``completion``, of which the second is the last answer that is to be learned. Where a sample
      has images, contents are lists of parts.
    * ``llama-factory``: its alpaca form where all samples are a question and an answer, else its
      sharegpt form; an entry in ``dataset_info.json`` beside the output, other entries kept.
    * ``axolotl``: ``messages`` and ``tools`` for `type: chat_template`, and a YAML to start from;
      ``train`` says of a turn whether it is learned, where the data does.
    * ``ms-swift``: ``messages`` with the roles ``tool_call`` and ``tool_response``, ``tools`` as
      JSON text, ``images``, ``videos`` and ``audios`` as paths; ``loss`` says of an answer whether
      it is learned, where the data does.

    A sample of which a layout cannot hold something that matters is left out, and counted.

    Alpaca's input follows the instruction after an empty line, except in a form that has a field
    for it.

    Args:
        samples: what was chosen.
        output: a name that ends in .jsonl or .json, also with .gz or .zst.
        layout: one of the names above.

    Raises:
        DataError: if the layout is not known or can hold none of the samples, the output is no
            JSON, or it cannot be written.
    """
    path, chosen, account = Path(output), list(samples), Account()
    if layout not in TRAINER_LAYOUTS:
        known = ", ".join(TRAINER_LAYOUTS)
        hint = did_you_mean(layout, TRAINER_LAYOUTS) or f"there are: {known}"
        raise DataError(f"no trainer layout is called {layout!r}", hint=hint)
    if layout == "llama-factory":
        check_entry(path)
    is_alpaca = layout == "llama-factory" and all(map(fits_alpaca, chosen))
    row_of = _row_makers(chosen, account)["alpaca" if is_alpaca else layout]
    rows = _write_rows(chosen, row_of, path, account)
    companions = []
    if layout == "llama-factory":
        companions.append(register(path, None if is_alpaca else media_kinds(chosen)))
    elif layout == "axolotl":
        companions.append(_write_axolotl_yaml(path, chosen))
    return LayoutReport(
        (path, *companions),
        rows,
        tuple(account.left_out),
        tuple(account.losses),
        _notes(chosen, layout),
    )


def layout_paths(path: Path, layout: str) -> list[Path]:
    """Return the files that `export_layout` writes whole; ``dataset_info.json`` is added to."""
    return [path, *([_axolotl_yaml(path)] if layout == "axolotl" else [])]


def _axolotl_yaml(path: Path) -> Path:
    return path.with_name(f"{path.name.partition('.')[0]}.axolotl.yaml")


def _row_makers(samples: list[Sample], account: Account) -> Mapping[str, Callable[[Sample], Json]]:
    # A column of contents holds either texts or lists of parts.
    in_parts = any(media_paths(sample, "image") for sample in samples)
    return {
        "trl": partial(_trl_row, in_parts=in_parts),
        "trl-prompt-completion": partial(_split_row, in_parts=in_parts, account=account),
        "alpaca": alpaca_row,
        "llama-factory": partial(chat_row, account=account, kinds=media_kinds(samples)),
        "axolotl": _axolotl_row,
        "ms-swift": _swift_row,
    }


def _write_rows(
    samples: list[Sample], row_of: Callable[[Sample], Json], path: Path, account: Account
) -> int:
    form = output_form(path)
    if form is None or form.container not in ("json", "jsonl"):
        raise DataError(
            f"cannot write {path}: trainer layouts are JSON", hint="name it .jsonl or .json"
        )
    opening, between, closing = (b"", b"", b"") if form.container == "jsonl" else (b"[", b",", b"]")
    count = 0
    with atomic_stream(path) as stream, compressed(stream, form.compression) as plain:
        plain.write(opening + b"\n" * bool(opening))
        for account.place, sample in enumerate(samples):
            try:
                row = row_of(sample)
            except UnfitSampleError as reason:
                account.leave_out(str(reason))
                continue
            text = dumps(row).encode()
            plain.write((between + b"\n" if between and count else b"") + text)
            plain.write(b"" if between else b"\n")
            count += 1
        plain.write((b"\n" if count else b"") + closing + b"\n" if closing else b"")
        if samples and not count:
            raise _nothing_fits(path, account)
    return count


def _nothing_fits(path: Path, account: Account) -> DataError:
    reasons = Counter(remark.what for remark in account.left_out)
    table = "; ".join(f"{count:,}: {reason}" for reason, count in reasons.most_common())
    return DataError(
        f"{path} was not written: the layout can hold none of the samples ({table})",
        hint=Phrase(
            "choose another {}, or leave it out to keep the layout of the data", Parameter("format")
        ),
    )


def _with_tools(row: Json, sample: Sample) -> Json:
    if sample.conversation.tools:
        row["tools"] = [tool_schema(tool) for tool in sample.conversation.tools]
    return row


_IMAGES: tuple[MediaKind, ...] = ("image",)
_TRL = Holds("TRL", _IMAGES)
# Turns of the prompt are never learned, so only the weight of the completion matters.
_TRL_SPLIT = Holds("TRL", _IMAGES, weights="answers")
_AXOLOTL = Holds("the text layout of axolotl", weights="all")
# Its trainer takes the first marks for places, however many media there are.
_SWIFT = Holds("ms-swift", MEDIA_KINDS, weights="answers", reads_marks=True, systems=False)


def _trl_messages(sample: Sample, *, in_parts: bool) -> list[Json]:
    return [
        chat_message(message, arguments_as_text=False, in_parts=in_parts)
        for message in sample.conversation.messages
    ]


def _with_images(row: Json, sample: Sample) -> Json:
    if paths := media_paths(sample, "image"):
        row["images"] = paths
    return row


def _trl_row(sample: Sample, *, in_parts: bool) -> Json:
    _TRL.check(sample)
    row: Json = {"messages": _trl_messages(sample, in_parts=in_parts)}
    return _with_tools(_with_images(row, sample), sample)


def _split_row(sample: Sample, *, in_parts: bool, account: Account) -> Json:
    _TRL_SPLIT.check(sample)
    answers = [place for place, m in enumerate(sample.conversation.messages) if m.learned]
    if not answers or answers[-1] == 0:
        raise UnfitSampleError("no answer after a prompt")
    last = answers[-1]
    messages = _trl_messages(sample, in_parts=in_parts)
    row: Json = {"prompt": messages[:last], "completion": messages[last : last + 1]}
    if messages[last + 1 :]:
        account.lose(["the turns after the last answer"])
    return _with_tools(_with_images(row, sample), sample)


def _has_marks(sample: Sample) -> bool:
    """Does the data say of a turn that it counts otherwise in training than its role does?"""
    return any(message.weight is not None for message in sample.conversation.messages)


def _is_learned(message: Message) -> bool:
    return message.learned if message.weight is None else message.weight > 0


def _axolotl_row(sample: Sample) -> Json:
    _AXOLOTL.check(sample)
    marked = _has_marks(sample)
    messages = []
    for message in sample.conversation.messages:
        turn = chat_message(message, arguments_as_text=True)
        messages.append(turn | {"train": _is_learned(message)} if marked else turn)
    return _with_tools({"messages": messages}, sample)


def _swift_row(sample: Sample) -> Json:
    _SWIFT.check(sample)
    marked = _has_marks(sample)
    messages = [
        turn | {"loss": message.learned} if marked and message.role == "assistant" else turn
        for message in sample.conversation.messages
        for turn in _swift_turns(message)
    ]
    row: Json = {"messages": messages}
    if sample.conversation.tools:
        tools = [tool_schema(tool) for tool in sample.conversation.tools]
        row["tools"] = dumps(tools)
    for kind, column in MEDIA_COLUMNS.items():
        if paths := media_paths(sample, kind):
            row[column] = paths
    return row


def _swift_turns(message: Message) -> list[Json]:
    role = "tool_response" if message.role == "tool" else message.role
    content = text_with_media_marks(message, text_with_thinking(message))
    turns: list[Json] = [{"role": role, "content": content}]
    if message.role != "assistant" or not message.tool_calls:
        return turns
    calls = [dumps(call_with_arguments(call)) for call in message.tool_calls]
    return turns[: bool(content)] + [{"role": "tool_call", "content": call} for call in calls]


def _write_axolotl_yaml(path: Path, samples: list[Sample]) -> Path:
    lines = [
        "# Paste into the configuration of a run.",
        "datasets:",
        # JSON text is YAML text, whatever characters the path holds.
        f"  - path: {json.dumps(str(path), ensure_ascii=False)}",
        "    ds_type: json",
        "    type: chat_template",
        "    field_messages: messages",
    ]
    if any(sample.conversation.tools for sample in samples):
        lines.append("    field_tools: tools")
    if any(map(_has_marks, samples)):
        lines.append("    message_field_training: train")
    lines += ['    roles_to_train: ["assistant"]', "    train_on_eos: turn"]
    target = _axolotl_yaml(path)
    with atomic_stream(target) as stream:
        stream.write("\n".join(lines).encode() + b"\n")
    return target


def _notes(samples: list[Sample], layout: str) -> tuple[str, ...]:
    notes = []
    thinks = any(m.reasoning for sample in samples for m in sample.conversation.messages)
    if thinks and layout.startswith(("trl", "axolotl")):
        notes.append(_REASONING_NOTE)
    if layout.startswith("trl") and any(media_paths(s, "image") for s in samples):
        notes.append(_IMAGE_NOTE)
    return tuple(notes)
