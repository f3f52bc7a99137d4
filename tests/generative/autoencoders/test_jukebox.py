import itertools

import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.engine.loop.fit import fit
from cartograd.generative.autoencoders.line_prior import LinePrior
from cartograd.generative.autoencoders.spectra import spectral_convergence
from cartograd.generative.likelihood import Likelihood


def prior(covers=0):
    """A small one, in double precision, with something to say."""
    torch.manual_seed(0)
    found = LinePrior(3, 4, width=4, depth=2, classes=2, covers=covers).double()
    with torch.no_grad():
        for weight in found.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return found


COARSE = torch.tensor([[2, 0]])


@pytest.mark.law("jukebox")
@pytest.mark.parametrize("covers", [0, 2])
def test_the_chances_of_all_lines_sum_to_one(covers):
    every = torch.tensor(list(itertools.product(range(3), repeat=4)))
    coarse = COARSE.expand(81, -1) if covers else None
    y = torch.ones(81, dtype=torch.long)
    with torch.no_grad():
        found = prior(covers).log_prob(every, coarse, y).exp()
    assert found.sum().item() == pytest.approx(1, abs=1e-12)


@pytest.mark.law("jukebox")
@pytest.mark.parametrize("covers", [0, 2])
def test_lines_drawn_with_queues_have_the_chances_of_whole_passes(covers):
    """The number that draws a code lies between the sums of the chances around it."""
    model, y = prior(covers), torch.tensor([0, 1, 1])
    coarse = COARSE.expand(3, -1) if covers else None
    drawn = model.sample(3, torch.Generator().manual_seed(4), coarse=coarse, y=y)
    u = torch.rand(3, 4, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    with torch.no_grad():
        for t in range(4):
            tried = drawn[:, None].repeat(1, 3, 1)
            tried[:, :, t] = torch.arange(3)
            tried[:, :, t + 1 :] = 0
            rows = tried.flatten(0, 1)
            told = None if coarse is None else coarse.repeat_interleave(3, 0)
            whole = model.log_prob(rows, told, y.repeat_interleave(3)).exp().unflatten(0, (3, 3))
            rest = [
                model.log_prob(_ended(rows, t, end), told, y.repeat_interleave(3)).exp()
                for end in itertools.product(range(3), repeat=3 - t)
            ]
            chances = torch.stack(rest).sum(0).unflatten(0, (3, 3))
            chances = chances / chances.sum(1, keepdim=True)
            level = (chances.cumsum(1) < u[:, t, None]).sum(1)
            assert torch.equal(level, drawn[:, t])
            assert (whole <= chances + 1e-12).all()


def _ended(rows, t, end):
    rows = rows.clone()
    rows[:, t + 1 :] = torch.tensor(end, dtype=torch.long)
    return rows


@pytest.mark.law("jukebox")
def test_no_gradient_of_a_prior_reaches_a_code_and_levels_are_apart():
    torch.manual_seed(0)
    model = build("jukebox", features=64, codes=4, dim=2, width=4, depth=1).train()
    x = torch.randn(2, 64) / 4
    fine, coarse = (level(x[:, None])[2] for level in model.levels)
    cost = model.top.log_prob(coarse).sum() + model.upsampler.log_prob(fine, coarse).sum()
    cost.backward()
    assert all(one.grad is None for one in model.levels.parameters())
    made, far, _ = model.levels[1](x[:, None])
    (made.sum() + far.sum()).backward()
    assert all(one.grad is None for one in model.levels[0].parameters())
    assert all(one.grad is not None for one in model.levels[1].parameters())


@pytest.mark.law("jukebox")
def test_levels_that_have_learned_stay_and_the_priors_go_on():
    torch.manual_seed(0)
    model = build("jukebox", features=64, codes=4, dim=2, width=4, depth=1, code_steps=2)
    batches = [(torch.randn(4, 1, 64) / 4,) * 2 for _ in range(5)]
    states = []
    for part in (batches[:2], batches[2:]):
        fit(Likelihood(model=model), part, optimizers="adam:lr=1e-2", epochs=1, device="cpu")
        states.append({name: one.clone() for name, one in model.state_dict().items()})
    moved = {
        name.split(".")[0] for name, one in states[1].items() if (one != states[0][name]).any()
    }
    assert moved == {"passes", "top", "upsampler"}


@pytest.mark.law("jukebox")
def test_what_is_quieter_than_noise_counts_as_noise():
    """Else a silent sound, of which each mistake is infinitely more, would be all that counts."""
    draw = torch.Generator().manual_seed(0)
    x, made = torch.zeros(1, 2000), 0.01 * torch.randn(1, 2000, generator=draw)
    assert spectral_convergence(x, made).item() == pytest.approx(1, abs=0.05)
    assert spectral_convergence(100 * made, 99 * made).item() == pytest.approx(0.01, abs=1e-4)


@pytest.mark.place("ar/jukebox")
@pytest.mark.law("jukebox")
def test_a_drawn_sound_is_that_of_fine_codes_given_coarse_ones():
    torch.manual_seed(0)
    model = build("jukebox", features=64, classes=2, codes=4, dim=2, width=4, depth=1).eval()
    y, draw = torch.tensor([1, 0]), torch.Generator().manual_seed(7)
    with torch.no_grad():
        coarse = model.top.sample(2, draw, y=y)
        fine = model.upsampler.sample(2, draw, coarse=coarse, y=y)
        drawn = model.sample(2, torch.Generator().manual_seed(7), y=y)
        assert (coarse.shape, fine.shape, drawn.shape) == ((2, 2), (2, 8), (2, 64))
        assert torch.equal(drawn, model.levels[0].sound(fine)[:, 0])
        other = model.upsampler.log_prob(fine, (coarse + 1) % 4, y)
        assert (other != model.upsampler.log_prob(fine, coarse, y)).any()


@pytest.mark.law("jukebox")
def test_spectra_of_a_sound_are_those_of_itself_whatever_its_sign():
    x = torch.randn(3, 2000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert spectral_convergence(x, x).abs().max() < 1e-12
    assert spectral_convergence(x, -x).abs().max() < 1e-12
    torch.testing.assert_close(
        spectral_convergence(x, 0 * x), torch.ones(3).double(), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(
        spectral_convergence(x, 3 * x), 2 * torch.ones(3).double(), atol=1e-4, rtol=0
    )


def test_it_learns_tones_and_draws_them():
    """Two tones, the class says which: rebuilt by the fine level, and better than by the rough."""
    torch.manual_seed(0)
    y = torch.arange(16) % 2
    pitch = torch.tensor([0.3, 0.9])[y]
    x = 0.5 * torch.sin(pitch[:, None] * torch.arange(128) + 6 * torch.rand(16, 1))
    model = build("jukebox", features=128, classes=2, codes=16, dim=4, width=12, depth=1)
    batches = [(x[i::4, None], y[i::4], x[i::4, None]) for i in range(4)]
    fit(Likelihood(model=model), batches, optimizers="adam:lr=1e-2", epochs=24, device="cpu")
    model.eval()
    with torch.no_grad():
        made = [level(x[:, None])[0][:, 0] for level in model.levels]
        fine, rough = ((one - x).square().mean().sqrt().item() for one in made)
        assert fine < 0.2 < 0.35  # silence is 0.35 away
        assert fine < rough
        assert model.sample(2, torch.Generator().manual_seed(0), y=y[:2]).isfinite().all()


def test_lengths_that_cannot_be_halved_are_refused():
    with pytest.raises(UsageError, match="expected a multiple of 32"):
        build("jukebox", features=100)
