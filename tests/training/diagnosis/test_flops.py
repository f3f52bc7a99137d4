import torch
from torch import nn

from cartograd.core.build import build
from cartograd.training.diagnosis.flops import flops
from tests.conformance.support import global_state_untouched, untouched
from tests.engine.toys import mlp, quadrants


def test_the_operations_of_a_step_are_those_of_the_formula():
    """Forward 2 b i o a layer; backward the same for weights, and for inputs but the first."""
    x, y = quadrants(32)
    model = mlp(2, 50, 3)
    with untouched(model), global_state_untouched():
        found = flops(build("classify", model=model), (x, y % 3))
    assert found == 2 * 32 * (2 * (2 * 50) + 3 * (50 * 3))


def test_a_step_that_branches_on_numbers_has_no_count():
    class Branching(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(2, 2)

        def forward(self, x):
            return self.inner(x) if x.sum() > 0 else -self.inner(x)

    assert (
        flops(build("classify", model=Branching()), (torch.ones(4, 2), torch.zeros(4).long()))
        is None
    )
