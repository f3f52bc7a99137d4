import copy
import math

import pytest
import torch

from cartograd.core.build import build
from cartograd.data.sources.moons import log_density as true_density
from cartograd.data.sources.moons import moons
from cartograd.engine.loop.fit import fit
from cartograd.generative.flows.flow import Flow
from cartograd.generative.flows.real_nvp import real_nvp
from cartograd.generative.likelihood import Likelihood
from cartograd.practice.metrics.bits_per_dim import bits_per_dim


def moved(model):
    """The same with weights that are not the identity's."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return model.double()


@pytest.fixture(scope="module")
def trained():
    data = moons(examples=3000)
    torch.manual_seed(0)
    model = real_nvp(features=2, depth=8)
    x = data.train.inputs
    batches = [(part, part) for part in x.split(200)]
    fit(
        Likelihood(model=model), batches, optimizers="adamw:lr=3e-3", schedule="cosine", epochs=12,
        device="cpu",
    )  # fmt: skip
    return model.double().eval(), data.test.inputs.double()


@pytest.mark.place("flow/realnvp")
@pytest.mark.law("real-nvp")
def test_decoding_undoes_encoding_after_training(trained):
    model, x = trained
    z = torch.randn(500, 2, dtype=torch.float64)
    single = copy.deepcopy(model).float()
    with torch.no_grad():
        assert (single.decode(single.encode(x.float())) - x).abs().max() < 1e-5
        assert (model.decode(model.encode(x)) - x).abs().max() < 1e-10
        assert (model.encode(model.decode(z)) - z).abs().max() < 1e-8
        drawn = model.sample(1000, torch.Generator().manual_seed(0), temperature=1.0)
    assert drawn.isfinite().all()


@pytest.mark.place("flow/change-of-variables")
@pytest.mark.law("real-nvp")
@pytest.mark.parametrize("levels", [0, 5])
def test_the_determinant_is_that_of_the_jacobian(levels):
    model = moved(real_nvp(features=6, depth=4, widths=(7,), levels=levels)).eval()
    x = torch.rand(3, 6, dtype=torch.float64)
    for row in x:
        jacobian = torch.autograd.functional.jacobian(lambda one: model.encode(one[None])[0], row)
        z = model.encode(row[None])[0]
        normal = torch.distributions.Normal(0, 1).log_prob(z).sum()
        scale = 6 * torch.tensor((levels - 1) / 1 if levels else 1.0, dtype=torch.float64).log()
        found = normal + torch.linalg.slogdet(jacobian)[1] - scale
        torch.testing.assert_close(model(row[None])[0], found, rtol=1e-10, atol=1e-10)


@pytest.mark.place("flow/realnvp")
@pytest.mark.law("real-nvp")
def test_the_density_integrates_to_one_and_is_near_the_true_one(trained):
    model, x = trained
    side = torch.linspace(-3, 4, 500, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    with torch.no_grad():
        whole = model(grid).exp().sum() * (side[1] - side[0]) ** 2
        found = model(x).mean()
    assert whole.item() == pytest.approx(1, abs=5e-3)
    true = true_density(x).mean()
    assert true - 0.35 < found < true + 0.05  # the entropy bounds what any model can reach
    normal = torch.distributions.MultivariateNormal(x.mean(0), x.T.cov()).log_prob(x).mean()
    assert found > normal + 0.3


@pytest.mark.place("flow/change-of-variables")
@pytest.mark.law("real-nvp")
def test_the_density_of_the_plane_is_one_in_all():
    """Also of a flow that has learned nothing."""
    model = moved(real_nvp(features=2, depth=3, widths=(9,)))
    side = torch.linspace(-12, 12, 600, dtype=torch.float64)
    with torch.no_grad():
        whole = model(torch.cartesian_prod(side, side)).exp().sum() * (side[1] - side[0]) ** 2
    assert whole.item() == pytest.approx(1, abs=5e-3)


@pytest.mark.oracle("real-nvp")
def test_affine_couplings_are_those_of_nflows():
    """Where their scale, which is at most 1.001, can be as large as ours."""
    from nflows.transforms import AffineCouplingTransform

    coupling = moved(real_nvp(features=5, depth=1, widths=(7,))).layers[0]
    with torch.no_grad():
        coupling.net[-1].bias[:2] -= 5
    x = torch.randn(9, 5, dtype=torch.float64)

    def network(before, after):
        assert (before, after) == (3, 4)  # theirs answers with shifts, and then with scales

        def answered(given, _):
            s, t = coupling.net(given).chunk(2, dim=1)
            scale = (2 * (s / 2).tanh()).exp()
            return torch.cat([t, (scale - 1e-3).logit() - 2], 1)

        return answered

    theirs = AffineCouplingTransform([0, 1, 0, 1, 0], network)
    ours, expected = coupling(x), theirs(x)
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(coupling.inverse(x), theirs.inverse(x)[0], rtol=1e-10, atol=1e-10)
    weights = list(coupling.parameters())
    found = [torch.autograd.grad(y[0].square().sum(), weights) for y in (ours, expected)]
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-10)


class Normal(torch.nn.Module):
    """From the cells' own numbers, which `Levels` has put through a logit, to normal codes."""

    def forward(self, x):
        inside = x.sigmoid()
        v = (inside - 0.05) / 0.9
        z = torch.special.ndtri(v)
        slope = (inside * (1 - inside) / 0.9).log() + 0.5 * (z.square() + math.log(2 * math.pi))
        return z, slope.sum(1)


def test_a_flow_of_uniform_pixels_costs_eight_bits_of_each():
    """The bookkeeping from whole levels to bits of a number, with nothing left over."""
    model = Flow([Normal()], shape=(12,), levels=256).double().eval()
    x = torch.randint(256, (40, 12)).double() / 255
    assert bits_per_dim(model(x), x) == pytest.approx(8, abs=1e-9)


def test_levels_of_a_uniform_flow_cost_their_bits():
    """A flow that is the identity on cells has exactly log2 of the levels for each number."""
    from cartograd.generative.flows.levels import Levels

    layer = Levels((4,), levels=16, margin=0.05).eval().double()
    x = torch.randint(16, (50, 4)).double() / 15
    y, slope = layer(x)
    v = (y.sigmoid() - 0.05) / 0.9
    back_to_cells = (y.sigmoid() * (-y).sigmoid() / 0.9).log().sum(1)  # of y -> v
    bits = -(slope + back_to_cells) / (4 * torch.tensor(2.0).log())
    torch.testing.assert_close(bits, torch.full((50,), 4.0, dtype=torch.float64))
    assert ((v >= 0) & (v < 1)).all()
    assert torch.equal(layer.inverse(y), x)


def test_samples_come_from_the_generator_alone_and_temperature_narrows_them():
    model = build("real-nvp:features=3,depth=2")
    drawn = [model.sample(64, torch.Generator().manual_seed(5)) for _ in range(2)]
    assert torch.equal(*drawn)
    cool = model.sample(64, torch.Generator().manual_seed(5), temperature=0.5)
    torch.testing.assert_close(cool, drawn[0] / 2)  # it begins as the identity
