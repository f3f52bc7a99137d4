"""Positions of all kinds against their formulas and against transformers' functions."""

import math

import pytest
import torch

from cartograd.architectures.transformer.alibi import ALiBi
from cartograd.architectures.transformer.positions import Positions, sinusoidal
from cartograd.architectures.transformer.rotary import Rotary
from cartograd.core.errors import UsageError


@pytest.mark.law("positions")
def test_the_papers_formula():
    found = sinusoidal(torch.arange(7), dim=6)
    for t in range(7):
        for i in range(3):
            angle = t / 10_000 ** (2 * i / 6)
            assert found[t, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert found[t, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


@pytest.mark.law("positions")
def test_a_step_is_the_same_rotation_everywhere():
    torch.set_default_dtype(torch.float64)
    waves = sinusoidal(torch.arange(1000), dim=16).unflatten(1, (8, 2))
    angle = 10_000.0 ** (-torch.arange(8) / 8)
    turn = torch.stack(
        [torch.stack([angle.cos(), angle.sin()], -1), torch.stack([-angle.sin(), angle.cos()], -1)],
        1,
    )
    moved = torch.einsum("ipq,tiq->tip", turn, waves[:-1])
    torch.testing.assert_close(moved, waves[1:], rtol=1e-9, atol=1e-11)


@pytest.mark.oracle("positions")
def test_halves_equal_whispers():
    whisper = pytest.importorskip("transformers.models.whisper.modeling_whisper")
    theirs = whisper.sinusoids(50, 12)
    mine = Positions(dim=12, kind="halves")(torch.arange(50))
    torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.law("positions")
def test_a_learned_place_is_its_row():
    layer = Positions(dim=5, context=9, kind="learned")
    places = torch.tensor([[2, 3], [3, 8]])
    answer = layer(places)
    assert torch.equal(answer, layer.weight[places])
    answer.sum().backward()
    assert layer.weight.grad[:, 0].tolist() == [0, 0, 1, 2, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("make", [lambda: Positions(dim=5), lambda: Rotary(head_dim=5)])
def test_odd_sizes(make):
    with pytest.raises(UsageError, match="=5 is odd"):
        make()


SCALED = [
    (None, {"rope_type": "default"}),
    ("linear:factor=2.5", {"rope_type": "linear", "factor": 2.5}),
    (
        "yarn:factor=4,context=64",
        {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64},
    ),
    (
        "yarn:factor=8,context=1024,fast=20,slow=2,sharpness=1.5",
        {
            "rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 1024,
            "beta_fast": 20, "beta_slow": 2, "attention_factor": 1.5,
        },
    ),
    (
        "llama3:factor=8,context=128,low=1,high=4",
        {
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 128,
        },
    ),
    (
        "yarn:factor=32,context=64,truncate=false",
        {
            "rope_type": "yarn", "factor": 32.0, "original_max_position_embeddings": 64,
            "truncate": False,
        },
    ),
    ("dynamic:factor=3,context=512", {"rope_type": "dynamic", "factor": 3.0}),
    (
        f"longrope:factor=8,context=64,short={[1 + i / 64 for i in range(32)]},"
        f"long={[1 + i / 8 for i in range(32)]}",
        {
            "rope_type": "longrope", "factor": 8.0, "original_max_position_embeddings": 64,
            "short_factor": [1 + i / 64 for i in range(32)],
            "long_factor": [1 + i / 8 for i in range(32)],
        },
    ),
]  # fmt: skip


def llama(rope, **options):
    transformers = pytest.importorskip("transformers")
    return transformers.LlamaConfig(
        hidden_size=128, num_attention_heads=2, max_position_embeddings=512,
        rope_parameters={"rope_theta": 5000.0} | rope, **options,
    )  # fmt: skip


@pytest.mark.oracle("rotary")
@pytest.mark.parametrize(("scaling", "rope"), SCALED, ids=lambda item: str(item)[:12])
@pytest.mark.parametrize("step", [3, 37, 90])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_turns_as_transformers_does(scaling, rope, dtype, step):
    """Within the context, between the trained one and it, and beyond."""
    theirs = pytest.importorskip("transformers.models.llama.modeling_llama")
    embedding = theirs.LlamaRotaryEmbedding(llama(rope))
    rotary = Rotary(head_dim=64, base=5000.0, scaling=scaling)
    q, k = torch.randn(2, 2, 3, 11, 64, dtype=dtype)
    places = torch.arange(11) * step + torch.tensor([[0], [5]])
    expected = theirs.apply_rotary_pos_emb(q, k, *embedding(q, places))
    mine = rotary(q, places), rotary(k, places)
    speeds = rotary.at_length(places.max() + 1) if rotary.by_length else rotary.speeds
    assert torch.equal(speeds, embedding.inv_freq)
    assert rotary.sharpness == embedding.attention_scaling
    for one, other in zip(mine, expected, strict=True):
        torch.testing.assert_close(
            one,
            other,
            rtol=1e-10 if dtype == torch.float64 else 1e-5,
            atol=1e-6 if dtype == torch.float32 else 1e-12,
        )


@pytest.mark.oracle("rotary")
def test_a_share_is_turned_as_in_phi():
    theirs = pytest.importorskip("transformers.models.phi3.modeling_phi3")
    rope = {"rope_type": "default", "rope_theta": 5000.0, "partial_rotary_factor": 0.75}
    config = theirs.Phi3Config(hidden_size=128, num_attention_heads=2, rope_parameters=rope)
    q, k = torch.randn(2, 2, 3, 11, 64, dtype=torch.float64)
    places = torch.arange(11)[None] * 37
    cos, sin = theirs.Phi3RotaryEmbedding(config)(q, places)
    rotary = Rotary(head_dim=64, base=5000.0, share=0.75)
    for x, expected in zip((q, k), theirs.apply_rotary_pos_emb(q, k, cos, sin), strict=True):
        torch.testing.assert_close(rotary(x, places), expected, rtol=1e-10, atol=1e-12)
    with pytest.raises(UsageError, match=r"share=0.4 turns 25 of 64 features; expected pairs"):
        Rotary(head_dim=64, share=0.4)


@pytest.mark.oracle("rotary")
@pytest.mark.parametrize("length", [512, 700, 2048])
def test_ntk_is_transformers_dynamic_at_a_length(length):
    utilities = pytest.importorskip("transformers.modeling_rope_utils")
    make = utilities.ROPE_INIT_FUNCTIONS["dynamic"]
    theirs, _ = make(llama({"rope_type": "dynamic", "factor": 2.0}), "cpu", seq_len=length)
    factor = 2.0 * length / 512 - 1.0
    mine = Rotary(head_dim=64, base=5000.0, scaling=f"ntk:factor={factor!r}")
    torch.testing.assert_close(mine.speeds, theirs, rtol=1e-6, atol=0)


@pytest.mark.law("rotary")
@pytest.mark.parametrize("layout", ["halves", "pairs"])
def test_fits_depend_on_distance_alone(layout):
    rotary = Rotary(head_dim=16, layout=layout)
    q, k = torch.randn(2, 1, 1, 16)
    q, k = q.expand(1, 1, 40, 16), k.expand(1, 1, 40, 16)
    places = torch.arange(40)
    fits = rotary(q, places) @ rotary(k, places).mT
    for distance in (0, 1, 13, -7):
        along = fits[0, 0].diagonal(distance)
        torch.testing.assert_close(along, along[:1].expand_as(along), rtol=1e-3, atol=1e-4)
    assert fits[0, 0].diagonal(1)[0] != fits[0, 0].diagonal(3)[0]
    torch.testing.assert_close(rotary(q, places).norm(dim=-1), q.norm(dim=-1))


@pytest.mark.law("rotary")
def test_layouts_differ_by_an_order():
    q, places = torch.randn(2, 3, 5, 8), torch.arange(5) + 3
    order = torch.arange(8).reshape(2, 4).mT.flatten()  # 0 4 1 5 2 6 3 7: halves to pairs
    halves = Rotary(head_dim=8)(q, places)
    pairs = Rotary(head_dim=8, layout="pairs")(q[..., order], places)
    torch.testing.assert_close(pairs, halves[..., order])
    assert not torch.allclose(Rotary(head_dim=8, layout="pairs")(q, places), halves)


@pytest.mark.law("rotary")
def test_half_precision_keeps_the_speeds():
    rotary, places = Rotary(head_dim=8), torch.tensor([70_001])
    q = torch.randn(1, 1, 1, 8)
    expected = rotary(q, places)
    rounded = rotary.bfloat16()(q.bfloat16(), places)
    torch.testing.assert_close(rounded.float(), expected, rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    "scaling",
    ["yarn:factor=2", "linear:factor=2,context=5", "lineal:factor=2", "linear:factor=2,size=4"],
)
def test_scalings_that_do_not_exist(scaling):
    with pytest.raises(UsageError, match=r"expected (yarn|linear) with|did you mean"):
        Rotary(head_dim=8, scaling=scaling)


def test_factors_of_another_size():
    with pytest.raises(UsageError, match=r"longrope has 3 numbers in long; expected .* the 2 pair"):
        Rotary(head_dim=4, scaling="longrope:factor=2,context=8,short=[1,1],long=[1,1,1]")


@pytest.mark.oracle("alibi")
@pytest.mark.parametrize("heads", [1, 2, 8, 12, 20])
def test_slopes_of_bloom(heads):
    bloom = pytest.importorskip("transformers.models.bloom.modeling_bloom")
    theirs = bloom.build_alibi_tensor(torch.ones(1, 6), heads, torch.float32)
    mine = ALiBi(heads=heads).bias(1, 6)
    # BLOOM's grows with the key's place, ours falls with the distance: a constant of each query.
    torch.testing.assert_close(
        mine[0, :, 0] - mine[0, :, 0, :1], theirs[:, 0], rtol=1e-6, atol=1e-7
    )


@pytest.mark.law("alibi")
def test_bias_falls_with_distance():
    layer = ALiBi(heads=4)
    bias = layer.bias(3, 6)
    for i in range(3):
        for j in range(6):
            expected = -layer.slopes * abs(3 + i - j)
            torch.testing.assert_close(bias[0, :, i, j], expected)
    fits = torch.randn(2, 4, 3, 6)
    torch.testing.assert_close(layer(fits), fits + bias)
