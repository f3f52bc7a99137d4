import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import cartograd as cg
from cartograd.apps.load.weight import learned
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.engine.files.bundle import load, write_bundle
from cartograd.engine.files.rebuild import FLOATS, MOST, WORST, rounding_steps, tolerance
from cartograd.practice.compression import int8_linear as module
from cartograd.practice.compression.int8_linear import Int8Linear, rounded
from cartograd.practice.compression.int8_weights import int8_weights


def layer(into=96, out=40, bias=True, seed=0):
    torch.manual_seed(seed)
    return nn.Linear(into, out, bias=bias)


@pytest.mark.oracle("int8-weights")
@pytest.mark.parametrize("bias", [True, False])
def test_equals_torchs_dynamic_quantisation(bias):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = torch.ao.quantization.per_channel_dynamic_qconfig
        theirs = torch.ao.quantization.quantize_dynamic(
            nn.Sequential(layer(bias=bias)), {"0": config}
        )
    ours = int8_weights(nn.Sequential(layer(bias=bias)))
    x = torch.randn(1, 96)
    # Their weights go to -128, a step of the grid further than ours.
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0.02 * float(theirs(x).abs().max()))
    weight = theirs[0].weight().dequantize()
    step = layer(bias=bias).weight.abs().amax(1) / 127
    assert ((ours[0].floats() - weight).abs() <= step[:, None]).all()


@pytest.mark.law("int8-weights")
def test_a_weight_is_off_by_half_a_step_at_most():
    weight = torch.randn(30, 50) * torch.logspace(-4, 4, 30)[:, None]
    numbers, scale = rounded(weight)
    assert numbers.abs().amax(1).tolist() == [127] * 30
    off = (numbers * scale[:, None] - weight).abs()
    assert (off <= 0.5001 * scale[:, None]).all()
    assert torch.allclose(Int8Linear(weight).floats(), numbers * scale[:, None])


@pytest.mark.law("int8-weights")
def test_weights_on_the_grid_stay():
    grid = torch.randint(-127, 128, (6, 32)).float()
    grid[:, 0] = 127
    assert torch.equal(Int8Linear(grid * 0.25).floats(), grid * 0.25)
    assert not Int8Linear(torch.zeros(2, 16)).floats().any()


@pytest.mark.law("int8-weights")
@pytest.mark.parametrize("n", [1, 2, 16, 300])
def test_all_rows_are_near_the_floats_and_those_of_zeros_are_the_bias(n):
    ours, x = Int8Linear(layer().weight.detach(), layer().bias.detach()), torch.randn(n, 96)
    expected = F.linear(x, ours.floats(), layer().bias)
    assert (ours(x) - expected).norm() < 0.02 * expected.norm()
    torch.testing.assert_close(ours(x[None])[0], ours(x))
    x[0] = 0
    torch.testing.assert_close(ours(x)[0], layer().bias)
    assert ours(x[:0]).shape == (0, 40)


@pytest.mark.law("int8-weights")
def test_no_row_depends_on_another():
    ours = Int8Linear(layer().weight.detach())
    x = torch.randn(40, 96)
    for others in (1e4 * x[1:], 1e-4 * x[1:], x[1:].abs(), -x[1:].abs(), x[1:2]):
        assert torch.equal(ours(x)[0], ours(torch.cat([x[:1], others]))[0])
    alone = torch.cat([ours(row) for row in x.split(1)])
    step = (x.amax(1) - x.amin(1)) / 255  # a number between two steps may go to either
    assert ((ours(x) - alone).abs() <= 2 * step[:, None] * ours.floats().abs().amax()).all()
    assert ((ours(x) - alone).norm() < 1e-3 * alone.norm()).all()


@pytest.mark.parametrize("n", [1, 5])
def test_gradients_of_inputs_are_those_of_the_rounded_weights(n):
    ours, x = Int8Linear(layer().weight.detach()), torch.randn(n, 96, requires_grad=True)
    ours(x).sum().backward()
    torch.testing.assert_close(x.grad, ours.floats().sum(0).expand_as(x))


