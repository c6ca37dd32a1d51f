"""Causal models of two layers with random weights, and tokenizers trained on a few local texts.

They are made within a second, without a network. Their weights are large, so that the losses of
tokens differ widely and a slip of one token shows.
"""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

END = "<|endoftext|>"
POSITIONS = 256
CLASSIFIER = "AutoModelForSequenceClassification"
CHATML = (
    "{% if tools %}<|im_start|>system\nTools: {{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}"
    "{% if message.tool_calls %}{{ message.tool_calls | tojson }}{% endif %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""A chat format that leaves the words as they are."""

_EXAMPLES = Path(__file__).parents[1] / "examples" / "data"
_TEXTS = (
    (
        "Below is an instruction that describes a task. Write a response that fits the request"
        ".\n\n### Instruction:\nName three colours.\n\n### Response:Red, green and blue."
    ),
    (
        "Below is an instruction that describes a task, paired with an input that provides further "
        "context.\n\n### Input:\nabc\n\n### Response:\n\nYes.\n\n\nNo.\n\n"
    ),
    "USER: Hello! ASSISTANT: Hello, how can I help you today? 🙂🙂 🎉",
    "写一个关于春天的句子。春天来了,花都开了。你好,世界。",
    "Zeile mit Umlauten: äöü ÄÖÜ ß, «guillemets», naïve café, Ελληνικά, русский.",
    "def add(left, right):\n    return left + right\n\n\nprint(add(1, 2))\n",
    "    indented\n\n    twice\n\t\ttabs  and   blanks\n\n\n\nfour lines",
    "{instruction} {braces} {{doubled}} %s %d \\n <s> </s> <|endoftext|>",
) * 4


def tiny_gpt2(folder: Path) -> Path:
    """Write a GPT-2: byte-level tokens, absolute positions, nothing added to a text."""
    config = transformers().GPT2Config(
        vocab_size=len(_byte_level()), n_positions=POSITIONS, n_embd=64, n_layer=2, n_head=4,
        initializer_range=0.5, bos_token_id=0, eos_token_id=0,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    return write_model(folder, config, gpt2_tokenizer())


def tiny_llama(folder: Path, *, positions: int = POSITIONS) -> Path:
    """Write a LLaMA: blanks as marks, bytes for unknown letters, BOS before every text."""
    return write_model(folder, llama_config(max_position_embeddings=positions), llama_tokenizer())


def tiny_chat(folder: Path, template: str = CHATML) -> Path:
    """Write a LLaMA with a chat format and special tokens of its own for the turns."""
    tokenizer = llama_tokenizer()
    tokenizer.add_special_tokens(
        {"additional_special_tokens": ["<|im_start|>", "<|im_end|>", "<|user|>"]}
    )
    tokenizer.chat_template = template
    return write_model(folder, llama_config(vocab_size=len(tokenizer)), tokenizer)


def llama_config(**changes: Any) -> Any:
    """Return the settings of a small LLaMA, with some changed."""
    return transformers().LlamaConfig(**small_settings() | changes)


def transformers() -> Any:
    """Return the transformers library; a test that needs it is skipped without it."""
    pytest.importorskip("torch")
    return pytest.importorskip("transformers")


def small_settings() -> dict[str, Any]:
    """Return settings that most architectures of the LLaMA kind know by the same names."""
    return {
        "vocab_size": len(_metaspace()),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": POSITIONS,
        "initializer_range": 0.5,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": None,
    }


def tiny_reward(folder: Path, *, padding: int | None = None) -> Path:
    """Write a LLaMA that gives a conversation in the chat format one number.

    Args:
        folder: that is filled.
        padding: token that its settings name for padding, if they do.
    """
    tokenizer = llama_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = CHATML
    config = llama_config(vocab_size=len(tokenizer), num_labels=1, pad_token_id=padding)
    return write_model(folder, config, tokenizer, opens=CLASSIFIER)


def tiny_bert(folder: Path, labels: Sequence[str] = ("low", "middle", "high")) -> Path:
    """Write a BERT that gives a text, or two, a number per label."""
    tokenizer = pair_tokenizer()
    config = transformers().BertConfig(
        vocab_size=len(tokenizer), hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=128, max_position_embeddings=POSITIONS, initializer_range=0.3,
        id2label=dict(enumerate(labels)), label2id={label: n for n, label in enumerate(labels)},
        pad_token_id=tokenizer.pad_token_id, num_labels=len(labels),
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    return write_model(folder, config, tokenizer, opens=CLASSIFIER)


def tiny_t5(folder: Path) -> Path:
    """Write a T5: a text is read whole, </s> behind it, and the decoder begins with <unk>."""
    tokenizer = Tokenizer.from_str(_metaspace_json())
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 2)]
    )
    wrapped = transformers().PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>", pad_token="<s>"
    )
    config = transformers().T5Config(
        vocab_size=len(_metaspace()), d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4,
        decoder_start_token_id=0, pad_token_id=1, eos_token_id=2, dropout_rate=0.0,
        initializer_factor=1.5,
    )  # fmt: skip
    return write_model(folder, config, wrapped, opens="AutoModelForSeq2SeqLM")


