"""Attention with norms, caps and sinks against attention without, and against its formula."""

import pytest
import torch

from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.scored_attention import ScoredAttention, visible
from cartograd.core.errors import UsageError


def takes(n):
    return (torch.randn(n, 5, 8),)


def pair(**more):
    """A plain layer, and one with the same weights."""
    torch.manual_seed(0)
    size = {"dim": 12, "heads": 4, "kv_heads": 2, "head_dim": 5, "biases": "qkvo"}
    plain, mine = MultiHeadAttention(**size).double(), ScoredAttention(**size, **more).double()
    for weight in plain.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    lacking = mine.load_state_dict(plain.state_dict(), strict=False)
    assert not lacking.unexpected_keys
    return plain, mine


@pytest.mark.law("scored-attention")
@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("more", [{}, {"attention_cap": 1e9}, {"attention_sinks": True}])
def test_out_of_reach_it_is_attention(more, window):
    """With its gradients; a sink of no weight is one at minus infinity."""
    plain, mine = pair(**more)
    if mine.sinks is not None:
        torch.nn.init.constant_(mine.sinks, -1e4)
    x = torch.randn(2, 7, 12, dtype=torch.float64)
    expected, found = plain(x, causal=True, window=window), mine(x, window=window)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    for layer, y in ((plain, expected), (mine, found)):
        y.square().sum().backward()
        assert layer.key.weight.grad.abs().max() > 0
    torch.testing.assert_close(mine.key.weight.grad, plain.key.weight.grad, rtol=1e-9, atol=1e-10)


@pytest.mark.law("scored-attention")
@pytest.mark.parametrize("window", [None, 2])
def test_nothing_ahead_and_nothing_beyond_is_seen(window):
    _, layer = pair(attention_cap=2.0, attention_sinks=True, qk_norm="all")
    x = torch.randn(1, 6, 12, dtype=torch.float64, requires_grad=True)
    for place in range(6):
        [grad] = torch.autograd.grad(layer(x, window=window)[0, place].sum(), x)
        seen = grad[0].abs().sum(1) > 0
        first = 0 if window is None else max(0, place - window + 1)
        assert seen.tolist() == [first <= other <= place for other in range(6)]
    assert visible(6, 6, window, x.device)[5].sum() == (6 if window is None else 2)


@pytest.mark.law("scored-attention")
def test_caps_bend_and_sinks_take():
    """By the formula, for one query of one head."""
    torch.manual_seed(0)
    layer = ScoredAttention(dim=4, heads=1, attention_cap=1.5, attention_sinks=True).double()
    torch.nn.init.constant_(layer.sinks, 0.7)
    torch.nn.init.eye_(layer.out.weight)
    x = torch.randn(1, 3, 4, dtype=torch.float64)
    q, k, v = (part(x)[0] for part in (layer.query, layer.key, layer.value))
    scores = 1.5 * (q[2] @ k.T / 2 / 1.5).tanh()
    weights = scores.exp() / (scores.exp().sum() + torch.tensor(0.7, dtype=torch.float64).exp())
    torch.testing.assert_close(layer(x)[0, 2], weights @ v, rtol=1e-10, atol=1e-12)


def test_heads_that_cannot_share():
    with pytest.raises(UsageError, match="kv_heads=3 has to divide heads=4"):
        ScoredAttention(dim=8, heads=4, kv_heads=3)