def test_a_whole_model_is_copied():
    torch.manual_seed(0)
    model = nn.Sequential(layer(), nn.ReLU(), nn.Sequential(layer(40, 8), nn.Softmax(1)))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    small = int8_weights(model)
    x = torch.randn(50, 96)
    assert (small(x) - model(x)).abs().max() < 0.02
    assert not torch.equal(small(x), model(x))
    assert not any(isinstance(part, nn.Linear) for part in small.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_nothing_to_round_is_told():
    with pytest.raises(UsageError, match="no linear layer left"):
        int8_weights(int8_weights(nn.Sequential(layer())))


def test_rounded_weights_count_as_weights():
    signature = Signature((Port("x", "vector", (96,)),), (Port("y", "vector", (40,)),))
    model = cg.sign(nn.Sequential(layer()), signature)
    assert learned(model, cg.compress(model)) == learned(model, model) == 97 * 40


def cut_off(x, packed, reduce_range=False):
    """What processors without VNNI do: pairs of products are added in 16 bits."""
    weight, bias = torch.ops.quantized.linear_unpack(packed)
    most = 127 if reduce_range else 255
    low, high = x.amin().clamp(max=0), x.amax().clamp(min=0)
    step = (high - low) / most
    zero = (-low / step).round()
    numbers = F.pad(((x / step).round() + zero).clamp(0, most), (0, x.shape[1] % 2))
    whole = F.pad(weight.int_repr().float(), (0, x.shape[1] % 2))
    pairs = (numbers[:, None] * whole).unflatten(2, (-1, 2)).sum(3)
    sums = pairs.clamp(-(2**15), 2**15 - 1).double().sum(2) - zero * whole.double().sum(1)
    y = sums * step * weight.q_per_channel_scales()
    return (y if bias is None else y + bias).float()


@pytest.fixture
def kernels(monkeypatch):
    """Other kernels in the place of torch's."""

    def put(one):
        monkeypatch.setattr(torch.ops.quantized, "linear_dynamic", one)
        module.input_bits.cache_clear()

    yield put
    monkeypatch.undo()
    module.input_bits.cache_clear()


@pytest.mark.law("int8-weights")
def test_where_sums_are_cut_off_inputs_have_seven_bits(kernels):
    kernels(cut_off)
    assert not module.exact(8)
    assert module.input_bits() == 7
    assert module.choice().chosen == "integers, 7-bit inputs"
    assert module.choice().fallback == "floats of the rounded weights"
    torch.manual_seed(0)
    weight, x = torch.rand(96, 576) * 2 - 1, torch.rand(3, 576)
    y, exact = Int8Linear(weight)(x), x @ weight.t()
    assert (y - exact).norm() < 0.02 * exact.norm()
    whole = cut_off(x[:1], Int8Linear(weight).packed)  # as it would be with eight bits
    assert (whole - exact[0]).norm() > 0.05 * exact[0].norm()


@pytest.mark.law("int8-weights")
@pytest.mark.parametrize("bits", [8, 7])
def test_products_of_whole_numbers_are_exact(bits):
    """With eight bits by ARM's kernels, which are exact and which torch has for others, too."""
    engine = "qnnpack" if bits == 8 else torch.backends.quantized.engine
    assert engine in torch.backends.quantized.supported_engines
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = engine
    try:
        assert module.exact(bits) or (bits == 7 and engine == "qnnpack")  # which knows no 7 bits
    finally:
        torch.backends.quantized.engine = before


def test_without_torchs_kernels_the_weights_are_the_same(monkeypatch):
    fast = Int8Linear(layer().weight.detach())
    monkeypatch.setattr(module, "input_bits", lambda: 0)
    slow, x = Int8Linear(layer().weight.detach()), torch.randn(17, 96)
    assert slow.packed is None
    torch.testing.assert_close(slow.floats(), fast.floats())
    assert (slow(x) - fast(x)).norm() < 0.02 * slow(x).norm()
    torch.testing.assert_close(slow(x), F.linear(x, slow.floats()))


@pytest.fixture
def small(monkeypatch):
    """A network of three layers in eight bits, with seven-bit inputs; and raw inputs for it."""
    monkeypatch.setattr(module, "input_bits", lambda: 7)
    pixels, label = Port("row", "vector", (32,)), Port("class", "label", (5,))
    signature = Signature((pixels,), (label,))
    torch.manual_seed(0)
    model = build("mlp:widths=(64,64)", kind="model", signature=signature)
    for weight in model.parameters():
        weight.data.mul_(4)
    return cg.compress(model), torch.randn(40, 32)


@pytest.mark.parametrize("written", [7, 0])
def test_bundles_are_read_by_machines_that_round_otherwise(written, small, tmp_path, monkeypatch):
    model, x = small
    here = tmp_path / "here"
    write_bundle(here, model, examples=(x[:8],))
    monkeypatch.setattr(module, "input_bits", lambda: written)
    again = load(here).model
    write_bundle(tmp_path / "few", again, examples=(x[:8],))
    monkeypatch.setattr(module, "input_bits", lambda: 7 - written)
    there = load(tmp_path / "few").model
    assert not torch.equal(there(x[:8]), again(x[:8]))


@pytest.fixture
def writer():
    """A language model in eight bits, whose layers see many rows at once; and tokens for it."""
    text = Port("text", "text", ("t",), "int64", (0, 10))
    token = Port("next", "label", ("t", 11), task="next-token")
    torch.manual_seed(0)
    sizes = {"dim": 8, "depth": 1, "heads": 2, "context": 8}
    model = build("gpt", kind="model", signature=Signature((text,), (token,)), **sizes)
    for weight in model.parameters():
        weight.data.mul_(4)
    return cg.compress(model), torch.randint(11, (8, 6))


@pytest.mark.parametrize(("kind", "factor"), [("small", 1.1), ("writer", 1.1)])
def test_bundles_whose_answers_changed_are_refused(kind, factor, request, tmp_path, monkeypatch):
    """As far as rounding does not explain it."""
    model, x = request.getfixturevalue(kind)
    write_bundle(tmp_path / "bundle", model, examples=(x,))
    assert load(tmp_path / "bundle")
    forward = Int8Linear.forward
    monkeypatch.setattr(Int8Linear, "forward", lambda layer, x: factor * forward(layer, x))
    with pytest.raises(UsageError, match="does not give its recorded answers"):
        load(tmp_path / "bundle")


def test_machines_may_differ_as_far_as_they_round(small, writer):
    for (model, x), layers in ((small, 3), (writer, 6)):
        with rounding_steps(model) as steps:
            model(x[:16])
        assert steps == [1 / 127] * layers
        step = WORST * sum(step**2 for step in steps) ** 0.5
        assert tolerance(steps) == pytest.approx(FLOATS + step)
    assert tolerance([1 / 127] * 100) == FLOATS + MOST


def missing(*_):
    raise NotImplementedError("no such operator")


@pytest.mark.parametrize("broken", [lambda x, *_: torch.zeros(len(x), 1536), missing])
def test_kernels_that_are_wrong_are_not_taken(kernels, broken):
    kernels(broken)
    assert module.input_bits() == 0
    assert module.choice().chosen == module.choice().fallback == "floats of the rounded weights"
    assert Int8Linear(layer().weight.detach()).packed is None


def test_the_best_that_is_exact_is_taken(monkeypatch):
    for right, expected in (((8, 7), 8), ((7,), 7), ((), 0)):
        monkeypatch.setattr(module, "exact", lambda bits, right=right: bits in right)
        assert module.input_bits.__wrapped__() == expected
