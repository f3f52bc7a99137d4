"""On a GPU: the same arithmetic as on the processor, and operations without a fixed order."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def _as_exact_as_can_be() -> Iterator[None]:
    """No products of 19 bits, no memory full of NaN, which only the deterministic mode has."""
    torch.set_deterministic_debug_mode("default")
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield
    torch.cuda.synchronize()
