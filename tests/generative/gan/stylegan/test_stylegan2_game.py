import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.dataset.dataset import Split
from cartograd.engine.loop.fit import fit
from cartograd.generative.gan.stylegan.stylegan2_game import (
    CHANCE_EVERY,
    PATH_EVERY,
    R1_EVERY,
    RAMP,
    lengths,
    mixed,
)
from tests.generative.gan.games import pictures_of_noise


def generator():
    """A small one of pictures."""
    model = "stylegan2:latent=4,width=2,max_width=4,depth=1"
    return build(model, kind="model", signature=pictures_of_noise())


def taught():
    """What objectives are tried with."""
    draw = torch.Generator().manual_seed(1)
    return (
        generator,
        lambda n: (
            torch.randn(n, 4, generator=draw),
            torch.arange(n) % 2,
            torch.rand(n, 1, 8, 8, generator=draw),
        ),
    )


def game(**settings):
    """A small game, and a batch."""
    torch.manual_seed(0)
    known = {"width": 2, "max_width": 4} | settings
    return build("stylegan2-game", model=generator(), **known), taught()[1](8)


def costs(objective, batch, moves):
    """Both losses at some move."""
    objective.moves = dict.fromkeys(objective.moves, moves)
    return [loss.value.detach() for loss in objective.losses(batch)]


@pytest.mark.law("stylegan2-game")
@pytest.mark.place("gan/stylegan")
def test_path_lengths_of_a_linear_generator_are_those_of_its_matrix():
    torch.manual_seed(0)
    a = torch.randn(12, 5, dtype=torch.float64)
    w = torch.randn(3, 1, 5, dtype=torch.float64, requires_grad=True)
    change = torch.randn(3, 1, 3, 4, dtype=torch.float64)
    found = lengths((w[:, 0] @ a.T).reshape(3, 1, 3, 4), w, change)
    right = (change.flatten(1) @ a).norm(dim=1)
    torch.testing.assert_close(found, right, rtol=0, atol=1e-10)


def test_penalties_are_added_at_every_nth_move_so_many_times():
    objective, batch = game(style_mixing=0.0, ada_target=None)
    objective.train()
    (plain, _), (steep, _) = costs(objective, batch, 1), costs(objective, batch, R1_EVERY)
    objective.r1 *= 2
    (steeper, _) = costs(objective, batch, R1_EVERY)
    torch.testing.assert_close(steeper - plain, 2 * (steep - plain), rtol=1e-3, atol=1e-6)
    x = (batch[2] - 0.5) / 0.5
    x = x.requires_grad_()
    (slope,) = torch.autograd.grad(objective.critic(x, batch[1]).sum(), x)
    right = R1_EVERY * objective.r1 / 2 * slope.square().flatten(1).sum(1)
    torch.testing.assert_close(steeper - plain, right, rtol=1e-3, atol=1e-6)
    (_, free), (_, bound) = costs(objective, batch, 1), costs(objective, batch, PATH_EVERY)
    assert (bound > free).all()


@pytest.mark.law("stylegan2-game")
def test_the_chance_follows_the_sign_of_what_the_critic_is_too_sure_of():
    objective, batch = game(ada_target=0.6)
    steps = []
    for answer in (1.0, 1.0, -1.0):
        for _ in range(CHANCE_EVERY):
            objective.signs.append(answer * len(batch[0]))
            objective.seen += len(batch[0])
            objective.after_step("critic")
        steps.append(objective.chance)
    one = CHANCE_EVERY * 8 / RAMP
    assert steps == pytest.approx([one, 2 * one, one])


def test_the_signs_are_those_of_real_pictures():
    objective, batch = game()
    next(objective.losses(batch))
    x = (batch[2] - 0.5) / 0.5
    assert objective.signs == [objective.critic(x, batch[1]).sign().sum().item()]


def test_styles_change_at_the_layer_of_the_cut():
    w, other = torch.zeros(3, 4, 2), torch.ones(3, 4, 2)
    found = mixed(w, other, torch.tensor([1.0, 3.0, 4.0]))[..., 0]
    assert found.tolist() == [[0, 1, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]


@pytest.mark.place("gan/stylegan")
def test_a_resumed_style_game_ends_as_one_that_was_not_stopped(tmp_path):
    """Both players, what was counted, the chance of augmentations and the moving average."""
    torch.manual_seed(3)
    noise, y, x = taught()[1](32)
    data = Split(noise, x, pictures_of_noise(), others=[y])

    def run(epochs, folder, *, resume=False):
        objective, _ = game(ada_target=-1.0)
        objective.chance = 0.5
        fit(objective, data.batches(batch_size=8), optimizers="adam:lr=1e-3,betas=[0.0,0.99]",
            schedules=None, epochs=epochs, average="ema:decay=0.9", folder=folder,
            resume=resume)  # fmt: skip
        return objective

    whole = run(3, tmp_path / "whole")
    run(2, tmp_path / "parts")
    resumed = run(3, tmp_path / "parts", resume=True)
    for one in ("moves", "chance", "mean_length", "signs", "seen"):
        assert getattr(whole, one) == getattr(resumed, one)
    assert whole.chance > 0.5
    assert whole.mean_length > 0
    ours, theirs = whole.state_dict(), resumed.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_another_model_is_refused():
    with pytest.raises(UsageError, match="got Linear"):
        build("stylegan2-game", model=nn.Linear(3, 2))
