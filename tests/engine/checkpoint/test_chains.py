"""Chains of stops: whatever an objective and its data draw from, a run ends with the same bits.

A chain is one run, stopped at random steps and resumed each time. Its objective draws from torch,
numpy or `random`, once or until a draw pleases it; its batches come from memory, from a DataLoader
in this process or in workers, from a list, or from a dataset that can only be iterated.
"""

import os
import random
import signal

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

from cartograd.engine.loop.fit import fit
from tests.engine.checkpoint.test_resume import assert_same, ends
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants

pytestmark = pytest.mark.untyped  # the shape-checking hook draws from Python's own random numbers

EPOCHS, BATCHES, SIZE = 2, 6, 8

DRAWS = {
    "torch": lambda: float(torch.rand(())),
    "numpy": lambda: float(np.random.rand()),  # noqa: NPY002  as users do
    "random": random.random,
}


class Noisy(Supervised):
    """Noise on the inputs."""

    def __init__(self, draw):
        super().__init__(mlp(2, 6, 2, dropout=0.2))
        self.draw = draw

    def losses(self, batch):
        x, y = batch
        yield from super().losses((x + self.draw(), y))


class Mixed(Noisy):
    """Mixup as people write it: the share and the partners are drawn."""

    def losses(self, batch):
        x, y = batch
        share, offset = self.draw(), int(self.draw() * len(x))
        yield from Supervised.losses(self, (share * x + (1 - share) * x.roll(offset, 0), y))


class Rejecting(Noisy):
    """Draws until it likes the number, so that steps draw unequally often; and after the step."""

    def losses(self, batch):
        while self.draw() < 0.6:
            pass
        yield from super().losses(batch)

    def after_step(self, player):
        self.draw()


class Drawn(Dataset):
    """Augments with the generator that the objective draws from, too."""

    def __init__(self, draw):
        self.draw = draw
        self.x, self.y = quadrants(BATCHES * SIZE)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.x[index] + self.draw(), self.y[index]


class Streamed(IterableDataset):
    """The same, one after the other."""

    def __init__(self, draw):
        self.examples = Drawn(draw)

    def __iter__(self):
        return (self.examples[i] for i in range(len(self.examples)))


def batches(kind, draw):
    if kind == "memory":
        return Toy(*quadrants(BATCHES * SIZE), batch_size=SIZE)
    if kind == "list":
        x, y = quadrants(BATCHES * SIZE)
        return list(zip(x.split(SIZE), y.split(SIZE), strict=True))
    if kind == "iterable":
        return DataLoader(Streamed(draw), batch_size=SIZE)
    return DataLoader(Drawn(draw), batch_size=SIZE, shuffle=True, num_workers=int(kind[-1]))


class Stopping:
    """Stops the run after a step."""

    def __init__(self, step):
        self.step = step

    def on_step(self, view):
        if view.step == self.step:
            os.kill(os.getpid(), signal.SIGINT)


def begun(folder, objective, draw, kind, *, resume=False, stop=None, **more):
    made = objective(DRAWS[draw])
    checks = Toy(*quadrants(24, seed=2), batch_size=12)
    run = fit(
        made, batches(kind, DRAWS[draw]), validate=checks, epochs=EPOCHS, seed=3, folder=folder,
        resume=resume, callbacks=[] if stop is None else [Stopping(stop)], **more,
    )  # fmt: skip
    return made, run


def chain(folder, stops, *what, **more):
    """Equal to the unbroken run after these stops."""
    expected = ends(*begun(folder / "whole", *what, **more))
    for number, step in enumerate(stops):
        _, run = begun(folder / "run", *what, resume=number > 0, stop=step, **more)
        assert (run.stopped, run.steps) == ("interrupted", step)
    found = ends(*begun(folder / "run", *what, resume=True, **more))
    expected["parts"].pop("callbacks"), found["parts"].pop("callbacks")
    assert_same(expected, found, f"{what} stopped at {stops}")


KINDS = ("memory", "list", "iterable", "workers 0", "workers 2")
CHAINS = int(os.environ.get("CARTOGRAD_CHAINS", "10"))
"""`make hard` asks for more."""


@pytest.mark.parametrize("number", range(CHAINS))
def test_a_chain_of_stops_ends_as_the_unbroken_run(number, tmp_path):
    chance = random.Random(number)
    what = chance.choice((Noisy, Mixed, Rejecting)), chance.choice(list(DRAWS))
    accumulate = chance.choice((1, 1, 2))
    steps = -(-BATCHES // accumulate) * EPOCHS
    stops = sorted(chance.sample(range(1, steps), chance.randint(1, 3)))
    chain(tmp_path, stops, *what, KINDS[number % 5], accumulate=accumulate)


def test_a_stop_between_the_last_step_of_an_epoch_and_its_validation(tmp_path):
    """The objective draws from numpy in validation, too."""
    chain(tmp_path, [BATCHES], Noisy, "numpy", "workers 2")
