"""Random state as a pure function of the seed and of where in the run we are."""

import torch

_MASK = (1 << 64) - 1


def mixed(seed: int, *place: int) -> int:
    """One 64-bit number from several, so that near seeds and near steps are unrelated.

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
    return state


def reseed(device: torch.device, seed: int, *place: int) -> None:
    """Set torch's generators for the CPU and for `device`.

    Not `torch.manual_seed`, which visits every backend and costs as much as a small step.
    """
    number = mixed(seed, *place)
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        torch.cuda.manual_seed(number)
    elif device.type == "mps":
        torch.mps.manual_seed(number)
