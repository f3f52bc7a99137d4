"""Each worked number of the notes, as it should be and as it is printed."""

import json

import pytest
import torch

from cartograd.core.build import build
from cartograd.core.concepts import places
from cartograd.evidence.trace import Step, trace

STEPS = {step.name: step for step in trace()}

SLIPS = {
    "Powers of e": ("2.225", 2.226),
    "Their sum": ("38.660", 38.661),
    "Softmax": ("0.856", 0.857),
    "Weights of a dense layer of the same size": ("196608", 176_947_200),
}
"""Where the notes are wrong: what they print, and what it is."""

ROUNDED = {
    "Softmax": [0.857, 0.086, 0.058],
    "Cross-entropy of a right answer": 0.155,
    "Cross-entropy of a wrong answer": 2.303,
    "ReLU": [0, 1.2, 0.3],
    "Sigmoid, for comparison": [0.378, 0.769, 0.574],
    "Probabilities": [0.6, 0.4],
    "Gradient of the scores": [-0.4, 0.4],
    "A weight's step": 0.003,
    "Pixels of a digit": 784,
    "Convolution": [30, 30, 32],
    "Max-pooling": [15, 15, 32],
    "Pooling of 4x4": [2, 2],
    "Weights of one kernel": 27,
    "Weights of the convolution": 1728,
    "Weights of a dense layer of the same size": 176_947_200,
}


@pytest.mark.parametrize("name", ROUNDED)
def test_number(name):
    assert STEPS[name].ours == pytest.approx(ROUNDED[name], abs=5e-4)


@pytest.mark.parametrize("name", STEPS)
def test_agrees_with_the_notes_but_for_the_known_slips(name):
    step = STEPS[name]
    if step.notes:
        assert step.agrees is (name not in SLIPS)
    assert step.remark or name not in SLIPS


@pytest.mark.parametrize("name", SLIPS)
def test_slip_is_shown(name):
    printed, right = SLIPS[name]
    step = STEPS[name]
    ours = step.ours if isinstance(step.ours, list) else [step.ours]
    assert pytest.approx(right, abs=5e-4) == ours[step.notes.index(printed)]


def test_the_chain_rule_by_hand_is_autograds():
    compared = [step for step in trace() if step.autograd is not None]
    assert len(compared) == 4
    assert all(step.agrees for step in compared)


def test_the_step_goes_downhill():
    assert -0.02 < STEPS["Change of the loss"].ours < 0


def test_a_wrong_derivative_would_be_seen():
    assert Step("x", "autodiff", "", [1.0, 2.0], autograd=[1.0, 2.1]).agrees is False
    assert Step("x", "autodiff", "", 1.0).agrees is None


def test_steps_are_json_and_places_of_the_map():
    assert json.loads(json.dumps([step.to_json() for step in trace()]))[0]["agrees"] is False
    assert {step.node for step in trace()} <= {place.id for place in places()}


@pytest.mark.oracle("trace")
def test_each_derivative_is_autograds():
    derived = [step for step in trace() if step.autograd is not None]
    assert len(derived) >= 4
    assert all(step.agrees or step.remark for step in derived)


@pytest.mark.law("trace")
@pytest.mark.parametrize("name", ["l1", "l2"])
def test_gradcheck_of_prices(name):
    """Activations, losses and normalisations are checked in the conformance suite, every card."""
    weight = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(build(name), (weight,))


@pytest.mark.law("trace")
@pytest.mark.parametrize(
    "spec", ["mlp:features=4,classes=3,widths=[5]", "neuron:features=4,classes=2"]
)
def test_gradcheck_of_whole_networks(spec):
    """Of every weight, through the objective's loss."""
    torch.manual_seed(0)
    model = build(spec).double()
    x, y = torch.randn(6, 4, dtype=torch.float64), torch.arange(6) % 2
    names = [name for name, _ in model.named_parameters()]

    def loss(*weights):
        outputs = torch.func.functional_call(model, dict(zip(names, weights, strict=True)), (x,))
        return build("cross-entropy")(outputs, y)

    weights = tuple(p.detach().clone().requires_grad_() for p in model.parameters())
    assert torch.autograd.gradcheck(loss, weights)
