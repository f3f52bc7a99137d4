"""Random state as a pure function of the seed and of where in the run we are."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from cartograd.core.hashing import mixed


def seeder(
    device: torch.device, seed: int, purpose: int, /, *, rank: int = 0, others: bool = False
) -> Callable[[int], None]:
    """A function that seeds torch's generators, for the CPU and for `device`, from a step's number.

    It is called at every step, so it does little: the purpose's own start plus the step, no two
    steps of a run alike. `torch.manual_seed` visits every backend and costs as much as a small
    step.

    Args:
        device: whose generator to set besides the CPU's.
        seed: of the run.
        purpose: number of the stream (training, validation), each with a start of its own.
        rank: of this process among those with different random numbers.
        others: seed numpy and `random`, too.
    """
    start = mixed(seed, purpose, rank) if rank else mixed(seed, purpose)
    set_cpu = torch.default_generator.manual_seed
    devices = {"cuda": torch.cuda.manual_seed, "mps": torch.mps.manual_seed}
    set_device = devices.get(device.type)

    def reseed(step: int) -> None:
        set_cpu(start + step)
        if set_device is not None:
            set_device(start + step)

    def reseed_all(step: int) -> None:
        reseed(step)
        random.seed(start + step)
        np.random.seed((start + step) & 0xFFFFFFFF)  # noqa: NPY002  for those who draw from it

    return reseed_all if others else reseed


TRAINING, VALIDATION, BEGINNING = range(3)
"""Purposes of random numbers: steps, validation, and what a run starts with."""


def seed_all(number: int, /) -> None:
    """Set the global generators of torch (on the CPU), numpy and `random`."""
    torch.default_generator.manual_seed(number)
    random.seed(number)
    np.random.seed(number & 0xFFFFFFFF)  # noqa: NPY002  for those who draw from it


def others() -> dict[str, Any]:
    """The states of the generators of numpy and `random`, for a checkpoint.

    They are needed where a step goes on with the numbers of the one before: to set these two at
    each step, as torch's are, would cost a small step 3% of its time (7 us).
    """
    return {"random": random.getstate(), "numpy": np.random.get_state()}  # noqa: NPY002


def set_others(state: dict[str, Any], /) -> None:
    """The inverse of `others`."""
    random.setstate(state["random"])
    np.random.set_state(state["numpy"])  # noqa: NPY002


@contextmanager
def aside() -> Iterator[None]:
    """The generators of numpy and `random` are after the block as they were before it."""
    before = others()
    try:
        yield
    finally:
        set_others(before)


@contextmanager
def preserved(device: torch.device, /) -> Iterator[None]:
    """The global generators, torch's too, are after the block as they were before it."""
    devices = [device] if device.type == "cuda" else []
    with aside(), torch.random.fork_rng(devices=devices):
        yield
