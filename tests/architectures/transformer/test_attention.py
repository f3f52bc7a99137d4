"""Attention against torch's, against the formula written out, and its edges."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from cartograd.architectures.transformer import attention
from cartograd.architectures.transformer.attention import MultiHeadAttention, attend
from cartograd.architectures.transformer.eager_attention import eager_attention
from cartograd.core.errors import UsageError
from cartograd.training.regularization.dropout import thinned


def made(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def naive(q, k, v, *, causal=False, mask=None, bias=None, scale=None, window=None):
    """The formula, position by position."""
    t, s, groups = q.shape[2], k.shape[2], q.shape[1] // k.shape[1]
    rows = []
    for head in range(q.shape[1]):
        fits = q[:, head] @ k[:, head // groups].mT * (scale or q.shape[3] ** -0.5)
        if bias is not None:
            fits = fits + bias[:, head % bias.shape[1]]
        seen = torch.ones(len(q), t, s, dtype=torch.bool)
        for i, j in itertools.product(range(t), range(s)):
            here = i + s - t
            if (causal and j > here) or (window is not None and abs(here - j) >= window):
                seen[:, i, j] = False
        if mask is not None:
            seen = seen & mask[:, head % mask.shape[1]]
        fits = fits.masked_fill(~seen, -1e30)
        e = (fits - fits.max(-1, keepdim=True).values).exp() * seen
        rows.append(e / e.sum(-1, keepdim=True).clamp(min=1e-300) @ v[:, head // groups])
    return torch.stack(rows, 1)


def agree(one, other, leaves):
    """Same values, and same gradients of a sum with random weights."""
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-11)
    weight = torch.randn(one.shape, dtype=one.dtype, generator=torch.Generator().manual_seed(9))
    gradients = [
        torch.autograd.grad((y * weight).sum(), leaves, retain_graph=True) for y in (one, other)
    ]
    for mine, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-11)


@pytest.mark.oracle("multi-head-attention")
@pytest.mark.parametrize("causal", [False, True])
def test_equals_torchs_function(causal):
    q, k, v = (made(2, 4, 6, 8, seed=i) for i in range(3))
    theirs = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    agree(attend(q, k, v, causal=causal), theirs, (q, k, v))
    mask = torch.rand(2, 1, 6, 6) > 0.3
    agree(
        attend(q, k, v, mask=mask, scale=0.3),
        F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=0.3),
        (q, k, v),
    )


@pytest.mark.law("multi-head-attention")
@pytest.mark.parametrize("t", [1, 3, 6])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"causal": True},
        {"window": 2},
        {"scale": 0.3, "bias": torch.randn(1, 4, 1, 6, dtype=torch.float64)},
        {"mask": torch.tensor([[1, 1, 0, 1, 1, 0], [0, 0, 0, 0, 0, 0]]).bool()[:, None, None]},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
def test_spelled_out_it_is_the_same(monkeypatch, t, groups, options):
    q, k, v = made(2, 4, t, 8), made(2, groups, 6, 8, seed=1), made(2, groups, 6, 5, seed=2)
    kernel = attend(q, k, v, **options)
    monkeypatch.setattr(attention, "learns_faster", lambda q, s, dropout: True)
    agree(attend(q, k, v, **options), kernel, (q, k, v))


@pytest.mark.law("multi-head-attention")
@pytest.mark.untyped  # torch calls the function with tensors of its own
def test_spelled_out_its_gradients_have_gradients():
    """Those written out, against differences; a masked query and a learned bias are among them."""
    q, k, v = made(1, 2, 2, 3), made(1, 1, 3, 3, seed=1), made(1, 1, 3, 2, seed=2)
    bias = made(1, 2, 1, 3, seed=3)
    seen = torch.tensor([[[[True, False, True], [False, False, False]]]])

    def formula(q, k, v, bias):
        return eager_attention(q, k, v, seen=seen, bias=bias)

    assert "_Attended" in type(formula(q, k, v, bias).grad_fn).__name__
    assert torch.autograd.gradcheck(formula, (q, k, v, bias))
    assert torch.autograd.gradgradcheck(formula, (q, k, v, bias))


@pytest.mark.law("multi-head-attention")
@pytest.mark.untyped
def test_spelled_out_it_goes_through_transforms():
    """`torch.func` gets the formula itself; with dropout gradients are those of what is kept."""
    q, k, v = (torch.randn(3, 2, 40, 8, requires_grad=True) for _ in range(3))
    each = torch.func.vmap(lambda *one: eager_attention(*(x[None] for x in one))[0])(q, k, v)
    torch.testing.assert_close(each, eager_attention(q, k, v))
    torch.manual_seed(0)
    y = eager_attention(q, k, v, dropout=0.4)
    found = torch.autograd.grad(y.square().sum(), (q, k, v))
    weights = ((q * 8**-0.5) @ k.mT).softmax(3)
    torch.manual_seed(0)
    expected = torch.autograd.grad((thinned(weights, 0.4) @ v).square().sum(), (q, k, v))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.law("multi-head-attention")
@pytest.mark.parametrize("learning", [True, False])
def test_dropout_of_weights_keeps_the_expectation(learning):
    """By the formula, as it learns, and by the kernel, which answers without gradients."""
    parts = made(1, 4, 6, 8), made(1, 4, 6, 8, seed=1), made(1, 4, 6, 5, seed=2)
    q, k, v = (part.detach().float().expand(500, -1, -1, -1) for part in parts)
    q.requires_grad_(learning)
    with torch.set_grad_enabled(learning):
        found = attend(q, k, v, dropout=0.3)
    expected = attend(q, k, v)[0]
    error = found.std(0) / 500**0.5
    assert ((found.mean(0) - expected).abs() < 5 * error).all()
    assert (error > 0).all()


@pytest.mark.law("multi-head-attention")
def test_half_precision_learns_by_the_formula(monkeypatch):
    asked = []
    formula = attention.eager_attention
    monkeypatch.setattr(
        attention, "eager_attention", lambda *a, **k: (asked.append(1), formula(*a, **k))[1]
    )
    x, layer = torch.randn(2, 9, 16), MultiHeadAttention(dim=16, heads=4)
    plain = layer(x, causal=True)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        layer(x, causal=True)
    assert not asked, "exact numbers and answers go to the kernel"
    with torch.autocast("cpu", torch.bfloat16):
        half = layer(x, causal=True)
    assert asked
    torch.testing.assert_close(half.float(), plain, rtol=0.05, atol=0.02)


@pytest.mark.law("multi-head-attention")
@pytest.mark.parametrize("t", [1, 3, 6])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_equals_the_formula(t, causal, groups):
    q, k, v = made(2, 4, t, 8), made(2, groups, 6, 8, seed=1), made(2, groups, 6, 5, seed=2)
    mask = torch.rand(2, 1, 1, 6) > 0.3
    for options in (
        {},
        {"mask": mask, "scale": 0.7},
        {"mask": (torch.rand(2, 4, t, 6) > 0.5)},
        {"window": 1},
        {"window": 3, "mask": mask},
        {"window": 9},
        {"bias": made(1, 4, t, 6, seed=3)},
        {"bias": made(2, 1, t, 6, seed=3), "window": 2, "mask": mask},
    ):
        leaves = (q, k, v, *(x for x in options.values() if torch.is_tensor(x) and x.requires_grad))
        agree(
            attend(q, k, v, causal=causal, **options),
            naive(q, k, v, causal=causal, **options),
            leaves,
        )


@pytest.mark.law("multi-head-attention")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("t", [1, 4])
def test_nobody_to_look_at(dtype, t):
    """As for the padding before a shorter row; torch gave NaN here for years."""
    q, k, v = (torch.randn(2, 2, n, 8, dtype=dtype, requires_grad=True) for n in (t, 4, 4))
    mask = torch.ones(2, 1, 1, 4, dtype=torch.bool)
    mask[0] = False
    for bias in (None, torch.zeros(1, 1, 1, 4, dtype=dtype)):
        y = attend(q, k, v, mask=mask, bias=bias)
        assert not y[0].any()
        assert y.isfinite().all()
        gradients = torch.autograd.grad(y.float().sum(), (q, k, v))
        assert all(g.isfinite().all() and not g[0].any() for g in gradients)


@pytest.mark.law("multi-head-attention")
def test_padding_on_either_side_changes_nothing():
    torch.manual_seed(0)
    layer = MultiHeadAttention(dim=8, heads=2).double().eval()
    x, junk = made(1, 3, 8), made(1, 2, 8, seed=1)
    alone = layer(x, causal=True)
    real = torch.tensor([[False, False, True, True, True]])[:, None, None]
    left = layer(torch.cat([junk, x], 1), causal=True, mask=real)
    right = layer(torch.cat([x, junk], 1), causal=True, mask=real.flip(-1))
    torch.testing.assert_close(left[:, 2:], alone)
    torch.testing.assert_close(right[:, :3], alone)
    assert left.isfinite().all()


def torchs(layer, dim, heads):
    """torch's module with our weights."""
    other = torch.nn.MultiheadAttention(dim, heads, batch_first=True, dtype=torch.float64)
    own = (layer.query, layer.key, layer.value)
    with torch.no_grad():
        other.in_proj_weight.copy_(torch.cat([part.weight for part in own]))
        other.in_proj_bias.copy_(torch.cat([part.bias for part in own]))
        other.out_proj.load_state_dict(layer.out.state_dict())
    return other


