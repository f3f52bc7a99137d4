"""A constant answer and a quick model beside the figure: better, no better, worse; by intervals."""

import pytest
import torch

from cartograd.apps.results.baseline import against_constant, against_yardstick
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
    assert found.sentence == f'{word} than always "no" (80.0 % right)'


def test_with_class_weights_all_classes_are_to_be_found():
    """140 of 180 and 15 of 20: worse than "no" by accuracy, were it not for weights."""
    targets = torch.tensor([0] * 180 + [1] * 20)
    said = answers(*range(40), *range(180, 185), late=targets)
    found = against_constant(YES, said, targets, MEASURED, weighted=True)
    assert found.sentence == (
        "better than any constant answer by macro recall (76.4 %, constant 50.0 %), as all classes "
        'are to be found; by accuracy worse than always "no" (90.0 % right)'
    )
    useless = answers(*range(90), *range(180, 190), late=targets)
    told = against_constant(YES, useless, targets, MEASURED, weighted=True)
    assert told.sentence.startswith("no better than any constant answer by macro recall (50.0 %")


def test_a_single_logit_is_compared_too():
    single = answers(*range(5))
    single = (single[:, 1:] - single[:, :1]).float()
    found = against_constant(YES, single, TARGETS, MEASURED)
    assert found.sentence == 'better than always "no" (80.0 % right)'


@pytest.mark.parametrize(
    ("low", "high", "word"), [(0.1, 0.9, "better"), (-0.2, 0.3, "no better"), (-3, -1, "worse")]
)
def test_values_against_their_mean(low, high, word):
    found = against_constant(PRICE, torch.rand(9, 1), torch.rand(9, 1), {"r2": (low, high)})
    assert found.sentence == f"{word} than always their mean (r2 0)"


def test_nothing_is_said_of_other_metrics():
    assert against_constant(YES, answers(), TARGETS, {"nll": (0.1, 0.3)}) is None
    tags = Signature((ROW,), (Port("tag", "label", (7, 2), task="tag"),))
    each = torch.zeros(9, 7, dtype=torch.long)
    assert against_constant(tags, torch.zeros(9, 7, 2), each, MEASURED) is None


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        (range(5), range(5, 25), "better than boosting by 15.0 points ("),
        (range(5, 25), range(5), "worse than boosting by 15.0 points ("),
        (range(5), range(5, 11), "no better than boosting (1.0 points, -"),
    ],
)
def test_a_quick_model_on_the_same_examples(ours, theirs, said):
    """By McNemar's examples alone: where only one of both is right."""
    given = answers(*theirs), answers(*ours), TARGETS, {"accuracy": 0.8}
    found = against_yardstick(YES, "boosting", *given)
    assert found.sentence.startswith(said)
    apart = (len(theirs) - len(ours)) / 100
    assert found.low < apart < found.high
    assert found.to_json()["is"] == found.word == said.split(" than")[0]


def test_values_are_compared_by_what_they_explain():
    right = torch.linspace(0, 1, 50)[:, None]
    far, near = right + 0.2 * right.sin(), right + 0.02 * right.cos()
    found = against_yardstick(PRICE, "boosting", far, near, right, {})
    assert found.sentence.startswith("better than boosting by 0.")
    assert " of r2 (" in found.sentence


def test_a_single_logit_is_held_against_two():
    single = answers(*range(5))
    single = (single[:, 1:] - single[:, :1]).float()
    found = against_yardstick(YES, "boosting", answers(*range(5, 25)), single, TARGETS, {})
    assert found.word == "better"


def test_a_token_is_named_as_its_tokenizer_spells_it():
    text = Port("text", "text", ("t",), "int64", (0, 9))
    words = Signature((text,), (Port("next", "label", ("t", 10), task="next-token"),))
    targets = torch.tensor([2] * 9 + [1])
    logits = torch.nn.functional.one_hot(targets, 10).double()
    found = against_constant(
        words, logits, targets, {"accuracy": (0.9, 1.0)}, spelled="ab<end>d".__getitem__
    )
    assert found.name == 'always "<"'
