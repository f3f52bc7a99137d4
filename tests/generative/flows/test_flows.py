"""The laws of every flow: inverses after training, determinants, densities that are one in all."""

import copy

import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.sources.moons import moons
from cartograd.engine.loop.fit import fit
from cartograd.generative.flows.flow import log_normal
from cartograd.generative.likelihood import Likelihood

VECTORS = ("nice", "neural-spline-flow", "maf", "iaf")
PICTURES = {
    "conv-real-nvp": "size=4,width=8,depth=1",
    "glow": "size=4,width=8,depth=2,classes=3",
    "flow-plus-plus": "size=4,width=8,components=2,dequantisation=uniform",
}


def pictures(n, *, size=4):
    """Smooth pictures between 0 and 1, their rows and columns alike."""
    a, b = torch.rand(2, n, 1, 1, generator=torch.Generator().manual_seed(0))
    side = torch.arange(size) / size
    x = (3 * a * side + 2 * b * side[:, None] + a).sin().square()
    return (x + 0.1 * torch.rand(x.shape, generator=torch.Generator().manual_seed(1)))[:, None]


@pytest.fixture(scope="module")
def trained():
    """Every flow after some steps, with data and the classes that it is told."""
    found = {}
    for name in (*VECTORS, *PICTURES):
        torch.manual_seed(0)
        if name in PICTURES:
            model, x = build(f"{name}:channels=1,{PICTURES[name]}"), pictures(64)
            told = (torch.arange(64) % 3,) if name == "glow" else ()
            batches, epochs = [(x[i::2], *(y[i::2] for y in told), x[i::2]) for i in range(2)], 6
        else:
            model, x, told = build(f"{name}:features=2,widths=[32]"), moons(examples=1000), ()
            x = x.train.inputs
            batches, epochs = [(part, part) for part in x.split(200)], 6
        objective = Likelihood(model=model)
        before = objective.validate((x, *told, x))["loss"].mean().item()
        fit(objective, batches, optimizers="adam:lr=5e-3", epochs=epochs, device="cpu")
        model.double().eval()
        x = x[:40].double()
        found[name] = model, x, tuple(y[:40] for y in told), before
    return found


@pytest.mark.place("flow/nice", "flow/realnvp", "flow/glow", "flow/flowpp")
@pytest.mark.law("nice", "neural-spline-flow", "maf", "iaf")
@pytest.mark.law("conv-real-nvp", "glow", "flow-plus-plus")
@pytest.mark.parametrize("name", [*VECTORS, *PICTURES])
def test_decoding_undoes_encoding_after_training(trained, name):
    model, x, y, before = trained[name]
    z = torch.randn(40, x[0].numel(), dtype=torch.float64)
    with torch.no_grad():
        assert -model(x, *y).mean() / x[0].numel() < before - 0.02  # it has learned something
        code = model.encode(x, *y)
        assert (model.decode(code, *y) - x).abs().max() < 1e-10
        assert (model.encode(model.decode(z, *y), *y) - z).abs().max() < 1e-9
        assert model.decode(30 * z, *y).isfinite().all()  # far from all data


@pytest.mark.law("nice", "neural-spline-flow", "maf", "iaf")
@pytest.mark.law("conv-real-nvp", "glow", "flow-plus-plus")
@pytest.mark.parametrize("name", [*VECTORS, *PICTURES])
def test_in_single_precision_too(trained, name):
    model, x, y, _ = trained[name]
    model, x = copy.deepcopy(model).float(), x.float()
    with torch.no_grad():
        drawn = model.decode(torch.randn(40, x[0].numel()), *y)
        for one in (x, drawn):
            back = model.decode(model.encode(one, *y), *y)
            assert ((back - one).abs() / (1 + one.abs())).max() < 1e-5


@pytest.mark.place("flow/change-of-variables")
@pytest.mark.law("nice", "neural-spline-flow", "maf", "iaf")
@pytest.mark.law("conv-real-nvp", "glow", "flow-plus-plus")
@pytest.mark.parametrize("name", [*VECTORS, *PICTURES])
def test_the_determinants_are_those_of_the_jacobians(trained, name):
    model, x, y, _ = trained[name]
    shape, own = x[:1].shape, [one[:1] for one in y]
    row, jacobian = x[0].flatten(), torch.autograd.functional.jacobian
    code = model.encode(x[:1], *own)[0].detach()
    there = jacobian(lambda one: model.encode(one.reshape(shape), *own)[0], row)
    here = jacobian(lambda one: model.decode(one[None], *own).flatten(), code)
    found = model(x[:1], *own)[0] - log_normal(code[None])[0]
    torch.testing.assert_close(torch.linalg.slogdet(there)[1], found, rtol=1e-9, atol=1e-9)
    if name != "flow-plus-plus":  # halving an interval has no gradient
        torch.testing.assert_close(-torch.linalg.slogdet(here)[1], found, rtol=1e-9, atol=1e-9)


