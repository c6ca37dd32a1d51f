"""The tokenizer that a GGUF file describes, with the ids that llama.cpp gives."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.backends.gguf.header import AGAIN, Header
from assay.backends.gguf.pre_tokenizers import PRE_TOKENIZERS, PreTokenizer
from assay.errors import ModelLoadError

BYTE_LEVEL, SENTENCE_PIECE = "gpt2", "llama"
BLANK = "\u2581"
_MODEL, _PRE = "tokenizer.ggml.model", "tokenizer.ggml.pre"
_TEMPLATE = "tokenizer.chat_template"
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED = 1, 2, 3, 4
_ROLES = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
_USUAL = {SENTENCE_PIECE: {"unknown": 0, "bos": 1, "eos": 2}, BYTE_LEVEL: {}}
_NUMBER = (int, float)
_Kind = type | tuple[type, ...]
_KINDS: Mapping[str, _Kind] = {
    "tokens": str,
    "token_type": _NUMBER,
    "merges": str,
    "scores": _NUMBER,
}
"""What the lists of a tokenizer hold; all values of a list in a GGUF file are of one kind."""
_KEEPS_BLANKS = ("<unk>", "<s>", "<|endoftext|>")
_OF_LATER = "take a newer version of Assay, or a folder with safetensors of the same model"


def check_tokenizer(header: Header) -> None:
    """Check that a file's tokenizer can be made, without making it.

    Raises:
        ModelLoadError: names what is not known, or what is missing.
    """
    fields, path = header.fields, header.path
    model = fields.get(_MODEL)
    if model is None:
        raise ModelLoadError(f"{path} holds no tokenizer", hint=_OF_LATER)
    if model not in (BYTE_LEVEL, SENTENCE_PIECE):
        raise ModelLoadError(
            f"{path} has a tokenizer of the kind {model!r}; {BYTE_LEVEL} and {SENTENCE_PIECE} "
            "are known",
            hint=_OF_LATER,
        )
    if model == BYTE_LEVEL:
        _pre_tokenizer(header)
    needed = ["tokens", "token_type", "merges" if model == BYTE_LEVEL else "scores"]
    lacking = [name for name in needed if not isinstance(_field(fields, name), list)]
    if lacking:
        raise ModelLoadError(
            f"{path} has a tokenizer without {' and '.join(lacking)}", hint="convert it anew"
        )
    count = len(_field(fields, "tokens"))
    if any(len(_field(fields, name)) != count for name in needed if name != "merges"):
        raise ModelLoadError(f"{path} has a tokenizer of parts that do not match")
    _check_kinds(header, needed)


def _check_kinds(header: Header, needed: Sequence[str]) -> None:
    """Check that what a tokenizer is made of holds texts and numbers where they are to be."""
    prefix = "tokenizer.ggml."
    expected: dict[str, _Kind] = {
        **{f"{prefix}{name}_token_id": int for name in _ROLES.values()},
        _TEMPLATE: str,
    }
    held = {name: value for name in expected if (value := header.fields.get(name)) is not None}
    for name in needed:
        expected[f"{prefix}{name}"] = _KINDS[name]
        held |= {f"{prefix}{name}": value for value in _field(header.fields, name)[:1]}
    for name, value in held.items():
        if not isinstance(value, expected[name]):
            raise ModelLoadError(
                f"{header.path} is damaged: {name} is of the wrong kind", hint=AGAIN
            )


def _pre_tokenizer(header: Header) -> PreTokenizer:
    name = str(header.fields.get(_PRE) or "default")
    if name not in PRE_TOKENIZERS:
        raise ModelLoadError(
            f"{header.path} cuts texts by the pre-tokenizer {name!r}, which is not known",
            hint=_OF_LATER,
        )
    return PRE_TOKENIZERS[name]


def _field(fields: Mapping[str, Any], name: str) -> Any:
    return fields.get(f"tokenizer.ggml.{name}")


def write_tokenizer(header: Header, folder: Path) -> None:
    """Write the tokenizer of a file as transformers reads it.

    Args:
        header: of the file, checked by `check_tokenizer`.
        folder: that is filled.

    Raises:
        ModelLoadError: if its parts do not fit together.
    """
    import transformers  # noqa: PLC0415  heavy

    special = special_tokens(header)
    template = header.fields.get(_TEMPLATE)
    window = header.fields.get(f"{header.architecture}.context_length")
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=build_tokenizer(header),
        clean_up_tokenization_spaces=False,
        **{f"{role}_token": token for role, token in special.items()},
        **({"model_max_length": window} if window else {}),
        **({"chat_template": template} if template else {}),
    )
    made.save_pretrained(folder)


def special_tokens(header: Header) -> dict[str, str]:
    """Return the texts of the tokens that begin and end a text and so on, by their roles."""
    tokens = _field(header.fields, "tokens")
    usual: Mapping[str, int] = _USUAL[header.fields[_MODEL]]
    found = {}
    for role, name in _ROLES.items():
        number = header.fields.get(f"tokenizer.ggml.{name}_token_id", usual.get(name))
        if number is not None and 0 <= number < len(tokens):
            found[role] = tokens[number]
    return found


def build_tokenizer(header: Header) -> Any:
    """Return the tokenizer of a file, as the library tokenizers runs it.

    Raises:
        ModelLoadError: if its parts do not fit together.
    """
    import tokenizers  # noqa: PLC0415  costs start-up time

    tokens: Sequence[str] = _field(header.fields, "tokens")
    vocabulary = {token: number for number, token in enumerate(tokens)}
    if len(vocabulary) != len(tokens):
        raise ModelLoadError(f"{header.path} has a tokenizer with the same token twice")
    byte_level = header.fields[_MODEL] == BYTE_LEVEL
    try:
        made = (_byte_level if byte_level else _sentence_piece)(header, vocabulary)
    except Exception as error:  # the library raises nothing more special
        if type(error) is not Exception:
            raise
        raise ModelLoadError(f"the tokenizer of {header.path} cannot be made: {error}") from error
    added = _added(header)
    made.add_special_tokens([token for token in added if token.special])
    made.add_tokens([token for token in added if not token.special])
    around = _around(header)
    if around:
        number = {role: vocabulary[token] for role, token in around.items()}
        made.post_processor = tokenizers.processors.TemplateProcessing(
            single=[
                *(["bos"] if "bos" in around else []),
                "$A",
                *(["eos"] if "eos" in around else []),
            ],
            special_tokens=[
                {"id": role, "ids": [number[role]], "tokens": [token]}
                for role, token in around.items()
            ],
        )
    return made


def _byte_level(header: Header, vocabulary: Mapping[str, int]) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415

    pre = _pre_tokenizer(header)
    merges = [_halves(pair) for pair in _field(header.fields, "merges")]
    made = Tokenizer(models.BPE(dict(vocabulary), merges, ignore_merges=pre.whole_words))
    cuts = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in pre.patterns]
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.pre_tokenizer = pre_tokenizers.Sequence([*cuts, letters])
    made.decoder = decoders.ByteLevel()
    return made


def _halves(pair: str) -> tuple[str, str]:
    left, _, right = pair[1:].partition(" ")  # a blank at the beginning belongs to the left one
    return pair[:1] + left, right


def _sentence_piece(header: Header, vocabulary: Mapping[str, int]) -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers  # noqa: PLC0415

    unknown = special_tokens(header).get("unk")
    made = Tokenizer(
        models.BPE(
            dict(vocabulary),
            _merges_by_score(header, vocabulary),
            unk_token=unknown,
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    prefix = header.fields.get("tokenizer.ggml.add_space_prefix", True)
    marks = [normalizers.Replace(" ", BLANK)]
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend(BLANK), *marks] if prefix else marks
    )
    steps = [decoders.Replace(BLANK, " "), decoders.ByteFallback(), decoders.Fuse()]
    made.decoder = decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if prefix else []))
    return made


def _merges_by_score(header: Header, vocabulary: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return all pairs that make up a piece, those of the best piece first.

    Control tokens are no pieces: a text in which one is spelled out does not become one.
    """
    scores, types = _field(header.fields, "scores"), _field(header.fields, "token_type")
    pieces = {
        token: number
        for token, number in vocabulary.items()
        if types[number] in (_NORMAL, _USER_DEFINED)
    }
    found = []
    for piece, number in pieces.items():
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in pieces and right in pieces:
                found.append((-scores[number], number, pieces[left], left, right))
    return [(left, right) for *_, left, right in sorted(found)]


def _added(header: Header) -> list[Any]:
    """Return the tokens that are found in a text before anything else is done to it."""
    from tokenizers import AddedToken  # noqa: PLC0415  costs start-up time

    types = _field(header.fields, "token_type")
    name = str(header.fields.get("general.name", "")).lower()
    swallow = "phi-3" in name or "phi3" in name  # the blanks behind them; no field tells it
    return [
        AddedToken(
            token,
            special=kind != _USER_DEFINED,
            normalized=False,
            rstrip=swallow and token not in _KEEPS_BLANKS,
        )
        for token, kind in zip(_field(header.fields, "tokens"), types, strict=True)
        if kind in (_UNKNOWN, _CONTROL, _USER_DEFINED)
    ]


def _around(header: Header) -> dict[str, str]:
    """Return the tokens that stand before and behind a text by default, by their roles."""
    usual = header.fields[_MODEL] == SENTENCE_PIECE or _pre_tokenizer(header).add_bos
    wanted = {
        "bos": header.fields.get("tokenizer.ggml.add_bos_token", usual),
        "eos": header.fields.get("tokenizer.ggml.add_eos_token", False),
    }
    special = special_tokens(header)
    return {
        role: special[role] for role, is_added in wanted.items() if is_added and role in special
    }
