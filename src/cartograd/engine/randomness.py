"""Random state as a pure function of the seed and of where in the run we are."""

from collections.abc import Callable

import torch

_MASK = (1 << 64) - 1


def mixed(seed: int, *place: int) -> int:
    """One 62-bit number from several, so that near ones give unrelated results.

    The finaliser of SplitMix64 (Steele, Lea and Flood, 2014, "Fast splittable pseudorandom
    number generators", https://doi.org/10.1145/2714064.2660195), once per number.

    >>> mixed(0, 1) != mixed(1, 0) and mixed(3, 5) == mixed(3, 5)
    True
    """
    state = 0
    for number in (seed, *place):
        state = (state + number + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state >> 2


def seeder(device: torch.device, seed: int, purpose: int, /) -> Callable[[int], None]:
    """A function that sets torch's generators, for the CPU and for `device`, from a step's number.

    It is called at every step, so it does little: the purpose's own start plus the step, no two
    steps of a run alike. `torch.manual_seed` visits every backend and costs as much as a small
    step.

    Args:
        device: whose generator to set besides the CPU's.
        seed: of the run.
        purpose: number of the stream (training, validation), each with a start of its own.
    """
    start = mixed(seed, purpose)
    set_cpu = torch.default_generator.manual_seed
    others = {"cuda": torch.cuda.manual_seed, "mps": torch.mps.manual_seed}
    set_other = others.get(device.type)

    def reseed(step: int) -> None:
        set_cpu(start + step)
        if set_other is not None:
            set_other(start + step)

    return reseed


TRAINING, VALIDATION = range(2)
"""Purposes of `seeder`."""
