"""Training goes as it went: a change in the engine, a loss or a model shows here first."""

import pytest

from cartograd.core import registry
from tests.golden.curves import HERE, STEPS, curve, path_of

OBJECTIVES = {card.name: card for card in registry.cards().values() if card.kind == "objective"}

GAMES = (
    "adversarial",
    "cyclegan-game",
    "pix2pix-game",
    "stylegan2-game",
    "vqgan-game",
    "wgan",
    "wgan-gp",
)
"""Objectives of two players, each of whom raises what the other lowers: no curve has to fall."""

GROWN = ("grow",)
"""What has grown on the first batch is where no gradient leads on."""

OWN_ANSWERS = ("grpo", "ppo")
"""What is drawn anew is always as likely as when it was drawn: the loss says nothing of it."""


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_curve_is_the_one_on_file(name):
    """If it should have changed, say why, and renew the files with `make golden`."""
    old = path_of(OBJECTIVES[name]).read_text().splitlines()
    new = curve(OBJECTIVES[name])
    assert len(new) == len(old) >= STEPS
    for was, now in zip(old, new, strict=True):
        assert was.split()[:2] == now.split()[:2]
        assert float(now.split()[2]) == pytest.approx(float(was.split()[2]), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    "name", [name for name in OBJECTIVES if name not in GAMES + GROWN + OWN_ANSWERS]
)
def test_the_curve_falls(name):
    """A record of something that learns: the last losses are below the first."""
    losses = [float(line.split()[2]) for line in path_of(OBJECTIVES[name]).read_text().splitlines()]
    assert sum(losses[-4:]) < 0.8 * sum(losses[:4])


def test_every_file_belongs_to_an_objective():
    assert {path.stem for path in HERE.glob("*.txt")} == set(OBJECTIVES)
