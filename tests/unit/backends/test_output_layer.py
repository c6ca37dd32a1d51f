"""Sums over the vocabulary taken in blocks, against all logits at once in double precision."""

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
output_layer = pytest.importorskip("assay.backends.output_layer")

_STATES, _WIDTH, _VOCABULARY = 50, 16, 101


def _head(*, bias: bool, seed: int = 0, scale: float = 1.0) -> Any:
    generator = torch.Generator().manual_seed(seed)
    head = torch.nn.Linear(_WIDTH, _VOCABULARY, bias=bias)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
    return head


def _given(seed: int = 1) -> tuple[Any, Any]:
    generator = torch.Generator().manual_seed(seed)
    states = torch.randn((_STATES, _WIDTH), generator=generator)
    labels = torch.randint(0, _VOCABULARY, (_STATES,), generator=generator)
    labels[:4] = torch.tensor([0, 6, 7, _VOCABULARY - 1])  # at the borders of blocks
    return states, labels


def _expected(head: Any, states: Any, labels: Any) -> list[Any]:
    logits = states.double() @ head.weight.detach().double().T
    if head.bias is not None:
        logits = logits + head.bias.detach().double()
    table = np.asarray(torch.log_softmax(logits, -1))
    shares = np.exp(table)
    own = table[np.arange(len(labels)), np.asarray(labels)]
    return [
        own,
        -(shares * table).sum(axis=1),
        shares.max(axis=1),
        1.0 + (table > own[:, None]).sum(axis=1),
        np.diff(np.sort(table, axis=1)[:, -2:])[:, 0],
    ]


@pytest.mark.parametrize("block", [1, 7, 100, 101, 4096])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_blocks_of_any_size_give_what_all_logits_give(
    monkeypatch: pytest.MonkeyPatch, block: int, bias: bool, scale: float
) -> None:
    monkeypatch.setitem(output_layer._VOCABULARY, "cpu", block)
    head = _head(bias=bias, scale=scale)
    states, labels = _given()

    with torch.inference_mode():
        found = output_layer.OutputLayer(head).describe(states, labels, True)
        (alone,) = output_layer.OutputLayer(head).describe(states, labels, False)

    expected = _expected(head, states, labels)
    for mine, theirs in zip(found, expected, strict=True):
        assert np.abs(np.asarray(mine) - theirs).max() < 2e-5 * max(1.0, scale)
    assert np.abs(np.asarray(alone) - expected[0]).max() < 2e-5 * max(1.0, scale)


def test_equal_logits_share_a_rank() -> None:
    head = _head(bias=False)
    with torch.no_grad():
        head.weight.zero_()
    states, labels = _given()

    found = output_layer.OutputLayer(head).describe(states, labels, True)

    log_probs, entropy, top, rank, lead = found
    assert np.asarray(lead).tolist() == [0.0] * _STATES
    assert np.asarray(rank).tolist() == [1.0] * _STATES
    assert np.asarray(entropy) == pytest.approx(np.log(_VOCABULARY), abs=1e-5)
    assert np.asarray(top) == pytest.approx(1 / _VOCABULARY, abs=1e-7)
    assert np.asarray(log_probs) == pytest.approx(-np.log(_VOCABULARY), abs=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_lower_number_format_is_not_spoilt_by_logits_far_from_zero(dtype: str) -> None:
    # All logits of a position lie near 300, as those of real models lie on one side of zero:
    # bfloat16 has steps of 2 there.
    head, (states, labels) = _head(bias=False), _given()
    with torch.no_grad():
        head.weight[:, 0] = 100.0
    states[:, 0] = 3.0
    lower = getattr(torch, dtype)
    rounded = head.to(lower)
    expected = _expected(rounded, states.to(lower), labels)

    found = output_layer.OutputLayer(rounded).describe(states.to(lower), labels, True)

    assert np.abs(np.asarray(found[0]) - expected[0]).max() < 0.1
    assert np.abs(np.asarray(found[1]) - expected[1]).max() < 0.1
