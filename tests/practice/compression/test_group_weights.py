"""Weights in groups of few bits: rounding to nearest, HQQ, GPTQ and AWQ, and their layer."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cartograd.apps.cli import main
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed, sign
from cartograd.engine.files.bundle import load, write_bundle
from cartograd.engine.files.onnx_session import session
from cartograd.practice.compression import group_linear as module
from cartograd.practice.compression.awq import awq, stretch
from cartograd.practice.compression.gptq import compensated, gptq
from cartograd.practice.compression.grid import in_groups
from cartograd.practice.compression.group_linear import GroupLinear, fitted, size_of
from cartograd.practice.compression.group_weights import group_weights
from cartograd.practice.compression.hqq import BETA, POWER, far, half_quadratic, hqq, shrunk
from cartograd.practice.compression.moments import moments
from cartograd.practice.deployment.onnx import onnx
from tests.conformance.test_protocols import few

METHODS = ("group-weights", "hqq", "gptq", "awq")


def layer(into=128, out=48, bias=True, seed=0):
    torch.manual_seed(seed)
    return nn.Linear(into, out, bias=bias)


def nearest(weight, size, bits=4):
    groups = in_groups(weight, size)
    return fitted(groups, bits).nearest(groups).flatten(1)


def inputs(n=400, d=64, *, loud=1.0, seed=0):
    """Rows whose numbers go together, the first few of them loud."""
    draw = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=draw) / d**0.5 + torch.eye(d)
    x = torch.randn(n, d, generator=draw) @ mix
    x[:, :3] *= loud
    return x


@pytest.mark.law("group-weights")
@pytest.mark.parametrize("bits", [4, 8])
def test_a_weight_is_off_by_half_a_step_at_most_and_stays_on_the_grid(bits):
    weight = torch.randn(30, 96) * torch.logspace(-4, 4, 30)[:, None]
    linear = layer(96, 30)
    linear.weight.data = weight
    small = group_weights(linear, bits=bits, group=32)
    groups = in_groups(weight, 32)
    step = (groups.amax(2) - groups.amin(2)) / (2**bits - 1)
    off = (in_groups(small.floats(), 32) - groups).abs().amax(2)
    # Scales and offsets are in bfloat16: eight bits of half the range.
    assert (off <= (0.5 + 2**bits * 2.0**-8) * step).all()
    whole = torch.randint(0, 2**bits, (6, 64)).float()
    whole[:, ::32], whole[:, 1::32] = 0, 2**bits - 1
    linear = layer(64, 6)
    linear.weight.data = 0.25 * (whole - 2 ** (bits - 1))
    assert torch.equal(group_weights(linear, bits=bits, group=32).floats(), linear.weight)
    linear.weight.data.zero_()
    assert not group_weights(linear, bits=bits).floats().any()


@pytest.mark.law("group-weights")
@pytest.mark.parametrize("bias", [True, False])
def test_packed_products_are_those_of_the_weights_in_floats(bias):
    small = group_weights(layer(bias=bias))
    if small.packed is None:
        assert "wrong or missing" in module.choice().reason
        return
    x = torch.randn(5, 128).bfloat16().float()
    exact = F.linear(x.double(), small.floats().double())
    exact = exact if small.bias is None else exact + small.bias.double()
    sums = x.double().abs() @ small.floats().double().abs().T
    # The inputs are in bfloat16 already; weights and answers are brought to it.
    assert ((small(x).double() - exact).abs() <= 2.0**-8 * (sums + exact.abs())).all()
    many = torch.randn(module.FEW + 1, 128)
    assert torch.equal(small(many), F.linear(many, small.floats(), small.bias))


def test_a_kernel_that_is_wrong_is_not_taken(monkeypatch):
    wrong = module._multiplied
    monkeypatch.setattr(module, "_multiplied", lambda *given: wrong(*given) * 1.05)
    module.exact.cache_clear()
    assert not module.exact()
    small = group_weights(layer())
    assert small.packed is None
    assert module.choice().chosen == module.choice().fallback
    x = torch.randn(2, 128)
    assert torch.equal(small(x), F.linear(x, small.floats(), small.bias))
    monkeypatch.undo()
    module.exact.cache_clear()


@pytest.mark.parametrize("columns", [7, 36, 96, 130, 131, 576])
def test_any_row_has_groups_and_two_numbers_a_byte(columns):
    size = size_of(columns, 128)
    assert columns % size == 0
    small = group_weights(layer(columns, 5))
    assert small.numbers.shape == (5, (columns + 1) // 2)
    weight = layer(columns, 5).weight.detach()
    torch.testing.assert_close(small.floats(), nearest(weight, size))


@pytest.mark.law("hqq")
def test_no_group_is_further_off_than_rounded_to_nearest():
    draw = torch.Generator().manual_seed(0)
    groups = torch.randn(40, 2, 64, generator=draw)
    groups[:, :, 0] *= 6  # a weight that stands out
    first, last = far(groups, fitted(groups, 4)), far(groups, half_quadratic(groups, 4))
    assert (last <= first).all()
    assert last.sum() < 0.97 * first.sum()
    linear = layer(128, 40)
    linear.weight.data = groups.flatten(1)
    found = in_groups(hqq(linear, group=64).floats(), 64)
    torch.testing.assert_close((groups - found).abs().pow(POWER).sum(2, keepdim=True), last)


@pytest.mark.law("hqq")
def test_the_shrinkage_is_the_least_point_of_its_problem():
    """To first order, as the authors take it: |e|^p is replaced by its tangent at the error."""
    line = torch.linspace(-2, 2, 40_001, dtype=torch.float64)
    for error in (-1.3, 0.2, 0.004, 0.9):
        slope = abs(error) ** (POWER - 1)
        cost = slope * line.abs() + BETA / 2 * (line - error) ** 2
        found = shrunk(torch.tensor(error, dtype=torch.float64), BETA)
        assert abs(float(line[cost.argmin()]) - float(found)) < 2e-4


@pytest.mark.law("hqq")
def test_twice_the_weights_have_twice_the_grid():
    groups = torch.randn(10, 2, 32)
    one, two = half_quadratic(groups, 4), half_quadratic(2 * groups, 4)
    assert torch.equal(two.scale, 2 * one.scale)
    assert torch.equal(two.zero, one.zero)


@pytest.mark.law("gptq")
def test_answers_are_nearer_than_rounded_to_nearest():
    x, weight = inputs(), layer(64, 40).weight.detach()
    numbers, grid = compensated(weight, x.T @ x, bits=4, size=32)
    found = grid.dequantised(numbers).flatten(1)
    lost, plain = (((one - weight) @ x.T).norm() for one in (found, nearest(weight, 32)))
    assert lost < 0.8 * plain
    assert (found - weight).norm() > (nearest(weight, 32) - weight).norm()


@pytest.mark.law("gptq")
def test_with_inputs_apart_it_is_rounding_to_nearest():
    weight = layer(64, 40).weight.detach()
    numbers, grid = compensated(weight, torch.eye(64) * 3, bits=4, size=32)
    assert torch.equal(grid.dequantised(numbers).flatten(1), nearest(weight, 32))
    dead = torch.zeros(64, 64)  # inputs that were never seen
    numbers, grid = compensated(weight, dead, bits=4, size=32)
    assert torch.equal(grid.dequantised(numbers).flatten(1), nearest(weight, 32))


@pytest.mark.law("gptq")
def test_the_second_of_two_columns_is_the_best_of_all():
    draw = torch.Generator().manual_seed(3)
    x = torch.randn(50, 2, generator=draw) @ torch.tensor([[1.0, 0.9], [0.0, 0.3]])
    hessian = x.T @ x
    hessian += 0.01 * hessian.diagonal().mean() * torch.eye(2)
    weight = torch.randn(30, 2, generator=draw)
    numbers, grid = compensated(weight, x.T @ x, bits=4, size=2)
    for row, whole in enumerate(numbers[:, 0].tolist()):
        costs = {}
        for second in range(16):
            both = torch.tensor([[[whole[0], second]]], dtype=torch.uint8)
            value = (both.float() - grid.zero[row]) * grid.scale[row]
            error = value.flatten() - weight[row]
            costs[second] = float(error @ hessian @ error)
        assert costs[whole[1]] <= min(costs.values()) * (1 + 1e-4) + 1e-9


@pytest.mark.law("awq")
def test_loud_inputs_are_kept_nearer():
    x, weight = inputs(loud=20.0), layer(64, 40).weight.detach()
    second, mean = x.T @ x, x.abs().mean(0)
    s = stretch(weight, second, mean, bits=4, size=32)
    lost, plain = (
        (((nearest(weight * by, 32) / by) - weight) @ x.T).norm() for by in (s, torch.ones(64))
    )
    assert lost < 0.7 * plain
    even = stretch(weight, torch.eye(64), torch.ones(64), bits=4, size=32)
    assert torch.equal(even, torch.ones(64))


@pytest.mark.law("awq")
def test_in_floats_nothing_is_changed_by_the_stretch():
    x, weight = inputs(loud=20.0), layer(64, 40).weight.detach()
    s = stretch(weight, x.T @ x, x.abs().mean(0), bits=4, size=32)
    torch.testing.assert_close((x / s) @ (weight * s).T, x @ weight.T, rtol=1e-4, atol=1e-4)
    groups = in_groups(weight * s, 32)
    grid = fitted(groups, 8)
    small = GroupLinear(grid.quantised(groups), grid, divisor=s)
    torch.testing.assert_close(small(x), x @ small.weight.T, rtol=1e-4, atol=1e-4)
    assert (small.weight - weight).norm() < 0.01 * weight.norm()


SIGNATURE = Signature(
    (Port("row", "vector", (32,)),), (Port("class", "label", (3,), task="classify"),)
)


def network():
    torch.manual_seed(0)
    return build("mlp:widths=(64, 32)", kind="model", signature=SIGNATURE).eval()


@pytest.mark.parametrize("method", METHODS)
def test_a_bundle_is_loaded_with_the_same_answers(method, tmp_path):
    model, x = network(), torch.randn(60, 32)
    small = build(f"{method}:group=32", kind="compressor")(model, few(x, None))
    again = load(write_bundle(tmp_path / "bundle", small, examples=(x[:2],))).model
    assert torch.equal(again(x), small(x))
    assert torch.equal(again(x[:3]), small(x[:3]))
    assert (small(x) - model(x)).norm() < 0.2 * model(x).norm()
    assert not torch.equal(small(x), model(x))
    assert again.spec.args["bits"] == 4


@pytest.mark.parametrize("method", [gptq, awq])
def test_each_layer_of_a_model_answers_nearer_with_data(method):
    model, x = network(), inputs(400, 32, loud=8.0)
    seen = moments(model, few(x, None), "the test")
    small, plain = (made(model, few(x, None), group=32) for made in (method, group_weights))
    for name in ("model.hidden.0", "model.hidden.1", "model.head"):
        weight, second = model.get_submodule(name).weight.detach(), seen[name].second
        lost = [one.get_submodule(name).weight - weight for one in (small, plain)]
        better, worse = (float(((error @ second) * error).sum()) for error in lost)
        assert better < 0.95 * worse


def test_a_layer_in_two_places_is_one_layer():
    twice = layer(32, 32)
    model = nn.Sequential(nn.Sequential(twice), nn.ReLU(), nn.Sequential(twice))
    small = hqq(model)
    assert small[0][0] is small[2][0]


def test_what_cannot_be_is_refused(tmp_path, capsys):
    model = network()
    for method in (gptq, awq):
        with pytest.raises(UsageError, match="looks at what goes into each layer; give data"):
            method(model)
    with pytest.raises(UsageError, match="no linear layer left"):
        group_weights(group_weights(model))
    convolution = Signed(nn.Sequential(nn.Conv1d(1, 3, 32), nn.Flatten()), SIGNATURE)
    with pytest.raises(UsageError, match="no linear layer left"):
        hqq(convolution)
    bundle = write_bundle(tmp_path / "bundle", model, examples=(torch.randn(2, 32),))
    out = str(tmp_path / "small")
    assert main(["compress", str(bundle), "--method", "hqq:bits=3", "--out", out]) == 2
    assert "bits=3 is out of range; expected one of 4, 8" in capsys.readouterr().err
    assert main(["compress", str(bundle), "--method", "hqq:bits=4,group=32", "--out", out]) == 0
    assert "after    3.53 kB" in capsys.readouterr().out


@pytest.mark.compile
def test_four_bits_are_exported_for_other_machines(tmp_path):
    signature = Signature((Port("x", "vector", (64,)),), (Port("y", "label", (32,)),))
    model = sign(group_weights(layer(64, 32)), signature)
    x = inputs(5, 64)
    path = onnx(model, tmp_path / "four.onnx")
    found = torch.from_numpy(session(path)([x.numpy()]))
    assert torch.allclose(found, F.linear(x, model.model.weight, model.model.bias), atol=1e-5)
    assert "int4pack" not in str(torch.export.export(model.model, (x,)).graph)
