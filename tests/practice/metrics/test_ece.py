import numpy as np
import pytest
import torch

from cartograd.practice.metrics.accuracy import accuracy
from cartograd.practice.metrics.ece import ece, reliability, weighed


def drawn(n=2000, k=4, sharpness=2.0):
    """Answers drawn from the model's own probabilities: it is calibrated."""
    draw = torch.Generator().manual_seed(0)
    outputs = sharpness * torch.randn(n, k, generator=draw, dtype=torch.float64)
    return outputs, torch.multinomial(outputs.softmax(1), 1, generator=draw)[:, 0]


@pytest.mark.law("ece")
def test_one_bin_compares_accuracy_and_mean_confidence():
    outputs, targets = drawn()
    confidence = outputs.softmax(1).max(1).values.mean().item()
    expected = abs(accuracy(outputs, targets) - confidence)
    assert ece(outputs, targets, bins=1) == pytest.approx(expected, abs=1e-12)


@pytest.mark.law("ece")
def test_bins_counted_one_by_one():
    outputs, targets = drawn(n=500)
    p = outputs.softmax(1).numpy()
    confidence, right = p.max(1), p.argmax(1) == targets.numpy()
    total = 0.0
    for b in range(15):
        inside = (confidence > b / 15) & (confidence <= (b + 1) / 15)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert ece(outputs, targets) == pytest.approx(total, abs=1e-12)
    curve = reliability(outputs, targets)
    full = curve.count > 0
    gaps = (curve.accuracy - curve.confidence).abs()[full] * curve.count[full] / 500
    assert gaps.sum().item() == pytest.approx(total, abs=1e-12)
    assert curve.edges[[0, -1]].tolist() == [0, 1]
    assert curve.accuracy[~full].isnan().all()


@pytest.mark.law("ece")
def test_a_calibrated_model_comes_to_zero_and_a_boastful_one_does_not():
    errors = [ece(*drawn(n)) for n in (200, 20_000, 500_000)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.003
    outputs, targets = drawn(20_000)
    assert ece(3 * outputs, targets) > 0.1


def test_weights_are_repetitions():
    outputs, targets = drawn(n=100)
    counts = torch.from_numpy(np.random.default_rng(0).integers(0, 4, (3, 100)))
    for found, count in zip(weighed(outputs, targets, counts.double()), counts, strict=True):
        rows = torch.arange(100).repeat_interleave(count)
        assert found.item() == pytest.approx(ece(outputs[rows], targets[rows]), abs=1e-12)


def test_confidence_of_exactly_one_and_zero_bins():
    sure = torch.tensor([[1e4, 0.0], [0.0, 1e4]])
    assert ece(sure, torch.tensor([0, 1])) == 0
    assert ece(sure, torch.tensor([1, 0])) == 1


def test_a_confidence_on_the_edge_belongs_to_the_bin_below():
    even = torch.zeros(1, 2)  # a confidence of exactly 1/2
    assert reliability(even, torch.tensor([0]), bins=2).count.tolist() == [1, 0]
    assert reliability(even, torch.tensor([0]), bins=4).count.tolist() == [0, 1, 0, 0]


def test_torchmetrics():
    functional = pytest.importorskip("torchmetrics.functional.classification")
    outputs, targets = drawn()
    expected = functional.multiclass_calibration_error(
        outputs.softmax(1), targets, num_classes=4, n_bins=15
    )
    assert ece(outputs, targets) == pytest.approx(expected.item(), abs=1e-6)
