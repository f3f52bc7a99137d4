import pytest
import torch
from torch import nn

from cartograd.apps.verbs.evaluate import evaluate
from cartograd.apps.verbs.train import train
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Split
from cartograd.engine.loop.fit import fit
from cartograd.generative.gan.cyclegan.history import History
from cartograd.generative.gan.patch_critic import patch_critic
from tests.generative.gan.games import each_descends


def domains():
    """Of pictures, and of pictures."""
    given = Port("image", "image", (1, 24, 24), mean=(0.5,), std=(0.5,))
    made = Port("made", "image", (1, 24, 24), mean=(0.5,), std=(0.5,), task="image-to-image")
    return Signature((given,), (made,))


def generators():
    """Two small ones."""
    return build("cyclegan:width=2,blocks=1", kind="model", signature=domains())


def taught():
    """What objectives are tried with."""
    draw = torch.Generator().manual_seed(1)
    return generators, lambda n: tuple(torch.rand(2, n, 1, 24, 24, generator=draw))


def game(**settings):
    """A small game, and a batch."""
    torch.manual_seed(0)
    objective = build("cyclegan-game", model=generators(), width=2, **settings)
    return objective, taught()[1](8)


@pytest.mark.law("cyclegan-game")
@pytest.mark.place("gan/cyclegan")
def test_a_patch_is_seventy_by_seventy():
    torch.manual_seed(0)
    critic = patch_critic(1, width=2).double()
    layers = nn.Sequential(*(one for one in critic if not isinstance(one, nn.InstanceNorm2d)))
    x = torch.randn(1, 1, 256, 256, dtype=torch.float64, requires_grad=True)
    answers = layers(x)
    assert answers.shape[2:] == (30, 30)
    (slope,) = torch.autograd.grad(answers[0, 0, 15, 15], x)
    rows, columns = (slope[0, 0] != 0).nonzero().unbind(1)
    assert (rows.max() - rows.min() + 1, columns.max() - columns.min() + 1) == (70, 70)


@pytest.mark.law("cyclegan-game")
@pytest.mark.place("gan/cyclegan")
def test_generators_that_are_the_identity_come_back():
    objective, batch = game()
    objective.there = objective.back = nn.Identity()
    a, b = (2 * x - 1 for x in batch)
    first = next(objective.losses(batch))
    of_a, of_b = objective.critics
    right = (of_b(a) - 1).square().mean((1, 2, 3)) + (of_a(b) - 1).square().mean((1, 2, 3))
    torch.testing.assert_close(first.value, right)
    assert first.metrics["cycle"].abs().max() == 0
    assert objective.validate(batch)["cycle"].abs().max() == 0


def test_the_cycle_and_the_identity_are_weighed():
    objective, batch = game(cycle=0.0)
    plain = next(objective.losses(batch)).value
    objective.cycle = 10.0
    objective.identity = 0.0
    round_trip = next(objective.losses(batch))
    torch.testing.assert_close(round_trip.value - plain, 20 * round_trip.metrics["cycle"])
    objective.identity = 0.5
    a, b = (2 * x - 1 for x in batch)
    stayed = (objective.there(b) - b).abs().mean((1, 2, 3))
    stayed = stayed + (objective.back(a) - a).abs().mean((1, 2, 3))
    more = next(objective.losses(batch)).value - round_trip.value
    torch.testing.assert_close(more, 5 * stayed, rtol=1e-4, atol=1e-5)


@pytest.mark.law("cyclegan-game")
def test_each_players_descent_lowers_its_own_loss():
    each_descends(*game(), lr=0.01)


@pytest.mark.law("cyclegan-game")
def test_half_of_what_a_critic_is_shown_is_old():
    torch.manual_seed(0)
    pool, shown = History((1, 2, 2), 50), []
    for number in range(60):
        x = torch.randn(20, 1, 2, 2)
        seen = pool.shown(x, x)
        assert torch.equal(seen, pool.shown(x, x))
        pool.waiting.pop()
        shown.append((seen != x).flatten(1).any(1))
        pool.took()
        if number == 1:
            assert int(pool.filled) == 40
    assert not torch.cat(shown[:3]).any()
    assert torch.cat(shown[3:]).double().mean().item() == pytest.approx(0.5, abs=0.05)
    assert len(pool.kept.flatten(1).unique(dim=0)) == 50


@pytest.mark.place("gan/cyclegan")
def test_a_resumed_cycle_ends_as_one_that_was_not_stopped(tmp_path):
    """Both players, the pictures of before and the moving average."""
    data = Split(*taught()[1](64), domains())

    def run(epochs, folder, *, resume=False):
        objective, _ = game()
        fit(objective, data.batches(batch_size=16), optimizers="adam:lr=1e-3", schedules=None,
            epochs=epochs, average="ema:decay=0.9", folder=folder, resume=resume)  # fmt: skip
        return objective

    whole = run(2, tmp_path / "whole")
    run(1, tmp_path / "parts")
    resumed = run(2, tmp_path / "parts", resume=True)
    assert int(whole.histories[0].filled) == 50
    ours, theirs = whole.state_dict(), resumed.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_pictures_in_two_folders_are_two_domains(tmp_path):
    from PIL import Image

    for name, shade in (("day", 220), ("night", 30)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(80):
            picture = Image.new("L", (24, 24), shade)
            picture.putpixel((i % 24, i // 24), 128)
            picture.save(tmp_path / "data" / name / f"{i}.png")
    run = train("cyclegan:width=2,blocks=1", f"folder:{tmp_path / 'data'}", folder=tmp_path / "r",
                objective="cyclegan-game:width=2", epochs=1, batch_size=16)  # fmt: skip
    assert {"valid/cycle", "train/model/loss"} <= set(run.history[0])
    found = evaluate(run.folder, f"folder:{tmp_path / 'data'}")
    assert set(found.metrics) >= {"frechet", "coverage"}


def test_the_critics_patches_are_smaller_than_the_pictures_unless_told_otherwise():
    def halvings(**told):
        critics = game(**told)[0].critics
        return [sum(getattr(one, "stride", 1) == (2, 2) for one in critic) for critic in critics]

    assert (halvings(), halvings(patch_size=70)) == ([1, 1], [3, 3])
    with pytest.raises(UsageError, match="expected 16, 34 or 70"):
        game(patch_size=20)


def test_another_model_and_small_pictures_are_refused():
    with pytest.raises(UsageError, match="got Linear"):
        build("cyclegan-game", model=nn.Linear(3, 2))
    with pytest.raises(UsageError, match="two domains"):
        train("cyclegan:width=2,blocks=1", "digits")