@pytest.mark.oracle("multi-head-attention")
@pytest.mark.parametrize("cross", [False, True])
def test_equals_torchs_module(cross):
    torch.manual_seed(0)
    layer = MultiHeadAttention(dim=12, heads=3).double()
    for part in (layer.query, layer.key, layer.value, layer.out):
        torch.nn.init.normal_(part.bias)
    other = torchs(layer, 12, 3)
    x, memory = made(2, 5, 12), made(2, 7, 12, seed=1)
    source = memory if cross else x
    real = torch.ones(2, source.shape[1], dtype=torch.bool)
    real[1, 3:] = False
    mine = layer(x, memory=memory if cross else None, mask=real[:, None, None])
    theirs, weights = other(x, source, source, key_padding_mask=~real, average_attn_weights=False)
    agree(mine, theirs, (x, source) if cross else (x,))
    read = layer.weights(x, memory=memory if cross else None, mask=real[:, None, None])
    torch.testing.assert_close(read, weights, rtol=1e-10, atol=1e-12)
    slopes = torch.autograd.grad(mine.square().sum(), list(layer.parameters()))
    torchs_slopes = torch.autograd.grad(theirs.square().sum(), list(other.parameters()))
    own = {name: g for (name, _), g in zip(layer.named_parameters(), slopes, strict=True)}
    names = ("query", "key", "value")
    joined = (
        torch.cat([own[f"{name}.weight"] for name in names]),
        torch.cat([own[f"{name}.bias"] for name in names]),
        own["out.weight"],
        own["out.bias"],
    )
    for one, two in zip(joined, torchs_slopes, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-10)


