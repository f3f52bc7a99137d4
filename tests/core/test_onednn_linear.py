"""Large linear layers go to the faster library, in training too; the numbers stay."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cartograd.core import onednn_linear
from cartograd.core.eval_mode import inferring
from cartograd.core.onednn_linear import OnednnLinear

LARGE = nn.Linear(512, 512), torch.randn(4, 32, 512)


@pytest.fixture
def went(monkeypatch):
    """The layers that went to oneDNN, on a machine where it is the faster one."""
    found = []

    def noted(*args):
        found.append(args)
        return F.linear(*args)

    monkeypatch.setattr(onednn_linear, "faster", lambda threads: True)
    monkeypatch.setattr(onednn_linear, "_onednn", noted)
    return found


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(64, 512), (4, 32, 512), (2, 3, 16, 512)])
def test_the_numbers_are_those_of_torch(monkeypatch, shape, bias):
    monkeypatch.setattr(onednn_linear, "faster", lambda threads: True)
    layer, x = nn.Linear(512, 600, bias=bias), torch.randn(shape)
    with inferring(layer):
        found = layer(x)
    assert found.shape == (*shape[:-1], 600)
    torch.testing.assert_close(found, layer(x).detach(), rtol=1e-5, atol=1e-5)


def test_strides_are_minded(monkeypatch):
    monkeypatch.setattr(onednn_linear, "faster", lambda threads: True)
    weight, x = torch.randn(512, 600).t(), torch.randn(512, 128).t()
    with torch.no_grad(), OnednnLinear():
        found = F.linear(x, weight)
    torch.testing.assert_close(found, F.linear(x, weight), rtol=1e-4, atol=1e-4)


def test_small_models_take_no_detour():
    small, large = nn.Linear(300, 400), nn.Linear(512, 512)
    assert not isinstance(onednn_linear.onednn_linear(small, "no module"), OnednnLinear)
    assert isinstance(onednn_linear.onednn_linear(nn.Sequential(small, large)), OnednnLinear)


def test_looking_moves_nothing():
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(512, 512))
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    assert onednn_linear.large(layer)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_a_large_layer_goes(went):
    layer, x = LARGE
    with inferring(nn.Sequential(layer)):
        layer(x)
    assert len(went) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda layer, x: (layer, x[:1, :1]),  # small
        lambda layer, x: (nn.Linear(512, 512).double(), x.double()),
        lambda layer, x: (nn.Linear(512, 512).bfloat16(), x.bfloat16()),
        lambda layer, x: (layer, x[0, 0]),
    ],
    ids=["small", "float64", "bfloat16", "vector"],
)
def test_others_stay(went, change):
    layer, x = change(*LARGE)
    with inferring(layer):
        layer(x)
    assert not went


def test_gradients_and_autocast_stay(went):
    layer, x = LARGE
    with OnednnLinear():
        layer(x).sum().backward()
    with inferring(layer), torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    assert not went
    assert layer.weight.grad is not None


def test_vmap_stays(went):
    layer, x = LARGE
    with inferring(layer):
        several = torch.func.vmap(layer)(x)
    torch.testing.assert_close(several, layer(x).detach())
    assert not went


def missing(*args):
    raise AttributeError("no such operator")


@pytest.fixture
def product(monkeypatch):
    """Another product in oneDNN's place."""

    def put(one):
        monkeypatch.setattr(onednn_linear, "_onednn", one)
        forget()

    yield put
    monkeypatch.undo()
    forget()


def forget():
    """Let everything be measured anew."""
    for known in ("exact", "share", "faster", "share_of_learning", "learns_faster"):
        getattr(onednn_linear, known).cache_clear()


@pytest.mark.parametrize("wrong", [missing, lambda *args: F.linear(*args) + 1])
def test_a_kernel_that_is_missing_or_wrong_stays(product, wrong):
    product(wrong)
    assert not onednn_linear.faster(1)
    assert onednn_linear.choice().chosen == onednn_linear.choice().fallback == "torch's linear"
    assert "wrong or missing" in onednn_linear.choice().reason


