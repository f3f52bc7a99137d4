"""Names that count the layers of a process, as Keras gives them."""

import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.engine.files.counted_names import renumbered
from cartograd.engine.files.tensor_files import load_into

FIRST = ["p.net/conv/kernel", "p.net/dense/kernel", "p.net/dense_1/kernel", "p.seed/state"]
LATER = ["p.net_2/conv_4/kernel", "p.net_2/dense_9/kernel", "p.net_2/dense_10/kernel",
         "p.seed_3/state"]  # fmt: skip
COPY = ["p.conv/kernel", "p.dense/kernel", "p.dense_1/kernel", "p.seed_4/state"]


@pytest.mark.parametrize("other", [LATER, COPY, FIRST])
def test_layers_of_another_copy_are_those_of_the_same_rank(other):
    """By number and not by letters: dense_9 comes before dense_10."""
    assert renumbered(other, FIRST) == dict(zip(other, FIRST, strict=True))
    assert renumbered(FIRST, other) == dict(zip(FIRST, other, strict=True))


def test_another_model_is_no_copy():
    assert renumbered(FIRST, LATER[:-1]) is None
    assert renumbered(["p.net/dense/kernel"], ["p.net/dense/bias"]) is None


class Counted(nn.Module):
    """A module whose weights are called as Keras calls them."""

    def __init__(self, *numbers):
        super().__init__()
        names = [f"net_{numbers[0]}/dense_{n}/kernel" for n in numbers]
        self.held = nn.ParameterDict({n: nn.Parameter(torch.zeros(2)) for n in names})


def test_weights_find_their_layers():
    model, tensors = Counted(3, 4), {f"held.net_1/dense_{n}/kernel": torch.ones(2) * n
                                     for n in (1, 2)}  # fmt: skip
    load_into(model, tensors, "bundle")
    assert [weight[0].item() for weight in model.parameters()] == [1.0, 2.0]
    with pytest.raises(UsageError, match="of another model than Counted"):
        load_into(Counted(3, 4, 5), tensors, "bundle")