def pair_tokenizer() -> Any:
    """Return a byte-level tokenizer that frames a text or two: [CLS] one [SEP] other [SEP]."""
    tokenizer = Tokenizer.from_str(_byte_level_json())
    specials = ["[CLS]", "[SEP]", "[PAD]"]
    tokenizer.add_special_tokens(specials)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, int(tokenizer.token_to_id(name) or 0)) for name in specials],
    )
    return transformers().PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]"
    )


def write_model(
    folder: Path,
    config: Any,
    tokenizer: Any,
    *,
    seed: int = 0,
    opens: str = "AutoModelForCausalLM",
) -> Path:
    """Write a model of some settings with random weights, and its tokenizer.

    Args:
        folder: that is filled.
        config: its settings.
        tokenizer: the tokenizer.
        seed: of the weights.
        opens: class of transformers that makes it; a causal model by default.
    """
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)  # two layers are slower on several, most of all beside other work
    transformers().utils.logging.disable_progress_bar()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = getattr(transformers(), opens).from_config(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def gpt2_tokenizer() -> Any:
    """Return a byte-level tokenizer of about 2,000 tokens that adds nothing to a text."""
    return transformers().PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(_byte_level_json()), bos_token=END, eos_token=END
    )


def llama_tokenizer() -> Any:
    """Return a tokenizer with byte fallback that puts BOS before every text."""
    return transformers().PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(_metaspace_json()),
        bos_token="<s>", eos_token="</s>", unk_token="<unk>", clean_up_tokenization_spaces=False,
    )  # fmt: skip


def local_texts() -> Sequence[str]:
    """Return the texts that the tokenizers are trained on."""
    # Replies of judges are no instructions, and would only make the vocabulary another one.
    files = sorted(set(_EXAMPLES.glob("*.json*")) - {_EXAMPLES / "reviews.json"})
    return [*_TEXTS, *(file.read_text(encoding="utf-8") for file in files)]


def _byte_level() -> dict[str, int]:
    return dict(json.loads(_byte_level_json())["model"]["vocab"])


@cache
def _byte_level_json() -> str:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2000,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(local_texts(), trainer)
    return str(tokenizer.to_str())


def _metaspace() -> dict[str, int]:
    return dict(json.loads(_metaspace_json())["model"]["vocab"])


@cache
def _metaspace_json() -> str:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Metaspace(prepend_scheme="first"), decoders.ByteFallback(), decoders.Fuse()]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=1700,
        special_tokens=["<unk>", "<s>", "</s>"],
        limit_alphabet=80,  # letters beyond these fall back to their bytes
        show_progress=False,
    )
    tokenizer.train_from_iterator(local_texts(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    made = json.loads(tokenizer.to_str())
    vocabulary = made["model"]["vocab"]
    for byte in range(256):
        vocabulary[f"<0x{byte:02X}>"] = len(vocabulary)
    return json.dumps(made)
