"""Integers or floats: which computes a rounded layer sooner on this machine.

Integer kernels win where there is much to multiply. Around little of it they cost more than they
save: a layer of 120 numbers is over in floats before its inputs are whole numbers. So where a
kernel is right here (`integer_kernels`, `int8_weights`), it is timed against floats of the same
rounded weights, once a machine for each shape, batch and number of threads, and floats are taken
where nothing is faster. The weights stay whole numbers in the bundle, whatever computes.

>>> told([])
''
"""

import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from cartograd.engine.device.measured import keep, known, machine

FILE = "layers.json"
"""Of the cache: a share of the floats' time for each layer that was timed."""

WORTHWHILE = 0.9
"""Floats are taken below this share of the integers' time; so that what is close stays."""

ROUNDS, SECONDS = (3, 9), 0.02
"""How often both are called in turns, at least and at most; and for how long. The best counts."""

WEIGHTS = 2**20
"""Weights above which a layer keeps to integers unasked: their floats would be many bytes."""


def clock() -> float:
    """Seconds: of the processor where one thread computes, so that other programs count for less.

    Several threads wait for each other, and what counts then is the time that passes.
    """
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


@runtime_checkable
class Chooses(Protocol):
    """A layer that computes in integers or in floats.

    Attributes:
        form: what it last chose, `integers` or `floats`; empty before.
    """

    form: str


def floats_are(what: str, integers: Callable[[], object], floats: Callable[[], object], /) -> bool:
    """Whether floats are the quicker of two forms of a layer.

    Args:
        what: kind of the layer, its shape and the batch: what the answer depends on.
        integers: one call in whole numbers.
        floats: the same in floats.
    """
    key = f"{what} | {torch.get_num_threads()} threads | {torch.__version__} | {_processor()}"
    if key not in _shares():
        _shares()[key] = share(integers, floats)
        keep(FILE, {key: _shares()[key]})
    return _shares()[key] < WORTHWHILE


@cache
def _shares() -> dict[str, float]:
    return known(FILE)


@cache
def _processor() -> str:
    return machine(torch.device("cpu"))


def share(integers: Callable[[], object], floats: Callable[[], object], /) -> float:
    """The time of floats as a share of the integers': the best calls of each, in turns."""
    forms, best = (integers, floats), [float("inf")] * 2
    with torch.inference_mode():
        for form in forms:
            form()
        end = clock() + SECONDS
        for done in range(1, ROUNDS[1] + 1):
            for number, form in enumerate(forms):
                start = clock()
                form()
                best[number] = min(best[number], clock() - start)
            if done >= ROUNDS[0] and clock() > end:
                break
    return best[1] / best[0] if best[0] > 0 else 1.0


def batch(count: int, /) -> int:
    """The next power of two: batches of like sizes are timed once.

    >>> batch(1), batch(5), batch(8)
    (1, 8, 8)
    """
    return 1 << (count - 1).bit_length()


def told(models: Iterable[nn.Module], /) -> str:
    """What computes the rounded layers of models, in words; nothing where there are none."""
    parts = [part for model in models for part in model.modules() if isinstance(part, Chooses)]
    count = {form: sum(part.form == form for part in parts) for form in ("integers", "floats")}
    words = {
        "integers": f"{count['integers']} rounded layers in integers",
        "floats": f"{count['floats']} in floats, which nothing is faster than here",
    }
    return ", ".join(words[form] for form, many in count.items() if many)