@pytest.mark.parametrize(("share", "chosen"), [(0.5, "oneDNN"), (0.9, "torch's linear")])
def test_of_two_that_are_right_the_faster_is_taken(product, monkeypatch, share, chosen):
    product(F.linear)
    monkeypatch.setattr(onednn_linear, "share", lambda threads: share)
    monkeypatch.setattr(onednn_linear, "share_of_learning", lambda threads: share)
    assert onednn_linear.choice().chosen == chosen
    assert onednn_linear.choice().fallback == "torch's linear"
    assert f"{share:.2f} of torch's time" in onednn_linear.choice().reason


def test_inference_and_training_are_chosen_apart(product, monkeypatch):
    product(F.linear)
    monkeypatch.setattr(onednn_linear, "share", lambda threads: 0.5)
    monkeypatch.setattr(onednn_linear, "share_of_learning", lambda threads: 0.9)
    assert onednn_linear.choice().chosen == "oneDNN, in training torch's linear"
    assert "in training 0.90" in onednn_linear.choice().reason


def test_the_share_is_that_of_the_times(product, monkeypatch):
    times = iter([0.2, 0.8, 0.3, 0.6])
    monkeypatch.setattr(onednn_linear, "_seconds", lambda work: (work(), next(times))[1])
    product(F.linear)
    for _ in range(2):  # once a process
        assert onednn_linear.share(3) == 0.25
        assert onednn_linear.share_of_learning(3) == 0.5


LEARNED = {
    "plain": lambda layer, x: layer(x).square().mean(),
    "an expanded gradient": lambda layer, x: layer(x).sum(),
    "a transposed input": lambda layer, x: layer(x.reshape(-1, 512).t().contiguous().t()).sum(),
    "slopes": lambda layer, x: slope(layer, x.requires_grad_()).square().sum(),
}


def slope(layer, x):
    """The gradient of what is learned, to be learned from."""
    return torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)[0]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("loss", LEARNED.values(), ids=LEARNED)
def test_gradients_are_those_of_torch(loss, bias):
    layer = nn.Linear(512, 600, bias=bias)
    x = torch.randn(4, 32, 512).requires_grad_()
    found = []
    for context in (OnednnLinear(learns=True), torch.enable_grad()):
        with context:
            value = loss(layer, x)
            wrt = [x, *layer.parameters()]
            found.append(torch.autograd.grad(value, wrt, allow_unused=True))
    assert any("_Learned" in type(node).__name__ for node in nodes(loss, layer, x))
    for ours, theirs in zip(*found, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None and theirs is not None:
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * theirs.abs().max())


def nodes(loss, layer, x):
    """The graph of a loss."""
    with OnednnLinear(learns=True):
        queue, seen = [loss(layer, x).grad_fn], []
    while queue:
        node = queue.pop()
        if node is not None and node not in seen:
            seen.append(node)
            queue += [one for one, _ in node.next_functions]
    return seen


def test_frozen_weights_get_no_gradient(went):
    layer, x = nn.Linear(512, 512).requires_grad_(requires_grad=False), LARGE[1].clone()
    with OnednnLinear(learns=True):
        layer(x.requires_grad_()).sum().backward()
    assert layer.weight.grad is None
    assert layer.bias.grad is None
    torch.testing.assert_close(x.grad, layer.weight.sum(0).expand_as(x), rtol=1e-4, atol=1e-4)
    assert len(went) == 2  # the output, and the gradient of the input


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")  # by torch itself
def test_derivatives_forward_stay(went):
    layer, x = LARGE
    with OnednnLinear(learns=True):
        torch.func.jvp(layer, (x,), (x,))
        with torch.autograd.forward_ad.dual_level():
            layer(torch.autograd.forward_ad.make_dual(x, x))
    assert not went
