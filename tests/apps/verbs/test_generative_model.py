import pytest
import torch

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.core.generative import NotSupported
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.own_targets import own_targets


@pytest.fixture(scope="module")
def moons():
    return cg.dataset("moons")


@pytest.fixture(scope="module")
def diffusion(moons, tmp_path_factory):
    folder = tmp_path_factory.mktemp("generative") / "run"
    cg.train("flow-matching:width=16", moons, epochs=12, batch_size=128, folder=folder)
    return cg.generative_model(folder)


@pytest.fixture(scope="module")
def flow(moons):
    torch.manual_seed(0)
    model = cg.build("real-nvp:depth=4", signature=own_targets(moons, "density").signature)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return cg.generative_model(model)


def test_each_family_says_what_it_can(diffusion, flow):
    assert diffusion.capabilities() == {
        "sample": "noise", "log_prob": "ode, vlb", "encode": "inversion", "decode": "ddim",
        "interpolate": "codes", "inpaint": "repaint",
    }  # fmt: skip
    assert flow.capabilities() == {
        "sample": "own", "log_prob": "exact", "encode": "exact", "decode": "own",
        "interpolate": "codes",
    }  # fmt: skip


def test_codes_lead_back_to_their_examples(diffusion, flow, moons):
    x = moons.test.inputs[:50]
    assert (flow.decode(flow.encode(x)) - x).abs().max() < 1e-5
    assert (diffusion.decode(diffusion.encode(x)) - x).abs().quantile(0.95) < 0.02


def test_a_way_between_two_examples_begins_and_ends_there(diffusion, flow, moons):
    a, b = moons.test.inputs[:2]
    for model, near in ((flow, 1e-5), (diffusion, 0.05)):
        for mode in ("slerp", "lerp"):
            way = model.interpolate(a, b, 5, mode=mode)
            assert way.shape == (5, 2)
            assert (way[0] - a).abs().max() < near
            assert (way[-1] - b).abs().max() < near
    with pytest.raises(UsageError, match="count=1 leaves no way"):
        flow.interpolate(a, b, 1)
    with pytest.raises(UsageError, match="unknown mode 'bezier'"):
        flow.interpolate(a, b, mode="bezier")


def test_a_density_of_the_flow_is_one_in_all(diffusion):
    """On a fine grid over the plane; examples are likelier than other points."""
    line = torch.linspace(-2.5, 3.5, 60)
    grid = torch.cartesian_prod(line, line)
    found = diffusion.log_prob(grid, steps=25)
    assert found.kind == "ode"
    assert found.error is None
    total = found.nats.double().exp().sum() * (line[1] - line[0]) ** 2
    assert total.item() == pytest.approx(1, abs=0.05)
    below = diffusion.log_prob(grid, kind="vlb", steps=25)
    assert below.kind == "vlb"
    share = below.nats.double().exp().sum() * (line[1] - line[0]) ** 2
    assert 0.3 < share.item() < 1.02
    with pytest.raises(UsageError, match="unknown kind of likelihood of a diffusion model 'exact'"):
        diffusion.log_prob(grid, kind="exact")
    with pytest.raises(UsageError, match=r"shape \(3,\); .* is of \(2,\)"):
        diffusion.log_prob(torch.zeros(1, 3))
    with pytest.raises(UsageError, match="not finite"):
        diffusion.log_prob(torch.full((1, 2), torch.nan))


def test_what_is_known_stays_bit_for_bit(diffusion, moons):
    x = moons.test.inputs[:64]
    known = torch.tensor([1.0, 0.0])
    made = diffusion.inpaint(x, known)
    assert torch.equal(made[:, 0], x[:, 0])
    assert not torch.equal(made[:, 1], x[:, 1])
    assert torch.equal(made, diffusion.inpaint(x, known))
    assert not torch.equal(made, diffusion.inpaint(x, known, seed=1))
    assert made[:, 1].std() < 2 * x[:, 1].std()
    with pytest.raises(UsageError, match="nothing to make up"):
        diffusion.inpaint(x, torch.ones(2))
    with pytest.raises(UsageError, match="the mask has shape"):
        diffusion.inpaint(x, torch.ones(3))


def test_what_a_family_cannot_is_refused_with_the_reason(flow):
    with pytest.raises(NotSupported, match="its kind of likelihood is exact, and not vlb"):
        flow.log_prob(torch.zeros(1, 2), kind="vlb")
    with pytest.raises(NotSupported, match="cannot inpaint: it makes whole examples only"):
        flow.inpaint(torch.zeros(1, 2), torch.tensor([1.0, 0.0]))

    class Maker(torch.nn.Module):
        lacks = {"log_prob": "its noise is folded", "encode": "it was never asked"}  # noqa: RUF012

        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(2))

        def forward(self, noise):
            return noise * self.scale

    answer = Port("point", "vector", (2,), task="generate")
    maker = cg.sign(Maker(), Signature((Port("noise", "vector", (2,)),), (answer,)))
    model = cg.generative_model(maker)
    assert "encode" not in model.capabilities()
    assert model.capabilities()["sample"] == "noise"
    assert model.sample(3).shape == (3, 2)
    with pytest.raises(NotSupported, match="Maker cannot log_prob: its noise is folded"):
        model.log_prob(torch.zeros(1, 2))
    with pytest.raises(NotSupported, match="Maker cannot encode: it was never asked"):
        model.encode(torch.zeros(1, 2))
    with pytest.raises(UsageError, match="expected a generative model"):
        cg.generative_model(cg.build("mlp", signature=cg.dataset("moons").signature))
