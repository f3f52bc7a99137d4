"""Metrics of classifiers against scikit-learn, ties and weights included."""

import numpy as np
import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.practice.metrics import accuracy as accuracy_file
from cartograd.practice.metrics import average_precision as precisions_file
from cartograd.practice.metrics import balanced_accuracy as balanced_file
from cartograd.practice.metrics import f1 as f1_file
from cartograd.practice.metrics import matthews as matthews_file
from cartograd.practice.metrics import precision as precision_file
from cartograd.practice.metrics import recall as recall_file
from cartograd.practice.metrics.accuracy import accuracy
from cartograd.practice.metrics.brier import brier
from cartograd.practice.metrics.confusion import confusion
from cartograd.practice.metrics.f1 import f1
from cartograd.practice.metrics.nll import nll
from cartograd.practice.metrics.precision import precision
from cartograd.practice.metrics.recall import recall
from cartograd.practice.metrics.roc_auc import log_odds, roc_auc
from tests.reference import Reference

sk = Reference("sklearn.metrics")

FILES = {
    "precision": (precision_file, sk.precision_score),
    "recall": (recall_file, sk.recall_score),
    "f1": (f1_file, sk.f1_score),
}


def examples(n=501, k=4, *, absent=False, seed=0):
    """Logits that are right about half of the time; the last class may never occur."""
    draw = np.random.default_rng(seed)
    targets = torch.from_numpy(draw.integers(0, k - absent, n))
    outputs = torch.from_numpy(draw.normal(size=(n, k)))
    outputs[torch.arange(n), targets] += 1
    if absent:
        outputs[:, -1] = -9
    return outputs, targets


def weights(n=501, b=3, seed=1):
    return torch.from_numpy(np.random.default_rng(seed).uniform(0.1, 3, (b, n)))


@pytest.mark.oracle("accuracy")
@pytest.mark.parametrize("k", [2, 5])
def test_accuracy_is_scikit_learns(k):
    outputs, targets = examples(k=k)
    answers = outputs.argmax(1)
    assert accuracy(outputs, targets) == pytest.approx(
        sk.accuracy_score(targets, answers), abs=1e-14
    )
    for top in range(1, k):
        score = outputs[:, 1] - outputs[:, 0] if k == 2 else outputs
        expected = sk.top_k_accuracy_score(targets, score, k=top, labels=range(k))
        assert accuracy(outputs, targets, k=top) == pytest.approx(expected, abs=1e-14)
    w = weights()
    found = accuracy_file.weighed(outputs, targets, w)
    expected = [sk.accuracy_score(targets, answers, sample_weight=row) for row in w]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.law("accuracy")
def test_of_equal_outputs_the_first_class_counts():
    outputs, targets = torch.zeros(4, 3), torch.tensor([0, 1, 2, 2])
    assert [accuracy(outputs, targets, k=top) for top in (1, 2, 3)] == [0.25, 0.5, 1.0]


@pytest.mark.law("accuracy", "recall")
def test_accuracy_misleads_where_classes_are_uneven():
    targets = torch.zeros(100, dtype=torch.int64)
    targets[0] = 1
    outputs = torch.tensor([[1.0, 0.0]]).expand(100, 2)
    assert accuracy(outputs, targets) == pytest.approx(0.99)
    assert recall(outputs, targets, average="binary") == 0
    assert roc_auc(outputs, targets) == 0.5


