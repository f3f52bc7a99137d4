import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cartograd.apps.verbs.train import train
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.generative.gan.patch_critic import HALVINGS, patch_critic
from tests.generative.gan.games import each_descends


def pairs(side=16):
    """Of sketches, and of pictures."""
    seen, whole = (
        Port("image", "image", (1, side, side), mean=(0.4,), std=(0.3,), task=task)
        for task in ("", "restore")
    )
    return Signature((seen,), (whole,))


def taught():
    """A network that treats each picture by itself, and n pairs."""
    draw = torch.Generator().manual_seed(1)
    return (
        lambda: Signed(nn.Conv2d(1, 1, 3, padding=1), pairs()),
        lambda n: tuple(torch.rand(2, n, 1, 16, 16, generator=draw)),
    )


def game(**settings):
    """A small game, and a batch."""
    torch.manual_seed(0)
    model, batch = taught()
    return build("pix2pix-game", model=model(), width=2, **settings), batch(8)


@pytest.mark.law("pix2pix-game")
def test_each_players_descent_lowers_its_own_loss():
    each_descends(*game(), lr=0.01)


@pytest.mark.law("pix2pix-game")
def test_a_generator_that_is_right_has_the_critics_loss_alone():
    objective, (x, whole) = game()
    objective.model.forward = lambda _: whole
    first = next(objective.losses((x, whole)))
    seen = torch.cat([(one - 0.4) / 0.3 for one in (x, whole)], dim=1)
    torch.testing.assert_close(first.value, F.softplus(-objective.critic(seen)).mean((1, 2, 3)))
    assert first.metrics["l1"].abs().max() == 0


@pytest.mark.paper("pix2pix-game")
@pytest.mark.parametrize("patch_size", HALVINGS)
def test_critics_see_patches_of_the_published_sizes(patch_size):
    critic = patch_critic(1, width=1, patch_size=patch_size).double()
    layers = nn.Sequential(*(one for one in critic if not isinstance(one, nn.InstanceNorm2d)))
    x = torch.randn(1, 1, 128, 128, dtype=torch.float64, requires_grad=True)
    answers = layers(x)
    middle = answers.shape[-1] // 2
    (slope,) = torch.autograd.grad(answers[0, 0, middle, middle], x)
    rows = (slope[0, 0] != 0).any(1).nonzero()
    assert rows.max() - rows.min() + 1 == patch_size


@pytest.mark.paper("pix2pix-game")
def test_the_critic_has_the_published_size():
    """The paper's batch normalisation scales its 128, 256 and 512 channels as well."""
    with torch.device("meta"):
        count = sum(one.numel() for one in patch_critic(6, width=64).parameters())
    assert round((count + 128 + 256 + 512) / 1e6, 3) == 2.769


def test_what_it_cannot_judge_is_refused():
    with pytest.raises(UsageError, match="expected 16, 34 or 70"):
        game(patch_size=20)
    with pytest.raises(UsageError, match="expected one size"):
        train("espcn:width=4", "digits", epochs=1, objective="pix2pix-game")
    with pytest.raises(UsageError, match="with a signature"):
        build("pix2pix-game", model=nn.Identity())
