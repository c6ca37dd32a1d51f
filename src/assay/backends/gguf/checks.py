"""What a GGUF file must be before a library is handed it: each fault in one line."""

import math
from typing import Any

import numpy as np

from assay.backends.gguf.header import ANOTHER, Header, TensorHead, cut_off
from assay.backends.gguf.tokenizer import check_tokenizer
from assay.errors import MissingExtraError, ModelLoadError

_PICTURES = ("clip", "mmproj")


def check_file(header: Header) -> None:
    """Check that a file holds one whole language model whose parts are all known.

    Raises:
        ModelLoadError: names what is wrong.
        MissingExtraError: if what reads such files is not installed.
    """
    check_whole(header)
    _check_tensors(header)
    check_tokenizer(header)


def check_whole(header: Header) -> None:
    """Check that a file says of itself that it holds one whole language model.

    Raises:
        ModelLoadError: if it is a part of one, or something else.
    """
    fields, path = header.fields, header.path
    kind = str(fields.get("general.type", "model"))
    if header.architecture in _PICTURES or kind in _PICTURES:
        raise ModelLoadError(
            f"{path} is the part of a model that sees pictures (mmproj)",
            hint="name the file of the language model that lies beside it",
        )
    if kind == "adapter":
        raise ModelLoadError(f"{path} is an adapter, and no whole model", hint=ANOTHER)
    parts = fields.get("split.count", 1)
    if isinstance(parts, int) and parts > 1:
        raise ModelLoadError(
            f"{path} is one of {parts} parts of a model",
            hint="put them together first: llama-gguf-split --merge FIRST_PART WHOLE.gguf",
        )
    if not header.architecture:
        raise ModelLoadError(f"{path} names no architecture", hint=ANOTHER)
    if not header.tensors:
        raise ModelLoadError(f"{path} holds no weights", hint=ANOTHER)


def _check_tensors(header: Header) -> None:
    """Check that every tensor's values are there, in a type that can be read."""
    try:
        import gguf  # noqa: PLC0415  not always installed
    except ImportError as error:
        raise MissingExtraError(f"the language model {header.path}", "models") from error

    kinds = {tensor.kind: tensor for tensor in header.tensors}
    sizes = {kind: _block(gguf, header, tensor) for kind, tensor in kinds.items()}
    for tensor in header.tensors:
        elements, size = sizes[tensor.kind]
        count = math.prod(tensor.shape)
        if tensor.shape and tensor.shape[-1] % elements:
            raise ModelLoadError(f"{header.path} is damaged: {tensor.name} is of no whole blocks")
        if header.data_start + tensor.offset + count // elements * size > header.size:
            raise cut_off(header.path)


def _block(gguf: Any, header: Header, tensor: TensorHead) -> tuple[int, int]:
    """Return how many values a block of a tensor's type has, and how many bytes."""
    try:
        kind = gguf.GGMLQuantizationType(tensor.kind)
    except ValueError as error:
        raise _unknown(header, tensor, f"the unknown type {tensor.kind}") from error
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    try:
        gguf.dequantize(np.zeros((1, size), np.uint8), kind)
    except NotImplementedError as error:
        raise _unknown(header, tensor, f"the type {kind.name}, which is not read") from error
    return int(elements), int(size)


def _unknown(header: Header, tensor: TensorHead, what: str) -> ModelLoadError:
    return ModelLoadError(
        f"{header.path} holds {tensor.name} in {what}",
        hint="take a file of another quantisation, such as Q8_0 or Q4_K_M",
    )
