import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.foundations.initialization.fans import fans


def test_counts_inputs_and_outputs():
    assert fans(torch.empty(7, 3)) == (3, 7)
    assert fans(torch.empty(7, 3, 5, 4)) == (60, 140)


def test_a_bias_has_none():
    with pytest.raises(UsageError, match="use constant or random-normal"):
        fans(torch.empty(7))
