"""What a GGUF file says of its architecture that the reader of transformers leaves unread.

A setting that nobody follows gives a model that runs and answers otherwise: it is refused here.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from assay.backends.gguf.header import Header, TensorHead
from assay.errors import ModelLoadError
from assay.samples import Float32Array

FREQUENCIES = "rope_freqs.weight"
"""Tensor that stretches the rotations of positions, as LLaMA 3.1 has it."""
_HINT = "take a folder with safetensors of the same model"
_HARMLESS = (
    "vocab_size", "tensor_data_layout", "pooling_type", "rope.scaling.original_context_length",
    "rope.scaling.finetuned", "use_parallel_residual", "context_length", "feed_forward_length",
)  # fmt: skip
_SAME = {
    "attn_logit_softcapping": "attn_logit_softcapping",
    "final_logit_softcapping": "final_logit_softcapping",
    "attention.sliding_window": "sliding_window",
    "expert_feed_forward_length": "moe_intermediate_size",
    "expert_shared_feed_forward_length": "shared_expert_intermediate_size",
    "expert_count": "num_local_experts",
    "rope.freq_base": "rope_theta",
}
_TOLERANCE = 1e-6


def check_settings(header: Header, config: Any, read: Collection[str]) -> None:
    """Check that every setting of a file is one that was read, or changes nothing.

    Args:
        header: of the file.
        config: the settings that transformers made of it.
        read: names of the settings that it reads, without the architecture's name in front.

    Raises:
        ModelLoadError: names the first that is not followed.
    """
    prefix = f"{header.architecture}."
    own = {
        name.removeprefix(prefix): value
        for name, value in header.fields.items()
        if name.startswith(prefix)
    }
    for name, value in own.items():
        if name in read or not value or name in _HARMLESS or _is_kept(name, value, own, config):
            continue
        raise ModelLoadError(
            f"{header.path} sets {prefix}{name} to {value}, which its reader does not follow",
            hint=_HINT,
        )


def _is_kept(name: str, value: Any, own: Mapping[str, Any], config: Any) -> bool:
    """Return whether the model does what a setting says though nobody read it."""
    width = _head_width(config)
    if name in ("attention.key_length", "attention.value_length"):
        return bool(value == width)
    if name == "rope.dimension_count":
        return bool(value == int(width * _rotated(config)))
    if name.startswith("rope.scaling."):
        is_off = own.get("rope.scaling.type") == "none"
        return is_off or own.get("rope.scaling.factor", 1.0) in (0.0, 1.0)
    found = getattr(config, _SAME.get(name, ""), None)
    if isinstance(value, int | float) and isinstance(found, int | float):
        return abs(value - found) <= _TOLERANCE * abs(value)
    return False


def _head_width(config: Any) -> int:
    own = getattr(config, "head_dim", None)
    return int(own or config.hidden_size // config.num_attention_heads)


def _rotated(config: Any) -> float:
    parameters = getattr(config, "rope_parameters", None) or {}
    found = parameters.get("partial_rotary_factor", getattr(config, "partial_rotary_factor", None))
    return 1.0 if found is None else float(found)


def check_tensors(header: Header, taken: Collection[str]) -> None:
    """Check that every tensor of a file found a place in the model.

    Args:
        header: of the file.
        taken: names of the tensors that did.

    Raises:
        ModelLoadError: names one that did not.
    """
    unread = [tensor.name for tensor in header.tensors if tensor.name not in taken]
    if unread:
        more = f" and {len(unread) - 1:,} more" if unread[1:] else ""
        raise ModelLoadError(
            f"{header.path} holds tensors that its reader does not take: {unread[0]}{more}",
            hint=_HINT,
        )


def stretch_rotations(header: Header, config: Any) -> None:
    """Let a model's settings follow the tensor that stretches its rotations, if the file has one.

    Raises:
        ModelLoadError: if the tensor is not of the model's size.
    """
    head = next((tensor for tensor in header.tensors if tensor.name == FREQUENCIES), None)
    if head is None:
        return
    fits = head.kind == 0 and head.shape == (_head_width(config) // 2,)
    factors = _floats(header, head) if fits else None
    if factors is None or not np.all(factors > 0):
        raise ModelLoadError(f"{header.path} is damaged: {FREQUENCIES} is of another size")
    listed = [float(factor) for factor in factors]
    # A stretch of its own for each dimension, the same for short and long texts.
    config.rope_parameters = {
        "rope_type": "longrope",
        "rope_theta": config.rope_parameters["rope_theta"],
        "short_factor": listed,
        "long_factor": listed,
        "factor": 1.0,
        "attention_factor": 1.0,
        "original_max_position_embeddings": config.max_position_embeddings,
    }


def _floats(header: Header, head: TensorHead) -> Float32Array:
    """Return the values of a tensor in one dimension that is written in float32."""
    with header.path.open("rb") as stream:
        stream.seek(header.data_start + head.offset)
        return np.frombuffer(stream.read(4 * head.shape[0]), "<f4")
