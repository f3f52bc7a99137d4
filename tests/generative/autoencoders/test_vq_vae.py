import itertools

import pytest
import torch

from cartograd.core.build import build
from cartograd.engine.loop.fit import fit
from cartograd.generative.autoencoders.codebook import perplexity
from cartograd.generative.likelihood import Likelihood


@pytest.mark.law("vq-vae")
def test_the_bound_is_below_the_log_probability_which_sums_to_one():
    """All pictures of three black or white pixels, all pairs of three codes."""
    torch.manual_seed(0)
    model = build("vq-vae", features=3, latent=2, codes=3, dim=2, widths=(4,), levels=2).double()
    model.usage.copy_(torch.rand(2, 3) * 9)
    every = torch.tensor(list(itertools.product((0.0, 1.0), repeat=3))).double()
    pairs = torch.tensor(list(itertools.product(range(3), repeat=2)))
    prior = model.prior()[torch.arange(2), pairs].sum(1)
    said = model.decoder(model.book.codes[pairs].flatten(1))
    each = torch.stack([model.observation.log_prob(x.expand(9, 3), said) for x in every])
    true = (each + prior).logsumexp(1)
    assert true.exp().sum().item() == pytest.approx(1, abs=1e-12)
    assert (model.eval()(every) <= true).all()


def test_it_learns_clusters_with_codes_that_are_in_use():
    torch.manual_seed(0)
    middles = torch.randn(6, 4) * 3
    x = middles[torch.arange(600) % 6] + 0.2 * torch.randn(600, 4)
    model = build("vq-vae", features=4, latent=1, codes=8, dim=3, widths=(16,))
    untrained = model.eval()(x).mean().item()
    batches = [(part, part) for part in x.split(100)]
    fit(Likelihood(model=model), batches, optimizers="adam:lr=1e-2", epochs=40, device="cpu")
    model.eval()
    with torch.no_grad():
        normal = torch.distributions.MultivariateNormal(x.mean(0), x.T.cov()).log_prob(x).mean()
        assert model(x).mean() > max(normal.item(), untrained) + 1
        assert perplexity(model.numbers(x), 8) > 4
        again = model.decode(model.encode(x))
        assert (again - x).square().mean() < 0.1 * x.var(0).mean()
        drawn = model.sample(300, torch.Generator().manual_seed(0))
        near = torch.cdist(drawn, middles).min(1)
        assert near.values.mean() < 1
        assert near.indices.unique().numel() >= 5
