import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.engine.loop.fit import fit
from cartograd.generative.flows.actnorm import ActNorm
from cartograd.generative.flows.flow import Flow
from cartograd.generative.flows.invertible_linear import InvertibleLinear
from cartograd.generative.flows.multi_scale import Flatten
from cartograd.generative.likelihood import Likelihood

SMALL = "glow:channels=1,size=4,depth=1,width=4,levels=5"


def grey(n):
    x = torch.randint(5, (n, 1, 4, 4), generator=torch.Generator().manual_seed(0)) / 4
    return x, x


@pytest.mark.place("flow/glow")
@pytest.mark.law("glow")
@pytest.mark.parametrize("shape", [(50, 3), (20, 3, 2, 2)])
def test_the_first_batch_sets_a_normalisation_once(shape):
    layer, x = ActNorm(3).double(), 5 + 3 * torch.randn(shape, dtype=torch.float64)
    assert torch.equal(layer.eval()(x)[0], x)
    assert not layer.begun
    y = layer.train()(x)[0].movedim(1, 0).flatten(1)
    torch.testing.assert_close(y.mean(1), torch.zeros(3, dtype=torch.float64))
    torch.testing.assert_close(y.var(1, correction=0), torch.ones(3, dtype=torch.float64))
    before = layer.shift.clone()
    layer(x + 7)
    assert torch.equal(layer.shift, before)


def test_a_constant_channel_keeps_its_size():
    layer = ActNorm(2)
    y, slope = layer(torch.full((4, 2), 3.0))
    assert not y.any()
    assert not slope.any()


def test_a_resumed_run_is_the_run_that_was_not_parted(tmp_path):
    """The first batch sets the normalisations once, whatever the run was parted into."""
    ends = []
    for name, epochs in (("whole", (4,)), ("parted", (2, 4))):
        for number, last in enumerate(epochs):
            torch.manual_seed(0)
            model, (x, _) = build(SMALL), grey(24)
            batches = [(part, part) for part in x.split(8)]
            fit(
                Likelihood(model=model), batches, optimizers="adam:lr=1e-2", epochs=last,
                folder=tmp_path / name, resume=number > 0, device="cpu",
            )  # fmt: skip
        ends.append(model.state_dict())
    whole, parted = ends
    assert all(torch.equal(whole[key], parted[key]) for key in whole)
    assert whole["layers.2.begun"]


@pytest.mark.law("glow")
def test_untrained_it_costs_what_the_identity_does():
    model, (x, _) = build(SMALL).double().eval(), grey(10)
    identity = Flow([Flatten((1, 4, 4))], shape=(1, 4, 4), levels=5).eval()
    torch.testing.assert_close(model(x.double()), identity(x.double()), rtol=1e-6, atol=1e-5)


@pytest.mark.oracle("glow")
def test_the_linear_map_is_that_of_nflows():
    from nflows.transforms import LULinear

    ours, theirs = InvertibleLinear(4).double(), LULinear(4).double()
    with torch.no_grad():
        for entries in (theirs.lower_entries, theirs.upper_entries, theirs.bias):
            entries.normal_()
        lower, upper = theirs._create_lower_upper()
        ours.lower.copy_(lower.tril(-1))
        ours.upper.copy_(upper.triu(1))
        ours.size.copy_(upper.diagonal().log())
        ours.sign.fill_(1)
        ours.place.copy_(torch.arange(4))
    x = torch.randn(7, 4, dtype=torch.float64)
    y, slope = theirs(x)
    expected = y - theirs.bias, slope
    torch.testing.assert_close(ours(x), expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(ours.inverse(y - theirs.bias), x, rtol=1e-10, atol=1e-10)


@pytest.mark.law("glow")
def test_the_linear_map_is_a_dense_matrix_at_each_pixel():
    """Moved away from the rotation that it begins with; its determinant is counted per pixel."""
    layer, x = InvertibleLinear(4).double(), torch.randn(3, 4, 2, 5, dtype=torch.float64)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.add_(0.4 * torch.randn_like(weight))
    dense = layer(torch.eye(4, dtype=torch.float64))[0].T
    y, slope = layer(x)
    right = torch.nn.functional.conv2d(x, dense[:, :, None, None])
    torch.testing.assert_close(y, right, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(slope, (10 * torch.linalg.slogdet(dense)[1]).expand(3))
    torch.testing.assert_close(layer.inverse(y), x, rtol=1e-9, atol=1e-9)


def test_a_linear_map_begins_as_a_rotation():
    layer, x = InvertibleLinear(5).double(), torch.randn(6, 5, dtype=torch.float64)
    y, slope = layer(x)
    torch.testing.assert_close(y.norm(dim=1), x.norm(dim=1), rtol=1e-6, atol=1e-6)
    assert slope.abs().max() < 1e-5
    torch.testing.assert_close(layer.inverse(y), x, rtol=1e-10, atol=1e-10)


def test_levels_come_back_and_a_temperature_of_zero_draws_one_picture():
    model, (x, _) = build(SMALL).double(), grey(10)
    model(x.double())  # sets the normalisations
    model.eval()
    assert torch.equal(model.decode(model.encode(x.double())), x.double())
    cold = model.sample(5, torch.Generator().manual_seed(0), temperature=0.0)
    assert torch.equal(cold, cold[:1].expand_as(cold))
    assert len(model.sample(5, torch.Generator().manual_seed(0)).unique(dim=0)) == 5


def test_classes_have_codes_of_their_own():
    model = build(SMALL + ",classes=3").eval()
    x, y = grey(6)[0], torch.arange(6) % 3
    with torch.no_grad():
        model.prior.middle.normal_()
        model.prior.spread.normal_()
    assert torch.equal(model.decode(model.encode(x, y), y), x)
    assert (model(x, y) - model(x, (y + 1) % 3)).abs().min() > 1e-3
    with pytest.raises(UsageError, match="give the class of each example"):
        model(x)


def test_sides_that_cannot_be_halved_are_refused():
    with pytest.raises(UsageError, match="7 x 7 pixels cannot be halved 1 more time; expected"):
        build("glow:channels=1,size=14,scales=2")
