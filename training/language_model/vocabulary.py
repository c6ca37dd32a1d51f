"""A byte-level byte-pair vocabulary, which can spell any UTF-8 text."""

from collections.abc import Sequence

from corpus import Pair
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END = "<|endoftext|>"
"""Stands before and after every text."""


def learn_vocabulary(taught: Sequence[Pair], size: int) -> Tokenizer:
    """Return a tokenizer of `size` tokens, learned from the pairs; token 0 is `END`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        min_frequency=3,
        show_progress=False,
    )
    texts = (f"{pair.question}\n{pair.answer}" for pair in taught)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