@pytest.mark.oracle("precision", "recall", "f1", "accuracy")
@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
def test_several_labels_are_scikit_learns(average):
    generator = torch.Generator().manual_seed(2)
    outputs = torch.randn(60, 4, generator=generator)
    targets = (torch.rand(60, 4, generator=generator) < 0.4).float()
    outputs[:, 3], targets[:, 3] = -1, 0  # a label that never holds, and is never said
    answers, w = outputs.numpy() >= 0, weights(60)
    options = {"average": average, "zero_division": 0}
    for name, (file, oracle) in FILES.items():
        found = build(name, average=average)(outputs, targets)
        assert found == pytest.approx(oracle(targets, answers, **options), abs=1e-12)
        found = file.weighed(outputs, targets, w, average=average)
        expected = [oracle(targets, answers, sample_weight=row, **options) for row in w]
        np.testing.assert_allclose(found, expected, atol=1e-12)
    exact = (answers == targets.numpy()).all(1).mean()
    assert accuracy(outputs, targets) == pytest.approx(exact, abs=1e-12)
    assert build("f1")(outputs, targets) == build("f1", average="macro")(outputs, targets)
    with pytest.raises(UsageError, match="of which any may hold"):
        build("f1", average="binary")(outputs[:, :2], targets[:, :2])
    with pytest.raises(UsageError, match="a target is 2, expected 0 or 1"):
        build("recall")(outputs, targets * 2)


@pytest.mark.oracle("precision", "recall", "f1")
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("average", ["macro", "micro", "weighted", "binary"])
@pytest.mark.parametrize("absent", [False, True])
def test_precision_recall_and_f1_are_scikit_learns(name, average, absent):
    file, oracle = FILES[name]
    k = 2 + absent if average == "binary" else 5
    outputs, targets = examples(k=k, absent=absent)
    if average == "binary":
        outputs = outputs[:, :2]
    answers, w = outputs.argmax(1), weights()
    options = {"average": average, "zero_division": 0}
    found = build(name, average=average)(outputs, targets)
    assert found == pytest.approx(oracle(targets, answers, **options), abs=1e-12)
    found = file.weighed(outputs, targets, w, average=average)
    expected = [oracle(targets, answers, sample_weight=row, **options) for row in w]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.oracle("precision", "recall", "f1")
@pytest.mark.parametrize("name", FILES)
def test_unless_told_otherwise_they_are_of_the_positive_class_or_macro(name):
    file, oracle = FILES[name]
    for k, options in ((2, {"average": "binary"}), (5, {"average": "macro"})):
        outputs, targets = examples(k=k)
        found, expected = (
            build(name)(outputs, targets),
            oracle(targets, outputs.argmax(1), **options),
        )
        assert found == pytest.approx(expected, abs=1e-12)
    outputs, targets = examples(k=2)
    answers, w = outputs.argmax(1), weights()
    expected = oracle(targets, answers, pos_label=0)
    assert build(name, positive=0)(outputs, targets) == pytest.approx(expected, abs=1e-12)
    found = file.weighed(outputs, targets, w, positive=0)
    expected = [oracle(targets, answers, sample_weight=row, pos_label=0) for row in w]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    with pytest.raises(UsageError, match="positive=2 is none of two classes"):
        build(name, positive=2)(outputs, targets)


@pytest.mark.law("precision")
def test_micro_precision_is_accuracy_and_a_class_never_answered_has_none():
    outputs, targets = examples()
    assert precision(outputs, targets, average="micro") == pytest.approx(accuracy(outputs, targets))
    outputs[:, 2] = -9
    assert precision(outputs, targets == 2, average="micro") < 1
    flat = torch.tensor([[1.0, 0.0]]).expand(10, 2)
    assert precision(flat, torch.ones(10, dtype=torch.int64), average="binary") == 0


@pytest.mark.law("recall")
def test_micro_and_weighted_recall_are_accuracy():
    outputs, targets = examples()
    for average in ("micro", "weighted"):
        assert recall(outputs, targets, average=average) == pytest.approx(
            accuracy(outputs, targets)
        )


@pytest.mark.law("f1")
def test_f1_is_the_harmonic_mean():
    outputs, targets = examples(k=2)
    p, r, f = (m(outputs, targets, average="binary") for m in (precision, recall, f1))
    assert f == pytest.approx(2 / (1 / p + 1 / r), abs=1e-12)


