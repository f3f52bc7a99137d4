"""Weights of classes: how they are found, and what they do to a training."""

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.data.dataset.tensors import tensors
from cartograd.engine.logging.run_folder import read_config
from cartograd.training.class_weights import class_weights
from cartograd.training.objectives.classify import Classify

LABELS = ("no", "yes", "a:b")
Y = torch.tensor([0] * 17 + [1] * 5 + [2] * 3)


def test_balanced_is_sklearns():
    expected = compute_class_weight("balanced", classes=np.arange(3), y=Y.numpy())
    assert class_weights("balanced", LABELS, Y) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "given", ["yes:10, a:b:0.5", '{"yes": 10, "a:b": 0.5}', {"yes": 10, "a:b": 0.5}]
)
def test_weights_by_name(given):
    assert class_weights(given, LABELS, Y) == (1.0, 10.0, 0.5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("balance", "'balance' is not NAME:NUMBER"),
        ("yess:2", "unknown class of class_weights 'yess'; did you mean 'yes'?"),
        ("yes:0", "'yes' has 0.0; expected a number above 0"),
        ("yes:1,yes:2", "there twice"),
        ({"yes": True}, "expected a number above 0"),
        ("{", "is no JSON"),
    ],
)
def test_what_is_no_weight_is_refused(given, message):
    with pytest.raises(UsageError, match=message):
        class_weights(given, LABELS, Y)


def test_a_class_without_examples_cannot_be_balanced():
    with pytest.raises(UsageError, match="no training example of 'a:b'"):
        class_weights("balanced", LABELS, Y[:20])


def small():
    return nn.Linear(4, 3).double()


def batch(size=12):
    return torch.randn(size, 4, dtype=torch.float64), torch.arange(size) % 3


def lowered(objective, given):
    (loss,) = objective.losses(given)
    weight = torch.ones_like(loss.value) if loss.weight is None else loss.weight
    return (weight * loss.value).sum() / weight.sum()


@pytest.mark.oracle("classify")
def test_the_loss_is_torchs_weighted_cross_entropy():
    model, given, weights = small(), batch(), (0.5, 1.0, 4.0)
    ours = lowered(Classify(model=model, class_weights=weights), given)
    criterion = nn.CrossEntropyLoss(weight=torch.tensor(weights).double())
    expected = criterion(model(given[0]), given[1])
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-10)
    slopes = torch.autograd.grad(ours, list(model.parameters()))
    for ours, theirs in zip(
        slopes, torch.autograd.grad(expected, list(model.parameters())), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("settings", [{"loss": "focal"}, {"label_smoothing": 0.1}, {}])
def test_an_example_counts_as_often_as_its_weight_says(settings):
    model, (x, y) = small(), batch()
    copies = torch.cat([torch.tensor([i] * (1, 2, 5)[label]) for i, label in enumerate(y.tolist())])
    weighted = lowered(Classify(model=model, class_weights=(1.0, 2.0, 5.0), **settings), (x, y))
    repeated = lowered(Classify(model=model, **settings), (x[copies], y[copies]))
    torch.testing.assert_close(weighted, repeated, rtol=0, atol=1e-12)


def test_blends_count_by_their_shares():
    model, given = small(), batch()
    losses = []
    for weights in (None, (1.0, 1.0, 1.0), (3.0, 3.0, 3.0), (1.0, 2.0, 5.0)):
        torch.manual_seed(0)
        losses.append(lowered(Classify(model=model, mix="mixup", class_weights=weights), given))
    plain, ones, threes, uneven = losses
    torch.testing.assert_close(ones, plain, rtol=0, atol=1e-7)
    torch.testing.assert_close(threes, plain, rtol=0, atol=1e-7)
    assert (uneven - plain).abs() > 1e-3


def rare():
    """Two clouds that overlap, one of them rare."""
    draws = torch.Generator().manual_seed(0)
    y = (torch.arange(600) % 20 == 0).long()
    x = torch.randn(600, 2, generator=draws) + 2.0 * y[:, None]
    return tensors(x, y, labels=("ok", "fraud"))


def test_the_rare_class_is_found_and_the_run_says_how(tmp_path):
    data, recalls = rare(), []
    for name, settings in (("plain", {}), ("even", {"class_weights": "balanced"})):
        settings |= {"epochs": 3, "optimizer": "adamw:lr=3e-2"}
        run = cg.train("mlp:widths=[8]", data, folder=tmp_path / name, **settings)
        with torch.no_grad():
            said = run.model(data.test.inputs).argmax(1)
        recalls.append(float((said[data.test.targets == 1] == 1).double().mean()))
    assert recalls[0] < 0.3 < 0.6 < recalls[1]
    assert read_config(tmp_path / "even")[0]["class_weights"] == "balanced"
    bundle = (tmp_path / "even" / "bundle" / "about.json").read_text()
    assert "class weights: ok 0.5" in bundle


def test_the_validation_loss_is_weighted_alike(tmp_path):
    data = rare()
    told = {"class_weights": {"fraud": 7.0}, "epochs": 1, "monitor": "valid/loss"}
    run = cg.train("mlp:widths=[8]", data, folder=tmp_path / "run", **told)
    with torch.no_grad():
        logits = run.model.eval()(data.valid.inputs)
    expected = nn.functional.cross_entropy(logits, data.valid.targets, torch.tensor([1.0, 7.0]))
    assert run.history[-1]["valid/loss"] == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        ("mlp", tensors(torch.randn(40, 2), torch.randn(40)), "regress on tensors"),
        ("perceptron", "separable", "perceptron-rule on separable"),
    ],
)
def test_what_knows_no_classes_refuses_weights(model, data, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        cg.train(model, data, folder=tmp_path / "run", class_weights="balanced")
    assert not (tmp_path / "run").exists()


def test_as_many_weights_as_classes():
    with pytest.raises(UsageError, match="2 class_weights for 3 classes"):
        next(Classify(model=small(), class_weights=(1.0, 2.0)).losses(batch()))
