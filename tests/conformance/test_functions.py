"""Every activation, loss and metric: shapes, types, gradients, and which answers it prefers."""

import math
import warnings

import pytest
import torch

from cartograd.core.build import build, entry
from cartograd.core.card import MEASURED
from cartograd.core.errors import UsageError
from cartograd.foundations.activations.layer import Activation
from tests.conformance.subjects import EXAMPLES
from tests.conformance.support import global_state_untouched, offered, over

# Activations.


@over("activation")
def test_activation_keeps_shape_and_type(card):
    function = build(card.name, kind=card.kind, **card.tiny)
    for dtype in (torch.float32, torch.float64):
        for shape in ((7,), (1, 3), (2, 3, 4)):
            z = torch.randn(shape, dtype=dtype)
            before = z.clone()
            answer = function(z)
            assert answer.shape == z.shape
            assert answer.dtype == dtype
            assert torch.equal(z, before)


@over("activation")
def test_activation_is_finite_far_out(card):
    z = torch.tensor([[-1e4, -1e2, -1e-8, 0.0, 1e-8, 1e2, 1e4]])
    assert build(card.name, kind=card.kind, **card.tiny)(z).isfinite().all()


@over("activation")
def test_activation_gradient(card):
    function = build(card.name, kind=card.kind, **card.tiny)
    z = torch.tensor([[-2.0, -0.7, -0.1, 0.2, 0.9, 3.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (z,))
    assert torch.autograd.grad((function(z) * torch.arange(6)).sum(), z)[0].any()


@over("activation")
def test_activation_is_no_straight_line(card):
    function = build(card.name, kind=card.kind, **card.tiny)
    z = torch.linspace(-3, 3, 13, dtype=torch.float64)[None]
    bends = function(z).diff(n=2).abs().max()
    assert bends > 1e-3


@over("activation")
def test_activation_as_a_layer(card):
    z = torch.randn(2, 3)
    assert torch.equal(Activation(card.name)(z), build(card.name, kind=card.kind)(z))


@over("activation", "loss", "metric")
def test_function_draws_nothing(card):
    function = build(card.name, kind=card.kind, **card.tiny)
    data = (torch.randn(4, 3),) if card.kind == "activation" else fitting(card)
    with global_state_untouched():
        assert same(function(*data), function(*data))


def same(a, b):
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


# Losses and metrics: which targets they take is found out by asking.


def class_examples(n=12, k=3):
    """Right answers as logits, wrong ones, and the classes."""
    y = torch.arange(n) % k
    right = 12.0 * torch.nn.functional.one_hot(y, k).double()
    return right, right.roll(1, 1), y


def value_examples(n=12):
    y = torch.linspace(1, 3, n, dtype=torch.float64)[:, None]
    return y.clone(), 4 - y, y


def takes_classes(card):
    right, _, y = class_examples()
    try:
        with warnings.catch_warnings(action="ignore"):
            build(card.name, kind=card.kind, **card.tiny)(right, y)
    except (UsageError, TypeError, RuntimeError):
        return False
    return True


def density_examples(n=12):
    """High log-densities (0 on average), low ones, and the examples that they are of."""
    likely = torch.linspace(-1, 1, n, dtype=torch.float64)
    return likely, likely - 5, torch.zeros(n, 3, dtype=torch.float64)


def takes_densities(card):
    likely, _, x = density_examples()
    try:
        build(card.name, kind=card.kind, **card.tiny)(likely, x)
    except (UsageError, TypeError, RuntimeError, IndexError):
        return False
    return True


def picture_examples(n=12):
    """Whole pictures, their negatives, and whole ones."""
    whole = torch.rand(n, 1, 12, 12, dtype=torch.float64)
    return whole.clone(), 1 - whole, whole


def takes_pictures(card):
    right, _, whole = picture_examples()
    try:
        build(card.name, kind=card.kind, **card.tiny)(right, whole)
    except (UsageError, TypeError, RuntimeError, IndexError):
        return False
    return True


def examples_for(card):
    if card.kind == "metric" and card.name in EXAMPLES:
        right, wrong, (y,) = EXAMPLES[card.name]()
        return right, wrong, y
    if card.kind == "metric" and not takes_classes(card) and takes_pictures(card):
        return picture_examples()
    if card.kind == "metric" and takes_densities(card):
        return density_examples()
    return class_examples() if takes_classes(card) else value_examples()


def loss_examples(card):
    """Right outputs, wrong ones, and all else that the loss takes."""
    own = offered(card, "examples", EXAMPLES)
    if own is not None:
        return own()
    right, wrong, y = examples_for(card)
    return right, wrong, (y,)


def fitting(card):
    right, _, rest = loss_examples(card)
    return right, *rest


@over("loss")
def test_loss_is_one_number_an_example(card):
    right, wrong, rest = loss_examples(card)
    loss = build(card.name, kind=card.kind, **card.tiny)
    assert loss(right, *rest).shape == (12,)
    assert loss(wrong, *rest).isfinite().all()
    assert (loss(wrong, *rest) > loss(right, *rest)).any()
    assert (loss(wrong, *rest) >= loss(right, *rest)).all()


@over("loss")
def test_loss_of_an_example_is_its_own(card):
    right, wrong, rest = loss_examples(card)
    loss, outputs = build(card.name, kind=card.kind, **card.tiny), (right + wrong) / 3
    whole = loss(outputs, *rest)
    parts = [[given[i : i + 1] for given in (outputs, *rest)] for i in range(12)]
    single = torch.cat([loss(*part) for part in parts])
    torch.testing.assert_close(single, whole, rtol=1e-12, atol=1e-12)


@pytest.mark.place("autodiff")
@over("loss")
def test_loss_gradient(card):
    right, wrong, rest = loss_examples(card)
    loss = build(card.name, kind=card.kind, **card.tiny)
    outputs = ((right + wrong) / 5 + torch.randn_like(right)).requires_grad_()
    assert torch.autograd.gradcheck(lambda given: loss(given, *rest), (outputs,))
    assert torch.autograd.grad(loss(outputs, *rest).sum(), outputs)[0].any(dim=1).all()


@over("loss", "metric")
def test_inputs_are_left_alone(card):
    data = fitting(card)
    before = [given.clone() for given in data]
    build(card.name, kind=card.kind, **card.tiny)(*data)
    assert all(torch.equal(a, b) for a, b in zip(data, before, strict=True))


@over("metric")
def test_metric_tells_right_from_wrong(card):
    """Right answers give 0 or 1, the best there is; the more wrong ones, the worse.

    A few are left right: a ranking of which none is may gain a little by being wrong throughout.
    """
    right, wrong, y = examples_for(card)
    metric = build(card.name, kind=card.kind, **card.tiny)
    mixed = [torch.cat([wrong[:n], right[n:]]) for n in (0, 3, 6, 9)]
    scores = [metric(outputs, y) for outputs in mixed]
    assert all(isinstance(score, float) and math.isfinite(score) for score in scores)
    assert min(abs(scores[0]), abs(scores[0] - 1)) < 1e-4
    assert scores == sorted(scores) or scores == sorted(scores, reverse=True)
    assert abs(scores[0] - scores[-1]) > 0.1


@over("metric")
def test_metric_is_better_on_the_side_that_its_card_says(card):
    """Each example more that is answered rightly moves the number that way."""
    right, wrong, y = examples_for(card)
    metric = build(card.name, kind=card.kind, **card.tiny)
    scores = [metric(torch.cat([right[:n], wrong[n:]]), y) for n in (3, 6, 9, 12)]
    assert card.better in ("lower", "higher")
    assert scores == sorted(scores, reverse=card.better == "lower")
    assert scores[0] != scores[-1]


@over("text-metric")
def test_text_metric_is_better_on_the_side_that_its_card_says(card):
    said = ["the cat sat on the mat", "it rains in the north today"]
    measure = build(card.name, kind=card.kind, **card.tiny)
    wrong = ["a dog ran to a tree now", "nobody sings a song of us"]
    scores = [measure(given, said) for given in (wrong, [said[0], wrong[1]], said)]
    assert scores == sorted(scores, reverse=card.better == "lower")
    assert len(set(scores)) == 3


@over()
def test_only_what_is_measured_has_a_better_side(card):
    measured = card.kind in MEASURED
    assert (card.better in ("lower", "higher")) if measured else not card.better
    assert set(card.logs.values()) <= {"lower", "higher"}
    assert not card.logs or card.kind == "objective"


@over("metric")
def test_metric_ignores_the_order_of_examples(card):
    right, wrong, y = examples_for(card)
    outputs = torch.cat([wrong[:5], right[5:]]) + torch.randn_like(right) / 10
    order = torch.randperm(12)
    metric = build(card.name, kind=card.kind, **card.tiny)
    assert metric(outputs[order], y[order]) == pytest.approx(metric(outputs, y), rel=1e-12)


@over("metric")
def test_metric_in_single_and_double_precision(card):
    right, wrong, y = examples_for(card)
    outputs = torch.cat([wrong[:5], right[5:]])
    metric = build(card.name, kind=card.kind, **card.tiny)
    single = metric(outputs.float(), y.float() if y.is_floating_point() else y)
    assert single == pytest.approx(metric(outputs, y), rel=1e-5)


@over("metric")
def test_metric_of_nothing_or_of_nonsense_is_refused(card):
    right, _, y = examples_for(card)
    metric = build(card.name, kind=card.kind, **card.tiny)
    for outputs, targets in (
        (right[:0], y[:0]),
        (right[:5], y[:4]),
        (torch.full_like(right, torch.nan), y),
    ):
        with pytest.raises(UsageError):
            metric(outputs, targets)


@over("metric")
def test_metric_is_named_like_its_function(card):
    assert entry(card).__name__ == card.name.replace("-", "_")
