"""In-memory tensors as a dataset: what is right is kept, what is wrong is named by its row."""

import numpy as np
import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Split
from cartograd.data.dataset.splits import assign
from cartograd.data.dataset.tensors import assemble, tensors

X = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
Y = torch.arange(50) % 2


def test_shares_are_cut_by_the_index():
    data = tensors(X, Y, valid=0.2, test=0.2)
    rows = torch.cat([split.inputs for split in (data.train, data.valid, data.test)])
    assert sorted(rows.tolist()) == sorted(X.tolist())
    assert data.signature.sizes() == {"classes": 2, "features": 3}


def test_splits_of_their_own():
    data = tensors(X, Y, valid=(X[:5] + 1, Y[:5]), test=0.2)
    assert torch.equal(data.valid.inputs, X[:5] + 1)
    assert len(data.train) + len(data.test) == 50
    both = tensors(X, Y, valid=(X[:5], Y[:5]), test=(X[5:9], Y[5:9]))
    assert torch.equal(both.train.inputs, X)
    assert torch.equal(both.test.targets, Y[5:9])


def test_statistics_come_from_training_alone():
    data = tensors(X, Y, test=(X[:5] + 1e6, Y[:5]))
    assert data.signature.input.mean == pytest.approx(data.train.inputs.mean(0).tolist(), abs=1e-6)
    assert tensors(X, Y, standardise=False).signature.input.mean == ()


def test_values_to_predict():
    data = tensors(X, X.sum(1) * 10 + 3)
    assert data.train.targets.shape == (len(data.train), 1)
    assert data.signature.output.kind == "value"
    assert data.signature.output.mean == pytest.approx((data.train.targets.mean().item(),))
    assert tensors(X, X[:, :2]).signature.sizes()["classes"] == 2


@pytest.mark.parametrize("kind", [torch.bool, torch.float32, torch.int64])
def test_a_matrix_of_0_and_1_is_several_labels_and_said(kind):
    y = (X > 0).to(kind)
    data = tensors(X, y, labels=("rain", "wind", "sun"))
    port = data.signature.output
    assert (port.task, port.dims, port.labels) == ("multi-label", (3,), ("rain", "wind", "sun"))
    assert data.train.targets.dtype == torch.float32
    (line,) = (line for line in data.decided if "taken" in line)
    assert line.startswith("targets of 0 and 1 in 3 columns are taken as labels, any of which may")
    assert ("task='regress'" in line) is (kind is not torch.bool)
    assert tensors(X, y.float(), task="regress").signature.output.kind == "value"
    one_hot = torch.nn.functional.one_hot(Y, 3).to(kind)
    assert any("give y.argmax(1)" in line for line in tensors(X, one_hot).decided)


def test_images_and_numpy():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 1, 4, 4), dtype=np.uint8)
    data = tensors(pixels, np.arange(40) % 4, labels=("a", "b", "c", "d"))
    assert data.signature.input.kind == "image"
    assert data.signature.input.bounds == (0.0, 1.0)
    assert data.train.stored.dtype == torch.uint8
    assert data.train.inputs.max() <= 1
    assert data.signature.output.labels == ("a", "b", "c", "d")


def bad(values, place, value):
    values = values.clone()
    values[place] = value
    return values


@pytest.mark.parametrize(
    ("x", "y", "args", "message"),
    [
        pytest.param(X, Y[:49], {}, "train: 50 inputs but 49 targets", marks=pytest.mark.untyped),
        (bad(X, (6, 1), float("nan")), Y, {}, "train row 7: the input nan is not a finite number"),
        (bad(X, (6, 1), float("inf")), Y, {}, "train row 7: the input inf is not"),
        (X, bad(Y, 3, -1), {}, "train row 4: the target -1 is out of range"),
        (X, bad(Y, 3, 2), {"labels": ("no", "yes")}, "row 4: the class 2 is out of range"),
        (X, bad(X[:, 0], 9, float("nan")), {}, "train row 10: the target nan"),
        (X, Y, {"test": (X[:3, :2], Y[:3])}, r"test: inputs have shape \(2,\); expected \(3,\)"),
        (X, Y, {"test": (X[:3], X[:3, 0])}, "differ in type"),
        (X, Y, {"test": (X[:0], Y[:0])}, "test: there are no examples"),
        (X, X, {"test": (X[:3], X[:3, :1])}, "differ in width"),
        (X[:, 0], Y, {}, "expected one row per example"),
        (X, torch.zeros(50, dtype=torch.int64), {}, "one class"),
        (X, torch.full((50, 2), 2), {}, r"classes have shape \(50, 2\); .* may have several"),
        (X, bad(X > 0, (0, 0), True), {"labels": ("a", "b")}, "2 labels for 3 columns"),
        (X, X, {"task": "multi-label"}, "train row 1: the target .* expected 0 or 1"),
        (X, Y, {"task": "multi-label"}, r"labels have shape \(50,\); expected \(n, labels\)"),
        (X, Y, {"task": "classified"}, "task of tensors 'classified'; did you mean 'classify'"),
        (X[:5], Y[:5], {}, "too few examples to split: 5"),
        (X, Y, {"kind": "image"}, "images have shape"),
        (torch.full((50, 1, 2, 2), 1.5), Y, {}, "train row 1: the input 1.5 is out of bounds"),
        (X, Y, {"kind": "video"}, "unknown kind 'video'"),
    ],
)
def test_mistakes_are_named(x, y, args, message):
    with pytest.raises(UsageError, match=message):
        tensors(x, y, **args)


@pytest.mark.parametrize(
    ("task", "measured"),
    [("regress", True), ("forecast", True), ("density", False), ("rank", False), ("embed", False)],
)
def test_targets_are_standardised_where_the_task_has_a_unit(task, measured):
    """The port's kind says how they lie in memory, and is the same for all of these."""
    signature = Signature((Port("x", "vector", (2,)),), (Port("y", "value", (1,), task=task),))
    split = Split(torch.rand(40, 2), torch.rand(40, 1) * 9, signature)
    data = assemble("own", {"train": split}, {"valid": 0.2, "test": 0.2})
    assert (data.signature.output.std != ()) is measured


@pytest.mark.parametrize("kind", ["label", "value"])
@pytest.mark.parametrize(("task", "kept"), [("score", True), ("rank", False)])
def test_a_class_keeps_an_example_in_training_where_the_task_has_classes(kind, task, kept):
    signature = Signature((Port("x", "vector", (2,)),), (Port("y", kind, (1,), task=task),))
    _, _, held = assign([str(i) for i in range(40)], valid=0.2, test=0.2)
    rare = torch.zeros(40, dtype=torch.int64)
    rare[held[0]] = 1  # by its hash it would be tested on
    split = Split(torch.rand(40, 2), rare, signature)
    data = assemble("own", {"train": split}, {"valid": 0.2, "test": 0.2}, standardise=False)
    assert bool(data.train.targets.sum()) is kept
