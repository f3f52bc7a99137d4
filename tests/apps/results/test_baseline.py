"""The constant answer beside the figure: better, no better, worse; by the interval."""

import pytest
import torch

from cartograd.apps.results.baseline import against_constant
from cartograd.core.ports import Port, Signature

ROW = Port("row", "vector", (2,))
YES = Signature((ROW,), (Port("late", "label", (2,), labels=("no", "yes")),))
PRICE = Signature((ROW,), (Port("price", "value", (1,)),))
TARGETS = torch.tensor([0] * 80 + [1] * 20)


def answers(*wrong, late=TARGETS):
    """Sure answers, right but for some."""
    said = late.clone()
    said[list(wrong)] = 1 - said[list(wrong)]
    return torch.nn.functional.one_hot(said, 2).double()


MEASURED = {"accuracy": (0.0, 1.0)}


@pytest.mark.parametrize(
    ("wrong", "word"),
    [(range(5), "better"), (range(71, 87), "no better"), (range(45, 90), "worse")],
)
def test_accuracy_against_the_commonest_class(wrong, word):
    found = against_constant(YES, answers(*wrong), TARGETS, MEASURED)
    assert found == f'{word} than always "no" (80.0 % right)'


def test_with_class_weights_all_classes_are_to_be_found():
    """140 of 180 and 15 of 20: worse than "no" by accuracy, were it not for weights."""
    targets = torch.tensor([0] * 180 + [1] * 20)
    said = answers(*range(40), *range(180, 185), late=targets)
    found = against_constant(YES, said, targets, MEASURED, weighted=True)
    assert found == (
        "better than any constant answer by macro recall (76.4 %, constant 50.0 %), which class "
        'weights are for; by accuracy worse than always "no" (90.0 % right)'
    )
    useless = answers(*range(90), *range(180, 190), late=targets)
    told = against_constant(YES, useless, targets, MEASURED, weighted=True)
    assert told.startswith("no better than any constant answer by macro recall (50.0 %")


def test_a_single_logit_is_compared_too():
    single = answers(*range(5))
    single = (single[:, 1:] - single[:, :1]).float()
    found = against_constant(YES, single, TARGETS, MEASURED)
    assert found == 'better than always "no" (80.0 % right)'


@pytest.mark.parametrize(
    ("low", "high", "word"), [(0.1, 0.9, "better"), (-0.2, 0.3, "no better"), (-3, -1, "worse")]
)
def test_values_against_their_mean(low, high, word):
    found = against_constant(PRICE, torch.rand(9, 1), torch.rand(9, 1), {"r2": (low, high)})
    assert found == f"{word} than always their mean (r2 0)"


def test_nothing_is_said_of_other_metrics():
    assert against_constant(YES, answers(), TARGETS, {"nll": (0.1, 0.3)}) == ""
    tags = Signature((ROW,), (Port("tag", "label", (7, 2), task="tag"),))
    each = torch.zeros(9, 7, dtype=torch.long)
    assert against_constant(tags, torch.zeros(9, 7, 2), each, MEASURED) == ""
