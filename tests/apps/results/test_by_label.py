"""Each label by itself, against scikit-learn's figures."""

import numpy as np
import pytest
import torch

from cartograd.apps.results.by_label import by_label
from cartograd.core.ports import Port, Signature
from tests.reference import Reference

sklearn_metrics = Reference("sklearn.metrics")

TAGS = ("funny", "long", "sad")
SIGNATURE = Signature(
    (Port("x", "vector", (2,)),), (Port("tags", "label", (3,), labels=TAGS, task="multi-label"),)
)


def test_the_figures_of_each_label_are_those_of_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    targets = (torch.rand(80, 3, generator=generator) < torch.tensor([0.5, 0.2, 0.02])).float()
    outputs = 4 * targets - 2 + 3 * torch.randn(80, 3, generator=generator)
    told = by_label(SIGNATURE, outputs, targets)
    answers = outputs.sigmoid().numpy() >= 0.5
    expected = sklearn_metrics.precision_recall_fscore_support(
        targets.numpy(), answers, zero_division=0
    )
    found = [(one.precision, one.recall, one.f1, one.examples) for one in told]
    np.testing.assert_allclose(np.array(found).T, np.array(expected), atol=1e-12)
    assert [one.label for one in told] == list(TAGS)


def test_a_label_is_held_against_its_own_commoner_answer():
    targets = torch.zeros(100, 3)
    targets[:50, 0] = 1
    targets[:10, 1] = 1
    outputs = torch.full((100, 3), -5.0)
    outputs[:50, 0] = 5
    outputs[50:, 2] = 5
    first, second, third = by_label(SIGNATURE, outputs, targets)
    assert first.baseline.startswith("better than always ")
    assert second.baseline == 'no better than always "not long" (90.0 % right)'
    assert third.baseline == 'worse than always "not sad" (100.0 % right)'
    assert (third.precision, third.recall, third.f1, third.examples) == (0, 0, 0, 0)


def test_the_threshold_itself_counts():
    [told, *_] = by_label(SIGNATURE, torch.zeros(4, 3), torch.ones(4, 3))
    assert told.recall == pytest.approx(1)


def test_one_class_for_each_example_has_no_sets_of_labels():
    one = Signature((Port("x", "vector", (2,)),), (Port("y", "label", (3,), labels=TAGS),))
    assert by_label(one, torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64)) == []
