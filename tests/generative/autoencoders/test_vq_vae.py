import itertools

import pytest
import torch

from cartograd.core.build import build
from cartograd.engine.loop.fit import fit
from cartograd.generative.autoencoders.code_prior import CodePrior
from cartograd.generative.autoencoders.codebook import perplexity
from cartograd.generative.likelihood import Likelihood


@pytest.mark.law("vq-vae")
def test_the_bound_is_below_the_log_probability_which_sums_to_one():
    """All pictures of four black or white pixels, whose code is one of three."""
    torch.manual_seed(0)
    model = build(
        "vq-vae", channels=1, size=2, codes=3, dim=2, width=4, depth=1, levels=2
    ).double().eval()  # fmt: skip
    every = torch.tensor(list(itertools.product((0.0, 1.0), repeat=4))).double()
    with torch.no_grad():
        prior = model.prior.log_prob(torch.arange(3)[:, None])
        said = model.said(model.book.codes)
        each = torch.stack([model.observation.log_prob(x.expand(3, 4), said) for x in every])
        true = (each + prior).logsumexp(1)
        assert true.exp().sum().item() == pytest.approx(1, abs=1e-12)
        assert (model(every.reshape(-1, 1, 2, 2)) <= true).all()


@pytest.mark.law("vq-vae")
def test_a_prior_over_codes_sums_to_one_and_draws_what_it_says():
    torch.manual_seed(0)
    prior = CodePrior(3, (2, 2), width=4, depth=1, classes=2).double()
    every = torch.tensor(list(itertools.product(range(3), repeat=4)))
    y = torch.ones(len(every), dtype=torch.long)
    with torch.no_grad():
        for weight in prior.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
        chances = prior.log_prob(every, y).exp()
        assert chances.sum().item() == pytest.approx(1, abs=1e-12)
        drawn = prior.sample(4000, torch.Generator().manual_seed(0), y=y[:1].expand(4000))
    place = (drawn * torch.tensor([27, 9, 3, 1])).sum(1)
    seen = place.bincount(minlength=81) / 4000
    error = (chances * (1 - chances) / 4000).sqrt()
    assert ((seen - chances).abs() < 4.5 * error + 1e-3).all()


@pytest.mark.law("vq-vae")
def test_the_encoder_alone_is_drawn_to_the_codes():
    """By 0.25 of the squared distance; codes are learned by their running means, not by this."""
    torch.manual_seed(0)
    model = build("vq-vae", channels=1, size=4, codes=5, dim=3, width=4, depth=1).double()
    x = torch.rand(6, 1, 4, 4, dtype=torch.float64)
    model.book.counts.fill_(2)  # none begins anew
    before = model.eval()(x)
    z = model._vectors(x)
    apart = (z - model.book.codes[model.numbers(x)]).square().sum((1, 2))
    found = model.train()(x)
    torch.testing.assert_close(before - found, 0.25 * apart)
    assert not any("book" in name for name, _ in model.named_parameters())
    slopes = torch.autograd.grad(apart.sum(), model.encoder.parameters(), allow_unused=True)
    assert any(one is not None and one.any() for one in slopes)


@pytest.mark.law("vq-vae")
def test_codes_that_are_encoded_again_are_themselves():
    torch.manual_seed(0)
    model = build("vq-vae", channels=1, size=4, codes=5, dim=3, width=4, depth=1).eval()
    number = model.numbers(torch.rand(9, 1, 4, 4))
    vectors = model.encode(torch.rand(9, 1, 4, 4)).unflatten(1, (-1, 3))
    assert torch.equal(model.book.codes[model.book.nearest(vectors.flatten(0, 1))].flatten(),
                       vectors.flatten())  # fmt: skip
    assert torch.equal(model.book.nearest(model.book.codes[number.flatten()]), number.flatten())


def test_it_learns_patterns_with_codes_that_are_in_use():
    """Squares of two by two pixels of four kinds, of which neighbours are alike."""
    torch.manual_seed(0)
    kinds = torch.tensor([[0.0, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 1], [1, 0, 0, 1]])
    which = torch.randint(4, (120, 1, 1)).expand(-1, 2, 2)
    x = kinds[which].unflatten(3, (2, 2)).movedim(3, 2).reshape(120, 1, 4, 4)
    model = build("vq-vae:channels=1,size=4,codes=8,dim=4,width=12,depth=1,levels=2")
    batches = [(part, part) for part in x.split(30)]
    fit(Likelihood(model=model), batches, optimizers="adam:lr=1e-2", epochs=40, device="cpu")
    model.eval()
    with torch.no_grad():
        bits = -model(x).mean() / torch.tensor(2.0).log()
        assert bits < 4  # two are needed, independent squares have eight
        assert perplexity(model.numbers(x), 8) > 3
        assert (model.reconstruct(x) - x).abs().mean() < 0.05
        drawn = model.sample(40, torch.Generator().manual_seed(0)).round().reshape(40, 1, 4, 4)
    near = (drawn[:, None] - x.unique(dim=0)[None]).abs().flatten(2).sum(2).min(1)
    assert (near.values <= 1).float().mean() > 0.8
    assert near.indices.unique().numel() == 4
