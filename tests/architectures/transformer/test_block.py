"""Blocks and feed-forward parts against torch's layers and transformers' parts."""

from functools import partial

import pytest
import torch
from torch import nn

from cartograd.architectures.transformer import feed_forward
from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.feed_forward import ACTIVATIONS, LARGE, FeedForward
from cartograd.core.errors import UsageError
from tests.architectures.transformer.support import agree, copy_attention, copy_norm, doubles

DIM, HEADS, INNER = 12, 3, 20


def block(order, activation="relu", *, cross=False):
    torch.manual_seed(0)
    made = Block(
        attention=MultiHeadAttention(dim=DIM, heads=HEADS),
        feed_forward=FeedForward(dim=DIM, ffn_dim=INNER, activation=activation),
        cross=MultiHeadAttention(dim=DIM, heads=HEADS) if cross else None,
        order=order,
    ).double()
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.3)
    return made


def torchs(kind, mine, order, activation):
    theirs = kind(
        DIM, HEADS, INNER, dropout=0.0, activation=activation, batch_first=True,
        norm_first=order == "pre", dtype=torch.float64,
    )  # fmt: skip
    copy_attention(mine.attention, theirs.self_attn)
    norms = [mine.attention_norm, mine.feed_forward_norm]
    if mine.cross is not None:
        copy_attention(mine.cross, theirs.multihead_attn)
        norms.insert(1, mine.cross_norm)
    for number, norm in enumerate(norms, start=1):
        copy_norm(norm, theirs.get_submodule(f"norm{number}"))
    theirs.linear1.load_state_dict(mine.feed_forward.up.state_dict())
    theirs.linear2.load_state_dict(mine.feed_forward.down.state_dict())
    return theirs