@pytest.mark.oracle("nll", "brier")
@pytest.mark.parametrize("k", [2, 5])
def test_probability_scores_are_scikit_learns(k):
    outputs, targets = examples(k=k)
    p = outputs.softmax(1)
    assert nll(outputs, targets) == pytest.approx(sk.log_loss(targets, p), abs=1e-12)
    expected = sk.brier_score_loss(targets, p[:, 1] if k == 2 else p)
    assert brier(outputs, targets) == pytest.approx(expected, abs=1e-12)


@pytest.mark.law("nll")
def test_nll_knows_nothing_and_stays_finite():
    targets = torch.tensor([0, 1, 2])
    assert nll(torch.zeros(3, 3), targets) == pytest.approx(np.log(3))
    assert nll(torch.tensor([[0.0, 1e4, 0.0]]), targets[:1]) == pytest.approx(1e4)


@pytest.mark.law("brier")
def test_brier_of_the_certain():
    for k, worst in ((2, 1), (3, 2)):
        sure = 1e3 * torch.eye(k)
        assert brier(sure, torch.arange(k)) == pytest.approx(0, abs=1e-12)
        assert brier(sure, torch.arange(k).roll(1)) == pytest.approx(worst)


def test_confusion_matrix_is_scikit_learns():
    outputs, targets = examples(absent=True)
    expected = sk.confusion_matrix(targets, outputs.argmax(1), labels=range(4))
    np.testing.assert_array_equal(confusion(outputs, targets), expected)


@pytest.mark.parametrize("metric", [accuracy, precision, recall, f1, nll, brier, roc_auc])
def test_one_logit_is_two_classes(metric):
    z = torch.randn(50)
    targets = (z + torch.randn(50) > 0).long()
    two = torch.stack([torch.zeros(50), z], 1)
    assert metric(z, targets) == metric(z[:, None], targets) == metric(two, targets)


@pytest.mark.parametrize(
    ("outputs", "targets", "message"),
    [
        (torch.zeros(3, 2), torch.tensor([0, 1]), "do not belong together"),
        (torch.zeros(2, 2, 2), torch.tensor([0, 1]), "do not belong together"),
        (torch.zeros(2, 2), torch.tensor([0, 2]), "from 0 to 2, but the outputs have 2 classes"),
        (torch.zeros(2, 2), torch.tensor([-1, 1]), "from -1 to 1"),
        (torch.zeros(2, 2), torch.tensor([0.5, 1.0]), "expected whole class numbers"),
        (torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64), "nothing to measure"),
        (torch.tensor([[0.0, 1.0], [torch.nan, 0.0]]), torch.tensor([0, 1]), "first: example 1"),
    ],
)
def test_what_cannot_be_measured_is_refused(outputs, targets, message):
    with pytest.raises(UsageError, match=message):
        accuracy(outputs, targets)


def test_wrong_options_are_refused():
    outputs, targets = torch.zeros(3, 3), torch.tensor([0, 1, 2])
    with pytest.raises(UsageError, match="k=4, but there are 3 classes"):
        accuracy(outputs, targets, k=4)
    with pytest.raises(UsageError, match="needs two classes, there are 3"):
        f1(outputs, targets, average="binary")
    with pytest.raises(UsageError, match="unknown average 'mean'"):
        build("f1:average=mean")
    with pytest.raises(UsageError, match="out of range"):
        build("accuracy:k=0")


@pytest.mark.oracle("matthews")
@pytest.mark.parametrize("k", [2, 5])
def test_the_matthews_correlation_is_scikit_learns(k):
    outputs, targets = examples(k=k)
    answers = outputs.argmax(1)
    expected = sk.matthews_corrcoef(targets, answers)
    assert matthews_file.matthews(outputs, targets) == pytest.approx(expected, abs=1e-12)
    w = weights()
    expected = [sk.matthews_corrcoef(targets, answers, sample_weight=row) for row in w]
    np.testing.assert_allclose(matthews_file.weighed(outputs, targets, w), expected, atol=1e-12)


