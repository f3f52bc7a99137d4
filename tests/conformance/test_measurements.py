"""Every measurement repeats under a clock that stands still, tells plain numbers, leaves no trace.

What is timed does not repeat to the bit. So a measurement takes what times its calls as its first
argument, and has to repeat to the bit with one that always says the same.
"""

import json
import math

import torch

from cartograd.core.build import build
from tests.conformance.support import global_state_untouched, over


def still(call, seconds):
    """Does the work, and says that it took half a second."""
    call()
    return 0.5


def numbers(found):
    """Each number within."""
    if isinstance(found, dict | list | tuple):
        for item in found.values() if isinstance(found, dict) else found:
            yield from numbers(item)
    elif isinstance(found, int | float):
        yield found


@over("measurement")
def test_a_measurement_repeats_under_one_clock(card):
    threads = torch.get_num_threads()
    with global_state_untouched():
        measure = build(card.name, kind=card.kind, **card.tiny)
        first, second = (measure(still).to_json() for _ in range(2))
    assert json.dumps(first) == json.dumps(second)
    assert torch.get_num_threads() == threads
    told = list(numbers(first))
    assert told
    assert all(math.isfinite(one) and one > 0 for one in told)
