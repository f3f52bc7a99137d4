import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.generative.diffusion.consistency import ConsistencyModel
from cartograd.generative.diffusion.consistency_distillation import (
    ConsistencyDistillation,
    heun_step,
)
from cartograd.generative.diffusion.denoiser import PREDICTS
from cartograd.generative.diffusion.denoising import Denoising
from cartograd.generative.diffusion.edm import EDM
from cartograd.generative.diffusion.paths import Growing
from cartograd.generative.samplers.multistep_consistency import multistep_consistency
from tests.generative.samplers.gaussian import MEAN, STD, GaussianDenoiser

PATH = Growing()


def taught():
    """A student, noises with their examples, and the teacher."""
    draw = torch.Generator().manual_seed(1)
    torch.manual_seed(3)
    teacher = EDM(features=3, width=4)
    for weight in teacher.parameters():
        nn.init.normal_(weight, std=0.3)
    return (
        lambda: ConsistencyModel(features=3, width=4),
        lambda n: tuple(torch.randn(n, 3, generator=draw) for _ in range(2)),
        {"teacher": teacher},
    )


@pytest.mark.law("consistency")
def test_at_the_least_noise_it_answers_with_what_it_is_given():
    torch.manual_seed(0)
    model = ConsistencyModel(features=3, width=8).denoiser
    x = torch.randn(5, 3)
    least = PATH.at(torch.tensor(0.002, dtype=torch.float64))
    assert torch.equal(model.denoise(x, least), x)
    above = PATH.at(torch.tensor(0.5, dtype=torch.float64))
    a, b = PREDICTS["consistency"](above.alpha, above.sigma, 0.5)
    found = model.predicted(x, above)
    noise = (x - model.denoise(x, above)) / 0.5
    torch.testing.assert_close((a * model.denoise(x, above) + b * noise).float(), found)


class Ends(GaussianDenoiser):
    """Of normal data: the end of the exact way from each point."""

    def denoise(self, x, level, /, y=None):
        shrink = ((STD**2 + 0.002**2) / (STD**2 + level.sigma**2)).sqrt()
        return MEAN + (x - MEAN) * shrink.reshape(-1, 1)


class Behind(GaussianDenoiser):
    """The posterior mean, at a level of each example's own."""

    def denoise(self, x, level, /, y=None):
        sigma = level.sigma.reshape(-1, 1)
        return MEAN + STD**2 / (STD**2 + sigma**2) * (x - MEAN)


@pytest.mark.law("consistency-distillation")
def test_the_ends_of_the_teachers_ways_have_next_to_no_loss():
    """Less, as the levels are closer; the teacher's own guesses have a loss of another size."""
    torch.manual_seed(0)
    noise = torch.randn(4000, 1).double()
    x = MEAN + STD * torch.randn(4000, 1).double()
    losses = []
    for steps in (18, 72):
        objective = ConsistencyDistillation(
            model=ConsistencyModel(features=1, width=4),
            teacher=EDM(features=1, width=4),
            steps=steps,
        )
        objective._teacher, objective.target = (Behind(PATH),), nn.Module()
        for answer in (Ends, Behind):
            objective.guess.denoiser = answer(PATH)
            losses.append(objective.validate((noise, x))["loss"].mean().item())
    assert losses[0] < 0.02 * losses[1]
    assert losses[2] < 0.05 * losses[0]


def test_a_step_of_the_teacher_is_heuns():
    model, x = Behind(PATH), torch.linspace(-2, 2, 5)[:, None].double()
    now, then = (PATH.at(torch.full((5,), one, dtype=torch.float64)) for one in (1.0, 0.8))
    exact = MEAN + (x - MEAN) * ((STD**2 + 0.64) / (STD**2 + 1)) ** 0.5
    euler = x + -0.2 * (x - model.denoise(x, now))
    assert (heun_step(model, x, now, then, None) - exact).abs().max() < 2e-3
    assert (euler - exact).abs().max() > 1e-2


@pytest.mark.law("consistency-distillation")
def test_both_answers_have_the_same_dropout():
    seen = []

    class Dropping(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))
            self.drop = nn.Dropout(0.5)

        def forward(self, x, time):
            seen.append(self.drop(torch.ones(3)) != 0)
            return x * self.weight

    student, teacher = ConsistencyModel(features=3, width=4), EDM(features=3, width=4)
    student.denoiser.net, teacher.denoiser.net = Dropping(), Dropping()
    objective = ConsistencyDistillation(model=student, teacher=teacher).train()
    masks = []
    for _ in range(6):
        seen.clear()
        list(objective.losses((torch.randn(4, 3), torch.randn(4, 3))))
        assert torch.equal(seen[2], seen[3])  # after the teacher's two calls
        assert seen[0].all()
        masks.append(tuple(seen[2].tolist()))
    assert len(set(masks)) > 1


@pytest.mark.law("consistency-distillation")
def test_the_target_is_a_moving_average_of_the_model():
    torch.manual_seed(0)
    student, teacher = ConsistencyModel(features=3, width=4), EDM(features=3, width=4)
    objective = ConsistencyDistillation(model=student, teacher=teacher, decay=0.9)
    weight = student.denoiser.net.first.weight
    assert torch.equal(weight, teacher.denoiser.net.first.weight)
    start = weight.detach().clone()
    for _ in range(3):
        weight.data.add_(1.0)
        objective.after_step("model")
    target = objective.target.get_buffer("denoiser/net/first/weight")
    right = start + sum(0.1 * 0.9 ** (2 - step) * (step + 1) for step in range(3))
    torch.testing.assert_close(target, right)
    assert "target.denoiser/net/first/weight" in objective.state_dict()


@pytest.mark.law("multistep-consistency")
def test_one_step_is_the_models_answer_and_calls_are_counted():
    model = GaussianDenoiser(PATH)
    noise = torch.randn(5, 1).double()
    one = multistep_consistency(model, noise, torch.Generator(), steps=1)
    torch.testing.assert_close(one, model.denoise(80 * noise, PATH.at(torch.tensor(80.0))))
    ends = Ends(PATH)
    for steps in (1, 2, 4):
        draw = torch.Generator().manual_seed(0)
        x = multistep_consistency(ends, torch.randn(20_000, 1, generator=draw), draw, steps=steps)
        assert x.mean().item() == pytest.approx(MEAN, abs=0.015)
        assert x.std().item() == pytest.approx(STD, rel=0.02)
    model.calls = 0
    multistep_consistency(model, noise, torch.Generator(), steps=3)
    assert model.calls == 3


def test_what_cannot_teach_or_learn_is_refused():
    student, teacher = ConsistencyModel(features=3, width=4), EDM(features=3, width=4)
    with pytest.raises(UsageError, match="the model is EDM; expected consistency"):
        ConsistencyDistillation(model=teacher, teacher=teacher)
    with pytest.raises(UsageError, match="the teacher is FlowMatching; expected edm"):
        ConsistencyDistillation(model=student, teacher=build("flow-matching", features=3, width=4))
    with pytest.raises(UsageError, match="a consistency model is learned from a teacher"):
        Denoising(model=student)
    with pytest.raises(UsageError, match="network is not the teacher's"):
        ConsistencyDistillation(model=student, teacher=EDM(features=3, width=8))