@pytest.mark.oracle("transformer-block", "feed-forward")
@pytest.mark.parametrize("order", ["pre", "post"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_equals_torchs_encoder_layer(order, activation):
    mine = block(order, activation)
    theirs = torchs(nn.TransformerEncoderLayer, mine, order, activation)
    x = doubles(2, 5, DIM)
    real = torch.ones(2, 5, dtype=torch.bool)
    real[1, 3:] = False
    one = mine(x, mask=real[:, None, None])
    agree(one, theirs(x, src_key_padding_mask=~real), (x,), mine, theirs)


@pytest.mark.oracle("transformer-block")
@pytest.mark.parametrize("order", ["pre", "post"])
def test_equals_torchs_decoder_layer(order):
    mine = block(order, cross=True)
    theirs = torchs(nn.TransformerDecoderLayer, mine, order, "relu")
    x, memory = doubles(2, 5, DIM), doubles(2, 7, DIM, seed=1)
    real = torch.ones(2, 7, dtype=torch.bool)
    real[0, 4:] = False
    later = nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64)
    one = mine(x, memory=memory, memory_mask=real[:, None, None], causal=True)
    other = theirs(x, memory, tgt_mask=later, memory_key_padding_mask=~real)
    agree(one, other, (x, memory), mine, theirs)


@pytest.mark.law("transformer-block")
@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_parts_that_answer_zero(norm):
    for order in ("pre", "post"):
        made = Block(
            attention=MultiHeadAttention(dim=DIM, heads=HEADS),
            feed_forward=FeedForward(dim=DIM, ffn_dim=INNER),
            order=order, norm=norm,
        )  # fmt: skip
        nn.init.zeros_(made.attention.out.weight)
        nn.init.zeros_(made.feed_forward.down.weight)
        x = 1 + 3 * torch.randn(2, 4, DIM)
        if order == "pre":
            assert torch.equal(made(x), x)
            continue
        centre = x.mean(-1, keepdim=True) if norm == "layer" else 0
        size = (x - centre).square().mean(-1, keepdim=True).sqrt()
        torch.testing.assert_close(made(x), (x - centre) / size, rtol=1e-4, atol=1e-4)


def test_what_is_dropped():
    made = Block(
        attention=MultiHeadAttention(dim=DIM, heads=HEADS),
        feed_forward=FeedForward(dim=DIM, ffn_dim=INNER, dropout=0.5),
        dropout=0.5,
    )
    x = torch.randn(2, 4, DIM)
    assert not torch.equal(made(x), made(x))
    made.eval()
    assert torch.equal(made(x), made(x))


@pytest.mark.oracle("feed-forward")
@pytest.mark.parametrize("name", ["swiglu", "geglu"])
def test_gates_equal_transformers(name):
    transformers = pytest.importorskip("transformers")
    mine = FeedForward(dim=DIM, ffn_dim=INNER, activation=name, bias=False).double()
    if name == "swiglu":
        from transformers.models.llama.modeling_llama import LlamaMLP

        theirs = LlamaMLP(
            transformers.LlamaConfig(
                hidden_size=DIM, intermediate_size=INNER, num_attention_heads=2
            )
        )
        places = theirs.gate_proj, theirs.up_proj, theirs.down_proj
    else:
        from transformers.models.t5.modeling_t5 import T5DenseGatedActDense

        config = transformers.T5Config(
            d_model=DIM, d_ff=INNER, feed_forward_proj="gated-gelu", dropout_rate=0.0
        )
        theirs = T5DenseGatedActDense(config)
        places = theirs.wi_0, theirs.wi_1, theirs.wo
    theirs = theirs.double()
    for own, other in zip((mine.gate, mine.up, mine.down), places, strict=True):
        other.load_state_dict(own.state_dict())
    x = doubles(2, 5, DIM)
    agree(mine(x), theirs(x), (x,), mine, theirs)


@pytest.mark.untyped  # torch calls the function with tensors of its own
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gelu_and_its_gradients_are_torchs_where_it_is_learned(dtype):
    """And gradients of gradients; far from zero slopes are 1 and 0, where torch has no number."""
    ours, theirs = ACTIVATIONS["gelu-tanh"][0], partial(nn.functional.gelu, approximate="tanh")
    off = 1e-5 if dtype == torch.float32 else 2e-2
    x = torch.randn(LARGE, generator=torch.Generator().manual_seed(0)).to(dtype).requires_grad_()
    assert "_GeluTanh" in type(ours(3 * x).grad_fn).__name__
    found = []
    for activation in (theirs, ours):
        y = activation(3 * x)
        (once,) = torch.autograd.grad(y.sum(), x, retain_graph=True)
        (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        found.append([y, once, slope, *torch.autograd.grad(slope.square().sum(), x)])
    torch.testing.assert_close(found[1], found[0], rtol=off, atol=off)
    far = torch.tensor([1e30, -1e30, 1e14, -1e14]).repeat(LARGE // 4).to(dtype).requires_grad_()
    (slope,) = torch.autograd.grad(ours(far).sum(), far)
    assert slope[:4].tolist() == [1, 0, 1, 0]


@pytest.mark.law("feed-forward")
@pytest.mark.parametrize("name", ["gelu-tanh", "geglu"])
def test_a_bend_that_infers_is_the_one_that_learns(name, monkeypatch):
    layer = FeedForward(dim=8, ffn_dim=16, activation=name)
    monkeypatch.setattr(feed_forward, "LARGE", 2)
    x = torch.linspace(-9, 9, 160).view(2, 10, 8)
    with torch.inference_mode():
        far = torch.tensor([-1e20, -30.0, -0.0, 0.0, 30.0, 1e20, torch.inf, torch.nan])
        found = [layer.activation(each) for each in (x, far)]
        inferred, double = layer(x), layer.double()(x.double())
    right = [nn.functional.gelu(each, approximate="tanh") for each in (x, far)]
    torch.testing.assert_close(found, right, rtol=1e-6, atol=1e-6, equal_nan=True)
    torch.testing.assert_close(inferred, layer.float()(x).detach(), rtol=1e-5, atol=1e-5)
    assert torch.equal(double, layer.double()(x.double()).detach())


def test_each_position_alone():
    layer, x = FeedForward(dim=DIM, ffn_dim=INNER, activation="reglu"), torch.randn(2, 5, DIM)
    alone = torch.stack([layer(x[:, t]) for t in range(5)], 1)
    torch.testing.assert_close(alone, layer(x))


def test_an_unknown_bend():
    with pytest.raises(UsageError, match="did you mean"):
        FeedForward(dim=4, ffn_dim=8, activation="swiglo")
