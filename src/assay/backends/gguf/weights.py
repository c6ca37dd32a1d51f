"""The weights of a GGUF file, dequantised by the reader of transformers."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import gguf
import numpy as np
import torch
import transformers
from transformers import modeling_gguf_pytorch_utils as library
from transformers.integrations.ggml import GGUF_CONFIG_MAPPING
from transformers.integrations.gguf import is_gguf_arch_supported

from assay.backends.gguf.header import Header
from assay.backends.gguf.settings import FREQUENCIES, check_settings, check_tensors
from assay.backends.model_files import reason, unreadable
from assay.backends.weights import misfit
from assay.errors import ModelLoadError

_OF_ITS_OWN = ("_exps.weight", "_exps.bias")  # experts, which become one tensor of the model
_one_at_a_time = threading.Lock()


class _Reader(gguf.GGUFReader):  # type: ignore[misc]
    """The library's reader, over a plain array: a slice of a mapped file takes three times as long.

    A vocabulary is millions of slices.
    """

    @property
    def data(self) -> Any:
        """The bytes of the file. Shape (n,), uint8."""
        return self._bytes

    @data.setter
    def data(self, mapped: Any) -> None:
        self._bytes = mapped.view(np.ndarray)


def read_model(header: Header, advance: Callable[[float], None]) -> Any:
    """Return the model of a file with all its weights in float32.

    Args:
        header: of the file, which has been checked.
        advance: called with the number of tensors read.

    Raises:
        ModelLoadError: if transformers cannot read it, or leaves some of it unread.
    """
    path = header.path.absolute()
    transformers.utils.logging.disable_progress_bar()
    try:
        with _watched(advance):
            model, report = transformers.AutoModelForCausalLM.from_pretrained(
                path.parent,
                gguf_file=path.name,
                quantization_config=transformers.GgufConfig(dequantize=True),
                dtype=torch.float32,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
            _check_followed(header, model)
    except unreadable() as error:
        raise ModelLoadError(
            f"{header.path} cannot be read by transformers as the architecture "
            f"{header.architecture!r}: {reason(error)}",
            hint="take a folder with safetensors of the same model",
        ) from error
    fault = misfit(report["missing_keys"], report["unexpected_keys"])
    if fault:
        raise ModelLoadError(f"{header.path} is no causal language model as it says: {fault}")
    return model


@contextlib.contextmanager
def _watched(advance: Callable[[float], None]) -> Iterator[None]:
    """Tell how many tensors are read, in place of the bar that the library draws itself.

    The library also parses the file for each thing that it wants to know, and makes its list of
    names for each module of the model, which takes longer than all the rest: both are done once.
    """

    def counted(items: Iterable[Any], **_: Any) -> Iterator[Any]:
        for item in items:
            yield item
            advance(1)

    replaced = [
        (library, "tqdm", counted),
        (gguf, "GGUFReader", cache(_Reader)),
        (gguf, "get_tensor_name_map", cache(gguf.get_tensor_name_map)),
    ]
    with _one_at_a_time, contextlib.ExitStack() as stack:
        for owner, name, better in replaced:
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, better)
        yield


def _check_followed(header: Header, model: Any) -> None:
    """Check that the older of the library's two readers, which tells nothing, took everything."""
    if is_gguf_arch_supported(header.architecture):
        return
    # Some architectures are called otherwise in the library, such as qwen2moe.
    called = model.config.model_type.removesuffix("_text")
    named = GGUF_CONFIG_MAPPING.get(header.architecture) or GGUF_CONFIG_MAPPING.get(called, {})
    check_settings(header, model.config, [name for name, field in named.items() if field])
    processors = library.TENSOR_PROCESSORS
    processor = processors.get(header.architecture, library.TensorProcessor)(config={})
    taken = set(library.get_gguf_hf_weights_map(model, processor))
    own = {tensor.name for tensor in header.tensors if tensor.name.endswith(_OF_ITS_OWN)}
    if header.architecture == "llama":
        own.add(FREQUENCIES)
    if header.architecture == "gpt2":
        own.add("output.weight")
    check_tensors(header, taken | own)
