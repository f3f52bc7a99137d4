"""Memory that was freed stays with the process, where the system's library can be told."""

import platform
import resource

import pytest
import torch

from cartograd.engine.device.allocator import keep_freed_memory
from tests.programs import Program


def fewest_faults() -> None:
    """Print how often the quietest of five rounds met a page for the first time."""
    assert keep_freed_memory()

    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(5):
            torch.ones(16, 2**20).add(1)  # 64 MB twice: 32,768 pages
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    print(min(faults() for _ in range(5)))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_memory_that_was_freed_is_used_again():
    """In a process of its own: after thousands of other tests the heap may have no room to grow."""
    said, _ = Program(fewest_faults).communicate()
    # A round may still find its place taken by a small block and need a new one; given back to the
    # system, each of the rounds would have 163,840.
    assert int(said) < 1000