class Remembering:
    """A cache as simple as can be."""

    def __init__(self):
        self.k = self.v = None

    def append(self, k, v, /):
        self.k = k if self.k is None else torch.cat([self.k, k], 2)
        self.v = v if self.v is None else torch.cat([self.v, v], 2)
        return self.k, self.v


@pytest.mark.law("multi-head-attention")
@pytest.mark.parametrize("window", [None, 3])
def test_in_pieces_through_a_cache(window):
    torch.manual_seed(0)
    layer = MultiHeadAttention(dim=16, heads=4, kv_heads=2, head_dim=6, biases="qv").double()
    x = made(2, 7, 16)
    whole, cache = layer(x, causal=True, window=window), Remembering()
    pieces = [
        layer(part, causal=True, window=window, cache=cache) for part in x.split([3, 1, 2, 1], 1)
    ]
    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-10, atol=1e-12)


@pytest.mark.law("multi-head-attention")
def test_remembered_keys_serve_again():
    layer = MultiHeadAttention(dim=8, heads=2).double()
    x, memory = made(2, 3, 8), made(2, 5, 8, seed=1)
    pair = layer.remembered(memory)
    torch.testing.assert_close(layer(x, memory=pair), layer(x, memory=memory))


@pytest.mark.law("multi-head-attention")
def test_weights_are_dropped_in_training_only():
    layer = MultiHeadAttention(dim=8, heads=2, dropout=0.5)
    x = made(2, 5, 8).float()
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dim": 10, "heads": 3}, "3 heads cannot share 10 features"),
        ({"dim": 12, "heads": 4, "kv_heads": 3}, "kv_heads=3 is no divisor of heads=4"),
    ],
)
def test_heads_that_do_not_fit(options, said):
    with pytest.raises(UsageError, match=said):
        MultiHeadAttention(**options)


def test_queries_that_do_not_fit():
    with pytest.raises(UsageError, match="3 heads of keys cannot serve 4"):
        attend(torch.zeros(1, 4, 2, 8), *[torch.zeros(1, 3, 2, 8)] * 2)
