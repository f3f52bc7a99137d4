"""Thresholds are the best of all, temperatures the likeliest: by brute force and other packages."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from sklearn.metrics import balanced_accuracy_score, log_loss, precision_recall_curve
from torch.nn import functional as F

from cartograd.core.decided import bare, decided, likely
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.practice.decisions.temperature import temperature
from cartograd.practice.decisions.threshold import rule, threshold

PIXELS = Port("row", "vector", (2,))


def scored(n, seed, ties):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(n, generator=generator)
    holds = torch.rand(n, generator=generator) < (scores - 1).sigmoid()
    return (scores * 2).round() / 2 if ties else scores, holds


def cost(said, holds):
    return (1 * (said & ~holds).sum() + 7 * (~said & holds).sum()).item()


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_no_other_threshold_is_better(seed, ties):
    """Against every cut, by scikit-learn's measures."""
    scores, holds = scored(60, seed, ties)
    chances = scores.double().sigmoid()
    cuts = [0.0, *((chances.sort().values[1:] + chances.sort().values[:-1]) / 2).tolist(), 1.0]

    def reached(measure, at):
        return measure(holds.numpy(), (chances >= at).numpy())

    found = threshold("balanced-accuracy", scores, holds)
    best = max(reached(balanced_accuracy_score, at) for at in cuts)
    assert reached(balanced_accuracy_score, found) == pytest.approx(best)
    found = threshold("cost:fp=1,fn=7", scores, holds)
    assert cost(chances >= found, holds) == min(cost(chances >= at, holds) for at in cuts)


@pytest.mark.parametrize("seed", range(4))
def test_f1_and_recall_are_those_of_scikit_learns_curve(seed):
    scores, holds = scored(80, seed, ties=False)
    chances = scores.double().sigmoid()
    precision, recall, at = precision_recall_curve(holds.numpy(), chances.numpy())
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)

    def of(found):
        said = chances >= found
        hits = int((said & holds).sum())
        return hits / max(1, int(said.sum())), hits / int(holds.sum())

    p, r = of(threshold("f1", scores, holds))
    assert 2 * p * r / (p + r) == pytest.approx(f1.max())
    p, r = of(threshold("recall:at=0.9", scores, holds))
    enough = np.nonzero(recall[:-1] >= 0.9)[0]
    assert (p, r) == pytest.approx((precision[enough[-1]], recall[enough[-1]]))
    assert at[enough[-1]] >= threshold("recall:at=0.9", scores, holds)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("f2", "unknown rule of threshold 'f2'; did you mean 'f1'"),
        ("cost:fp=1", "expected cost:fp=1,fn=10"),
        ("recall:at=1.5", "expected a share above 0, at most 1"),
        ("cost:fp=0,fn=1", "fp=0; expected a number above 0"),
        ("f1:at=0.5", "expected f1"),
    ],
)
def test_a_rule_that_is_none(text, said):
    with pytest.raises(UsageError, match=said):
        rule(text)


def test_both_answers_have_to_be_there():
    for holds in (torch.zeros(5), torch.ones(5)):
        with pytest.raises(UsageError, match="is chosen on validation examples, and there is none"):
            threshold("f1", torch.randn(5), holds)


@pytest.mark.parametrize("classes", [1, 2, 5])
def test_the_temperature_is_scipys(classes):
    generator = torch.Generator().manual_seed(classes)
    z = 4 * torch.randn(200, classes, generator=generator, dtype=torch.float64)
    both = F.pad(z, (1, 0)) if classes == 1 else z
    y = torch.multinomial((both / 2.5).softmax(1), 1, generator=generator)[:, 0]

    def loss(log_t):
        return float(F.cross_entropy(both / np.exp(log_t), y))

    found = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
    assert temperature(z, y) == pytest.approx(float(np.exp(found.x)), rel=1e-5)
    assert temperature(3 * z, y) == pytest.approx(3 * temperature(z, y))
    assert loss(np.log(temperature(z, y))) < loss(0.0)


def test_of_labels_it_is_that_of_each_sigmoid():
    generator = torch.Generator().manual_seed(0)
    z = 3 * torch.randn(300, 2, generator=generator, dtype=torch.float64)
    y = (torch.rand(300, 2, generator=generator) < (z / 2).sigmoid()).double()

    def loss(log_t):
        p = (z / np.exp(log_t)).sigmoid().numpy()
        return sum(log_loss(y[:, k].numpy(), p[:, k]) for k in range(2))

    found = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
    assert temperature(z, y) == pytest.approx(float(np.exp(found.x)), rel=1e-4)


def test_where_all_is_right_it_stays_within_bounds():
    z = torch.tensor([[3.0, 0.0], [0.0, 3.0]])
    assert temperature(z, torch.tensor([0, 1])) == pytest.approx(1 / 20)
    assert temperature(z, torch.tensor([1, 0])) == pytest.approx(20)


@pytest.mark.parametrize("positive", ["no", "yes"])
@pytest.mark.parametrize("width", [1, 2])
def test_the_largest_logit_is_the_answer_at_the_threshold(positive, width):
    port = Port(
        "late", "label", (width,), labels=("no", "yes"), positive=positive, thresholds=(0.2,),
        temperature=2.0, task="classify",
    )  # fmt: skip
    z = torch.linspace(-6, 6, 41, dtype=torch.float64)[:, None]
    z = torch.cat([-z, z], 1) if width == 2 else z
    outputs = decided(z, port)
    both = F.pad(outputs, (1, 0)) if width == 1 else outputs
    plain = F.pad(z / 2, (1, 0)) if width == 1 else z / 2
    at = port.labels.index(positive)
    assert torch.equal(both.argmax(1) == at, plain.softmax(1)[:, at] >= 0.2)
    assert torch.allclose(likely(outputs, port), z / 2)
    assert torch.allclose(bare(outputs, port), z)


def test_each_label_has_its_own():
    port = Port(
        "weather", "label", (3,), labels=("a", "b", "c"), task="multi-label",
        thresholds=(0.0, 0.5, 1.0),
    )  # fmt: skip
    z = torch.tensor([[-5.0, -0.1, 9.0], [-9.0, 0.1, 20.0]])
    assert (decided(z, port) >= 0).tolist() == [[True, False, False], [True, True, False]]


def test_a_port_refuses_what_fits_none():
    for more in ({"temperature": 0.0}, {"thresholds": (1.5,)}):
        with pytest.raises(UsageError, match="out of range"):
            Port("late", "label", (2,), labels=("no", "yes"), **more)
    two = Port("late", "label", (2,), labels=("no", "yes"), thresholds=(0.5, 0.5))
    with pytest.raises(UsageError, match="2 thresholds; expected one for each label"):
        Signature((PIXELS,), (two,))
    kept = Port("late", "label", (2,), labels=("no", "yes"), thresholds=(0.25,), temperature=1.5)
    again = Signature.from_json(Signature((PIXELS,), (kept,)).to_json())
    assert (again.output.thresholds, again.output.temperature) == ((0.25,), 1.5)
