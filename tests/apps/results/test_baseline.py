"""The constant answer beside the figure: better, no better, worse; by the interval."""

import pytest
import torch

from cartograd.apps.results.baseline import against_constant
from cartograd.core.ports import Port, Signature

ROW = Port("row", "vector", (2,))
YES = Signature((ROW,), (Port("late", "label", (2,), labels=("no", "yes")),))
PRICE = Signature((ROW,), (Port("price", "value", (1,)),))
TARGETS = torch.tensor([0] * 80 + [1] * 20)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(0.85, 0.99, "better"), (0.75, 0.9, "no better"), (0.3, 0.7, "worse")],
)
def test_accuracy_against_the_commonest_class(low, high, word):
    found = against_constant(YES, TARGETS, {"accuracy": 0.8}, {"accuracy": (low, high)})
    assert found == f'{word} than always "no" (80.0 % right)'


@pytest.mark.parametrize(
    ("low", "high", "word"), [(0.1, 0.9, "better"), (-0.2, 0.3, "no better"), (-3, -1, "worse")]
)
def test_values_against_their_mean(low, high, word):
    found = against_constant(PRICE, torch.rand(9, 1), {"r2": 0.2}, {"r2": (low, high)})
    assert found == f"{word} than always their mean (r2 0)"


def test_nothing_is_said_of_other_metrics():
    assert against_constant(YES, TARGETS, {"nll": 0.2}, {"nll": (0.1, 0.3)}) == ""
    tags = Signature((ROW,), (Port("tag", "label", (7, 2), task="tag"),))
    each = torch.zeros(9, 7, dtype=torch.long)
    assert against_constant(tags, each, {"accuracy": 0.9}, {"accuracy": (0.8, 1.0)}) == ""
