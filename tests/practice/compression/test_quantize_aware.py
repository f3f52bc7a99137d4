import pytest
import torch
import torch.nn.functional as F
from torch import nn

import cartograd as cg
from cartograd.apps.verbs.compress_steps import compress_steps
from cartograd.core.errors import UsageError
from cartograd.engine.files.bundle import load, write_bundle
from cartograd.practice.compression.grid import grid_of
from cartograd.practice.compression.integer_kernels import geometry_of
from cartograd.practice.compression.learned_steps import SteppedLayer, paced, stepped
from cartograd.practice.compression.observers import weight_grid
from cartograd.practice.compression.quantize_aware import quantize_aware
from cartograd.practice.compression.quantize_static import quantize_static


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def layer_of(estimator, bits=4):
    """A convolution that is rounded while it learns."""
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 5, 3, padding=1)
    of_input = grid_of(torch.tensor(-1.0), torch.tensor(2.0), bits=bits, symmetric=False)
    of_weight = weight_grid(layer.weight.detach(), "min-max", bits=bits)
    return layer, SteppedLayer(
        layer.weight, layer.bias, of_weight=of_weight,
        of_input=of_input, geometry=geometry_of(layer), estimator=estimator,
    )  # fmt: skip


@pytest.mark.oracle("quantize-aware")
def test_straight_through_is_torchs_fake_quantisation():
    plain, ours = layer_of("ste")
    x, weight = drawn(2, 3, 6, 6).requires_grad_(), plain.weight.detach().clone().requires_grad_()
    x2 = x.detach().clone().requires_grad_()
    grid = ours.input_grid
    rows = weight.detach().abs().flatten(1).amax(1) / 7
    theirs = F.conv2d(
        torch.fake_quantize_per_tensor_affine(x, grid.scale.item(), int(grid.zero), 0, 15),
        torch.fake_quantize_per_channel_affine(weight, rows, torch.zeros(5).int(), 0, -7, 7),
        plain.bias, padding=1,
    )  # fmt: skip
    out = ours(x2)
    torch.testing.assert_close(out, theirs)
    towards = drawn(*out.shape, seed=1)
    theirs.backward(towards)
    out.backward(towards)
    assert (x.grad == 0).any()
    torch.testing.assert_close(x2.grad, x.grad)
    torch.testing.assert_close(ours.weight.grad, weight.grad)


@pytest.mark.law("quantize-aware")
@pytest.mark.parametrize("zero", [0.0, 3.0])
def test_the_gradient_of_a_step_is_its_closed_form(zero):
    x, low, high = 3 * drawn(400).double(), -int(zero) - 7, 8
    step = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)
    zero, v = torch.tensor(zero, dtype=torch.float64), x / 0.6
    towards = drawn(400, seed=1).double()
    out = stepped(x, step, zero, low, high)
    torch.testing.assert_close(out, 0.6 * (v.round()).clamp(low - zero, high - zero))
    (out * towards).sum().backward()
    inside = (v > low - zero) & (v < high - zero)
    expected = torch.where(inside, v.round() - v, v.clamp(low - zero, high - zero))
    assert 0.05 < (~inside).double().mean() < 0.5
    torch.testing.assert_close(step.grad, (expected * towards).sum())
    again = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)
    slowed = paced(again, 400, high)
    assert slowed.item() == 0.6
    (stepped(x, slowed, zero, low, high) * towards).sum().backward()
    torch.testing.assert_close(again.grad, step.grad / (400 * high) ** 0.5)


@pytest.mark.law("quantize-aware")
def test_where_all_is_cut_off_or_on_the_grid_finite_differences_agree():
    x = torch.tensor([9.0, -9.0, 30.0], dtype=torch.float64)
    zero = torch.tensor(0.0, dtype=torch.float64)

    def total(step):
        return stepped(x, step, zero, -3, 3).square().sum()

    assert torch.autograd.gradcheck(total, torch.tensor(0.5, dtype=torch.float64).requires_grad_())


@pytest.mark.law("quantize-aware")
@pytest.mark.parametrize("estimator", ["lsq", "ste"])
def test_trained_layers_are_what_their_numbers_compute(estimator):
    digits = cg.dataset("digits")
    torch.manual_seed(0)
    net = cg.build("lenet5", signature=digits.signature)
    taught = quantize_aware(net, digits.train.batches(), bits=3, estimator=estimator)
    optimizer = torch.optim.SGD(taught.parameters(), lr=0.1)
    x, y = digits.train.inputs[:200], digits.train.targets[:200]
    first = F.cross_entropy(taught(x), y).item()
    before = {name: one.clone() for name, one in taught.named_parameters()}
    for _ in range(12):
        optimizer.zero_grad()
        loss = F.cross_entropy(taught(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < first
    assert all(not torch.equal(one, before[name]) for name, one in taught.named_parameters())
    small = quantize_static(taught.eval(), None, bits=3)
    torch.testing.assert_close(small(x), taught(x), rtol=0.02, atol=0.02)
    assert not list(small.parameters())
    with pytest.raises(UsageError, match="trained for 3 bits"):
        quantize_static(taught, None, bits=8)


@pytest.mark.place("compress/quantize-qat")
def test_a_step_trains_and_gives_whole_numbers(tmp_path):
    digits = cg.dataset("digits")
    torch.manual_seed(0)
    net = cg.build("mlp:widths=(32,)", signature=digits.signature)
    start = write_bundle(tmp_path / "net", net, examples=digits.test.inputs[:4])
    step = "quantize-aware:bits=2,epochs=1,batch_size=256,yardstick=none"
    done = compress_steps(start, step, "digits", folder=tmp_path / "small")
    first, last = done.stages
    assert last.value > first.value
    small = load(done.path).model
    assert str(small.spec).startswith("quantize-static:bits=2,model=(mlp")
    run = load(done.path / "steps" / "1-quantize-aware-training").model
    x = digits.test.inputs[:50]
    torch.testing.assert_close(small(x), run(x).detach(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (("quantize-aware:bits=9",), "bits"),
        (("quantize-aware:epocs=1",), "did you mean 'epochs'"),
        (("quantize-aware", "distill"), "distill cannot come after quantize-aware"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(tmp_path, steps, said):
    net = cg.build("mlp:widths=(8,)", signature=cg.dataset("digits").signature)
    start = write_bundle(tmp_path / "net", net)
    with pytest.raises(UsageError, match=said):
        compress_steps(start, steps, "digits", folder=tmp_path / "none")
    assert not (tmp_path / "none").exists()
