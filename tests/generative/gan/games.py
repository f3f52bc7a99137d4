"""Small games of a generator and a critic."""

import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.data.dataset.dataset import Split


def signature(features=2, latent=3, classes=0):
    """Of vectors made of noise."""
    inputs = (Port("noise", "vector", (latent,)),)
    if classes:
        labels = tuple(str(i) for i in range(classes))
        inputs += (Port("class", "label", (), "int64", labels=labels),)
    return Signature(inputs, (Port("x", "vector", (features,), task="generate"),))


def generator():
    """A generator of vectors."""
    return build("gan", kind="model", signature=signature(), latent=3, width=2)


def small():
    """A generator, and n noises with examples."""
    draw = torch.Generator().manual_seed(1)
    return (
        generator,
        lambda n: (torch.randn(n, 3, generator=draw), torch.randn(n, 2, generator=draw)),
    )


class Shift(nn.Module):
    """A generator that adds a number to its noise."""

    def __init__(self, to):
        super().__init__()
        self.to_ = nn.Parameter(torch.tensor(to))

    def forward(self, noise):
        return noise + self.to_


def shifting(*to):
    """A signed generator of noise around a place."""
    return Signed(Shift(to), signature(len(to), len(to)))


def rows(x, noise):
    """Noise and the examples beside it."""
    return Split(noise, x, signature(x.shape[1], noise.shape[1]))


def trained(objective, x, *, steps, lr, kind):
    """Let the critic move alone; its estimate at the end."""
    optimizer = kind(objective.game.critic.parameters(), lr=lr)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
        optimizer.zero_grad()
        next(objective.losses(x())).value.mean().backward()
        optimizer.step()
        objective.after_step("critic")
    return objective.eval().validate(x(2000))["wasserstein"].mean().item()


def pictures_of_noise(size=8, channels=1, latent=4, classes=2):
    """Of pictures made of noise and a class."""
    labels = tuple(str(i) for i in range(classes))
    inputs = (
        Port("noise", "vector", (latent,)),
        Port("class", "label", (), "int64", labels=labels),
    )
    example = Port("x", "image", (channels, size, size), mean=(0.5,), std=(0.5,), task="generate")
    return Signature(inputs, (example,))


def each_descends(objective, batch, *, lr, steps=10):
    """A player's own steps along its own slope lower its own loss, while the others rest."""
    begun = objective.state_dict()
    begun = {key: value.clone() for key, value in begun.items()}
    for player, module in objective.players.items():
        objective.load_state_dict(begun)

        def own(name=player):
            told = next(one for one in objective.losses(batch) if one.player == name)
            return told.value.mean()

        optimizer, before = torch.optim.SGD(module.parameters(), lr=lr), own().item()
        for _ in range(steps):
            optimizer.zero_grad()
            own().backward()
            optimizer.step()
        assert own().item() < before - 1e-3, player