@pytest.mark.law("matthews")
def test_the_matthews_correlation_of_constant_right_and_opposite_answers():
    targets = torch.tensor([0] * 99 + [1])
    assert matthews_file.matthews(torch.tensor([[1.0, 0.0]] * 100), targets) == 0
    right = torch.eye(2)[targets]
    assert matthews_file.matthews(right, targets) == pytest.approx(1)
    assert matthews_file.matthews(-right, targets) == pytest.approx(-1)
    with pytest.raises(UsageError, match="of one class for each example"):
        matthews_file.matthews(right, right.long())


@pytest.mark.oracle("balanced-accuracy")
@pytest.mark.parametrize("adjusted", [False, True])
@pytest.mark.parametrize("absent", [False, True])
def test_balanced_accuracy_is_scikit_learns(adjusted, absent):
    outputs, targets = examples(absent=absent)
    answers = outputs.argmax(1)
    found = balanced_file.balanced_accuracy(outputs, targets, adjusted=adjusted)
    expected = sk.balanced_accuracy_score(targets, answers, adjusted=adjusted)
    assert found == pytest.approx(expected, abs=1e-12)
    w = weights()
    expected = [
        sk.balanced_accuracy_score(targets, answers, sample_weight=row, adjusted=adjusted)
        for row in w
    ]
    found = balanced_file.weighed(outputs, targets, w, adjusted=adjusted)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.law("balanced-accuracy")
def test_the_balanced_accuracy_of_a_constant_answer_is_that_of_chance():
    targets = torch.tensor([0] * 97 + [1, 2, 3])
    same = torch.tensor([[1.0, 0, 0, 0]] * 100)
    assert balanced_file.balanced_accuracy(same, targets) == 0.25
    assert balanced_file.balanced_accuracy(same, targets, adjusted=True) == 0
    low, high = balanced_file.limits(same, targets)
    assert low < 0.25 < high
    low, high = balanced_file.limits(same, targets, adjusted=True)
    assert low < 0 < high


@pytest.mark.oracle("average-precision")
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("k", [2, 4])
def test_average_precision_is_scikit_learns(k, ties):
    outputs, targets = examples(k=k)
    outputs = (outputs * 2).round() / 2 if ties else outputs
    scores = log_odds(outputs).numpy().round(12)
    classes = [1] if k == 2 else range(k)

    def expected(row=None):
        return np.mean([
            sk.average_precision_score(targets == c, scores[:, c], sample_weight=row)
            for c in classes
        ])  # fmt: skip

    found = precisions_file.average_precision(outputs, targets)
    assert found == pytest.approx(expected(), abs=1e-12)
    w = weights()
    found = precisions_file.weighed(outputs, targets, w)
    np.testing.assert_allclose(found, [expected(row) for row in w], atol=1e-12)


@pytest.mark.law("average-precision")
def test_average_precision_of_scores_that_tell_nothing_is_the_share():
    targets = torch.tensor([0] * 90 + [1] * 10)
    alike = torch.zeros(100, 2)
    assert precisions_file.average_precision(alike, targets) == pytest.approx(0.1)
    right = 4 * torch.eye(2)[targets]
    assert precisions_file.average_precision(right, targets) == 1
    assert precisions_file.limits(right, targets) == (pytest.approx(0.05 ** (1 / 10)), 1.0)
    with pytest.raises(UsageError, match="all targets are of one class"):
        precisions_file.average_precision(right, torch.ones(100, dtype=torch.long))


def test_the_interval_of_average_precision_holds_what_it_states():
    """Scores of 40 examples of the class in 200: of 400 such samples, less three errors."""
    draw = torch.Generator().manual_seed(0)
    targets = torch.tensor([0] * 160 + [1] * 40)
    many = torch.arange(2).repeat_interleave(torch.tensor([80_000, 20_000]))
    score = torch.randn(100_000, generator=draw, dtype=torch.float64) + 1.5 * many
    truth = precisions_file.average_precision(score, many)
    held = 0
    for _ in range(400):
        score = torch.randn(200, generator=draw, dtype=torch.float64) + 1.5 * targets
        low, high = precisions_file.limits(score, targets)
        held += low <= truth <= high
    assert held >= 367
