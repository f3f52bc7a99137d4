import itertools

import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.generative.flows.halves import Channels, Checkerboard, EverySecond
from cartograd.generative.flows.mixture_cdf import MixtureCdf


@pytest.mark.place("flow/flowpp")
@pytest.mark.law("flow-plus-plus")
def test_the_bend_is_the_distribution_function_of_a_mixture():
    from scipy.special import logit
    from scipy.stats import logistic

    bend = MixtureCdf(3)
    x, p = torch.randn(40, 2, dtype=torch.float64), torch.randn(40, 11, 2, dtype=torch.float64)
    y, slope = bend(x, p)
    shares, middles = p[:, :3].softmax(1), p[:, 3:6] + torch.tensor([-1.0, 0, 1])[:, None]
    sizes, a = (3 * (p[:, 6:9] / 3).tanh()).exp(), (3 * (p[:, 9] / 3).tanh()).exp()
    each = logistic.cdf(x[:, None].numpy(), middles.numpy(), sizes.numpy())
    expected = torch.from_numpy(logit((shares.numpy() * each).sum(1))) * a + p[:, 10]
    torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(bend.inverse(y, p), x, rtol=1e-10, atol=1e-10)
    x.requires_grad_()
    (found,) = torch.autograd.grad(bend(x, p)[0].sum(), x)
    torch.testing.assert_close(slope, found.log(), rtol=1e-9, atol=1e-9)
    far = torch.tensor([[-500.0, 500.0]], dtype=torch.float64)
    back = bend.inverse(bend(far, p[:1])[0], p[:1])
    torch.testing.assert_close(back, far)


@pytest.mark.place("flow/discrete")
@pytest.mark.law("flow-plus-plus")
def test_learned_noise_bounds_no_worse_than_even_noise():
    """For the same flow: equal before training, above it afterwards."""
    torch.manual_seed(0)
    spec = "glow:channels=1,size=4,depth=2,width=8,scales=1,levels=3"
    even = build(spec).double()
    learned = build(f"{spec},dequantisation=variational").double()
    x = torch.randint(3, (96, 1, 4, 4)).double() / 2
    x[:, :, ::2] = 0
    optimizer = torch.optim.Adam(even.parameters(), lr=1e-2)
    for _ in range(20):
        optimizer.zero_grad()
        (-even(x).mean()).backward()
        optimizer.step()
    learned.load_state_dict(even.state_dict(), strict=False)
    noise = learned.layers[0].noise
    noise.even = even.layers[0].noise
    for model in (even, learned):
        model.eval()
    torch.testing.assert_close(learned(x), even(x), rtol=1e-6, atol=1e-4)
    optimizer = torch.optim.Adam(noise.parameters(), lr=1e-2)
    learned.train()
    for _ in range(20):
        optimizer.zero_grad()
        (-learned(x).mean()).backward()
        optimizer.step()
    with torch.no_grad():
        even.train()
        bounds = [torch.stack([model(x) for _ in range(4)]).mean() for model in (even, learned)]
    assert bounds[1] > bounds[0] + 0.05
    learned.eval()
    assert torch.equal(learned.decode(learned.encode(x)), x)


@torch.no_grad()
@pytest.mark.place("flow/discrete")
@pytest.mark.law("flow-plus-plus")
@pytest.mark.parametrize("dequantisation", ["uniform", "variational"])
def test_several_draws_bound_by_importance_weights(dequantisation):
    """The log of a mean of ratios: above the mean of logs, and of all pictures at most one."""
    torch.manual_seed(0)
    model = build(
        f"flow-plus-plus:channels=1,size=2,width=8,components=2,levels=2,dequantisation={dequantisation}"
    ).double()
    for weight in model.parameters():
        weight += 0.1 * torch.randn_like(weight)
    x = torch.tensor(list(itertools.product([0.0, 1], repeat=4))).double().reshape(-1, 1, 2, 2)
    model.train()
    model(x)  # sets the normalisations
    model.eval()
    assert model.likelihood == "bound"
    each = torch.stack([model._nats(x, None, number) for number in range(40)])
    torch.testing.assert_close(model(x), each[0])
    model.draws = 40
    assert model.likelihood == "iwae"
    found = model(x)
    torch.testing.assert_close(found.exp(), each.exp().mean(0))
    assert (found > each.mean(0) + 0.01).all()
    assert each.mean(0).exp().sum() < 0.9 * found.exp().sum()
    assert 0.1 < found.exp().sum() < 1


def test_noise_has_a_name():
    with pytest.raises(UsageError, match="dequantisation"):
        build("glow:channels=1,size=4,dequantisation=even")


@pytest.mark.parametrize("odd", [False, True])
def test_halves_are_put_together_again(odd):
    row, picture = torch.randn(2, 7), torch.randn(2, 2, 6, 4)
    for halves, x in (
        (EverySecond(odd), row), (Channels(odd), picture), (Checkerboard(odd), picture),
    ):  # fmt: skip
        a, b = halves.apart(x)
        assert (a.shape[1], b.shape[1]) == halves.sizes(x.shape[1])
        assert torch.equal(halves.together(a, b), x)
    fields = torch.stack([torch.arange(6)[:, None] + torch.arange(4)] * 2)[None] % 2
    a, b = Checkerboard(odd).apart(fields.float())
    assert (a == odd).all()
    assert (b != odd).all()