@pytest.mark.place("flow/change-of-variables")
@pytest.mark.law("nice", "neural-spline-flow", "maf", "iaf")
@pytest.mark.parametrize("name", VECTORS)
def test_the_density_of_a_trained_flow_integrates_to_one(trained, name):
    side = torch.linspace(-5, 6, 180, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    with torch.no_grad():
        whole = trained[name][0](grid).exp().sum() * (side[1] - side[0]) ** 2
    assert whole.item() == pytest.approx(1, abs=5e-3)


@pytest.mark.law("nice")
def test_couplings_of_nice_change_no_volume(trained):
    model, x, _, _ = trained["nice"]
    volume = model(x) - log_normal(model.encode(x))
    torch.testing.assert_close(volume, model.layers[-1].size.sum().expand(40))
    assert model.layers[-1].size.abs().min() > 1e-3


@pytest.mark.oracle("nice")
def test_additive_couplings_are_those_of_nflows():
    from nflows.transforms import AdditiveCouplingTransform

    model = build("nice:features=5,depth=1,widths=[7]").double()
    coupling = model.layers[0]
    torch.nn.init.normal_(coupling.net[-1].weight)
    x = torch.randn(9, 5, dtype=torch.float64)

    def network(before, after):
        assert (before, after) == (3, 2)
        return lambda given, _: coupling.net(given)

    theirs = AdditiveCouplingTransform([0, 1, 0, 1, 0], network)
    ours, expected = coupling(x), theirs(x)
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(coupling.inverse(x), theirs.inverse(x)[0], rtol=1e-10, atol=1e-10)
    weights = list(coupling.parameters())
    found = [torch.autograd.grad(y[0].square().sum(), weights) for y in (ours, expected)]
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-10)


@pytest.mark.law("maf")
def test_an_output_depends_on_earlier_inputs_only():
    layer = build("maf:features=5,depth=1,widths=[8,8],activation=tanh").double().layers[0]
    torch.nn.init.normal_(layer.net[-1].weight)
    jacobian = torch.autograd.functional.jacobian(layer.net, torch.randn(1, 5).double())
    reach = jacobian[0, :, 0].unflatten(0, (2, 5)).abs().amax(0) > 0
    assert torch.equal(reach, torch.ones(5, 5).tril(-1) > 0)  # and on all of them


@pytest.mark.oracle("maf")
def test_a_masked_layer_is_that_of_zuko():
    from torch.distributions.transforms import AffineTransform
    from zuko.transforms import AutoregressiveTransform, DependentTransform

    layer = build("maf:features=4,depth=1,widths=[8]").double().layers[0]
    torch.nn.init.normal_(layer.net[-1].weight, std=0.5)

    def meta(x):
        s, t = layer.net(x).chunk(2, dim=1)
        return DependentTransform(AffineTransform(t, (2 * (s / 2).tanh()).exp()), 1)

    theirs, x = AutoregressiveTransform(meta, passes=4), torch.randn(6, 4, dtype=torch.float64)
    y = theirs(x)
    expected = y, theirs.log_abs_det_jacobian(x, y)
    torch.testing.assert_close(layer(x), expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(layer.inverse(x), theirs.inv(x), rtol=1e-10, atol=1e-10)


@pytest.mark.law("iaf")
def test_iaf_is_maf_the_other_way_round():
    maf, iaf = (build(f"{name}:features=4,depth=1,widths=[8]").double() for name in ("maf", "iaf"))
    torch.nn.init.normal_(maf.layers[0].net[-1].weight)
    iaf.layers[0].layer.load_state_dict(maf.layers[0].state_dict())
    x = torch.randn(6, 4, dtype=torch.float64)
    assert torch.equal(iaf.decode(x), maf.encode(x))
    assert torch.equal(iaf.encode(x), maf.decode(x))
    forth = maf(iaf.encode(x)) - log_normal(x)
    back = iaf(x) - log_normal(iaf.encode(x))
    torch.testing.assert_close(forth + back, torch.zeros(6, dtype=torch.float64))


def test_one_number_cannot_be_divided():
    with pytest.raises(UsageError, match=r"features=1 cannot be divided in halves"):
        build("nice:features=1")
