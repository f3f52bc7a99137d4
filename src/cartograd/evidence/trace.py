"""The worked numbers of the notes, computed again step by step with the library's own functions.

`trace()` goes once forward and once backward through a tiny network whose hidden layer and
probabilities are the notes' own examples, checks each hand-written derivative against autograd,
and then counts pixels and weights as the notes do. Where a printed number is not what its formula
gives, the step says so.

    from the loss backwards:  dL/dz = p - onehot,  dL/dw = x (dL/dz),  dL/dx = (dL/dz) w

Shapes: a batch of one example through a network 2-3-2.

Departures: the notes' slips are kept beside what their formulas give.

References:
    David Rumelhart, Geoffrey Hinton, Ronald Williams. Learning representations by back-propagating
    errors. Nature 323, 1986. https://doi.org/10.1038/323533a0

>>> [step.name for step in trace() if step.autograd is not None][:1] != []
True
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cartograd.architectures.mlp import MLP
from cartograd.core.card import Card
from cartograd.core.learning import learning
from cartograd.foundations.activations.relu import derivative as relu_slope
from cartograd.foundations.activations.relu import relu
from cartograd.foundations.activations.sigmoid import sigmoid
from cartograd.foundations.activations.softmax import softmax
from cartograd.training.losses.cross_entropy import cross_entropy
from cartograd.training.objectives.classify import Classify

CARD = Card(
    name="trace",
    kind="demonstration",
    entry="trace",
    nodes=("autodiff",),
    title="Back-propagation, step by step",
    zh="反向传播逐步追踪",
    paper="Learning representations by back-propagating errors",
    year=1986,
    url="https://doi.org/10.1038/323533a0",
    proofs=(
        "oracle: each derivative that is written out is torch.autograd's, to 1e-12",
        "law: torch.autograd.gradcheck of every activation, loss and normalisation (conformance "
        "suite), of the prices of weights, and of whole networks",
    ),
    evidence={
        "autodiff": ("test_gradcheck_of_whole_networks", "test_loss_gradient"),
    },
)


@dataclass(frozen=True)
class Step:
    """One line of the trace.

    Attributes:
        name: what is computed.
        node: the place of the map that it belongs to.
        formula: how.
        ours: the value; a list of rows for a matrix.
        notes: the numbers as the notes print them, if they do.
        autograd: the same derivative by autograd, if it is one.
        remark: what to know, above all where the notes slipped.
    """

    name: str
    node: str
    formula: str
    ours: Any
    notes: tuple[str, ...] = ()
    autograd: Any = None
    remark: str = ""

    @property
    def agrees(self) -> bool | None:
        """Whether our value, rounded as the notes are, is theirs, and autograd's to 1e-12.

        None where there is nothing to compare with.
        """
        ours = _flat(self.ours)
        same = []
        if self.notes:
            pairs = zip(ours, self.notes, strict=True)
            same.append(all(_printed(value, text) == text for value, text in pairs))
        if self.autograd is not None:
            pairs = zip(ours, _flat(self.autograd), strict=True)
            same.append(all(math.isclose(a, b, rel_tol=0, abs_tol=1e-12) for a, b in pairs))
        return all(same) if same else None

    def to_json(self) -> dict[str, Any]:
        """The step as JSON types."""
        return asdict(self) | {"agrees": self.agrees}


@learning()
def trace() -> tuple[Step, ...]:
    """All steps, in the order in which the notes come to them."""
    with torch.random.fork_rng(devices=[]):  # layers draw weights, whether they are used or not
        return (*_softmax(), *_network(), *_convolution(), *_sharing())


def _softmax() -> Iterator[Step]:
    """From scores to probabilities to a loss."""
    z = _vector(3.5, 1.2, 0.8)
    p = softmax(z)
    truth = torch.tensor([0])
    yield Step(
        "Powers of e", "activation/softmax", "e^z for z = [3.5, 1.2, 0.8]", z.exp().tolist(),
        notes=("33.115", "3.320", "2.225"),
        remark="The notes cut e^0.8 = 2.22554 off after three digits; rounded it is 2.226.",
    )  # fmt: skip
    yield Step(
        "Their sum", "activation/softmax", "sum_j e^(z_j)", z.exp().sum().item(),
        notes=("38.660",),
        remark="38.66111; the notes added numbers that were cut off already.",
    )  # fmt: skip
    yield Step(
        "Softmax", "activation/softmax", "p_i = e^(z_i) / sum_j e^(z_j)", p.tolist(),
        notes=("0.856", "0.086", "0.058"),
        remark="33.11545 / 38.66111 = 0.85656, which rounds to 0.857.",
    )  # fmt: skip
    yield Step(
        "Cross-entropy of a right answer", "loss/cross-entropy", "L = -log p_0",
        cross_entropy(z[None], truth).item(), notes=("0.155",),
        remark="0.15484 from the scores; the notes' 0.856 gives 0.15549, the same when rounded.",
    )  # fmt: skip
    yield Step(
        "Cross-entropy of a wrong answer", "loss/cross-entropy",
        "L = -log p_0 for p = [0.1, 0.6, 0.3]",
        cross_entropy(_vector(0.1, 0.6, 0.3).log()[None], truth).item(), notes=("2.303",),
    )  # fmt: skip


def _network() -> Iterator[Step]:
    """One training step of a network 2-3-2: forward, backward, update."""
    model = _tiny()
    x, truth = torch.ones(1, 2, dtype=torch.float64), torch.tensor([0])
    (loss,) = Classify(model=model).losses((x, truth))
    gradients = torch.autograd.grad(loss.value.mean(), list(model.parameters()))
    with torch.no_grad():
        z = model.hidden[0](x)[0]
        h = relu(z)
        scores = model.head(h)
        p = softmax(scores)
        yield Step("Hidden layer", "neuron", "z = W x + b for x = [1, 1]", z.tolist())
        yield Step(
            "ReLU", "activation/relu", "h = max(0, z)", h.tolist(), notes=("0", "1.2", "0.3")
        )
        yield Step(
            "Sigmoid, for comparison", "activation/sigmoid", "1 / (1 + e^-z)", sigmoid(z).tolist(),
            notes=("0.378", "0.769", "0.574"),
        )  # fmt: skip
        yield Step("Scores", "arch/mlp", "s = V h + c", scores.tolist())
        yield Step(
            "Probabilities", "activation/softmax", "p = softmax(s)", p.tolist(),
            notes=("0.6", "0.4"),
        )  # fmt: skip
        yield Step("Loss", "loss/cross-entropy", "L = -log p_0", loss.value.item())
        yield from _backward(x[0], z, h, p, model.head.weight, *gradients)
    yield from _update(model, x, truth)


def _backward(
    x: Tensor, z: Tensor, h: Tensor, p: Tensor, V: Tensor,
    dW: Tensor, db: Tensor, dV: Tensor, dc: Tensor,
) -> Iterator[Step]:  # fmt: skip
    """The chain rule by hand, held against autograd's dW, db, dV and dc."""
    error = p - _vector(1.0, 0.0)
    to_hidden = V.T @ error
    slope = relu_slope(z)
    delta = to_hidden * slope
    yield Step(
        "Gradient of the scores", "loss/cross-entropy", "dL/ds = p - y", error.tolist(),
        notes=("-0.4", "0.4"), autograd=dc.tolist(),
        remark="The bias c is added to s, so its gradient is the same.",
    )  # fmt: skip
    yield Step(
        "Gradient of V", "autodiff", "dL/dV = dL/ds h^T", torch.outer(error, h).tolist(),
        autograd=dV.tolist(),
    )  # fmt: skip
    yield Step("Back through V", "autodiff", "dL/dh = V^T dL/ds", to_hidden.tolist())
    yield Step(
        "Slope of ReLU", "activation/relu", "1 if z > 0 else 0", slope.tolist(),
        remark="The first unit is off: no gradient passes it.",
    )  # fmt: skip
    yield Step(
        "Back through ReLU", "autodiff", "dL/dz = dL/dh relu'(z)", delta.tolist(),
        autograd=db.tolist(), remark="The bias b is added to z, so its gradient is the same.",
    )  # fmt: skip
    yield Step(
        "Gradient of W", "autodiff", "dL/dW = dL/dz x^T", torch.outer(delta, x).tolist(),
        autograd=dW.tolist(),
    )  # fmt: skip


def _update(model: MLP, x: Tensor, truth: Tensor) -> Iterator[Step]:
    """Gradient descent, on the notes' single weight and on the network."""
    weight = nn.Parameter(torch.ones((), dtype=torch.float64))
    weight.grad = torch.tensor(0.3, dtype=torch.float64)
    torch.optim.SGD([weight], lr=0.01).step()
    yield Step(
        "A weight's step", "optim/sgd", "w_old - w_new = 0.01 * 0.3", 1 - weight.item(),
        notes=("0.003",), remark="The notes leave the product as it is: w - 0.01 * 0.3.",
    )  # fmt: skip
    before = cross_entropy(model(x), truth).mean()
    before.backward()
    torch.optim.SGD(model.parameters(), lr=0.01).step()
    after = cross_entropy(model(x), truth).mean()
    yield Step(
        "Change of the loss", "optim/gd", "L_new - L_old after one step at rate 0.01",
        (after - before).item(), remark="Below zero: the step went downhill.",
    )  # fmt: skip


def _convolution() -> Iterator[Step]:
    """The sizes of images on their way through a network, height x width x channels."""
    image = torch.zeros(1, 3, 32, 32)
    maps = nn.Conv2d(3, 32, 3)(image)
    yield Step(
        "Pixels of a digit", "neuron", "28 x 28, flattened",
        torch.zeros(1, 28, 28).flatten().numel(), notes=("784",),
    )  # fmt: skip
    yield Step(
        "Convolution", "cnn/conv", "32 kernels of 3x3 over 32x32x3: 32 - 3 + 1 = 30", _size(maps),
        notes=("30", "30", "32"),
    )  # fmt: skip
    yield Step(
        "Max-pooling", "cnn/pool", "2x2 windows: 30 / 2 = 15", _size(nn.MaxPool2d(2)(relu(maps))),
        notes=("15", "15", "32"),
    )  # fmt: skip
    yield Step(
        "Pooling of 4x4", "cnn/pool", "2x2 windows at stride 2",
        list(nn.MaxPool2d(2)(torch.zeros(1, 4, 4)).shape[1:]), notes=("2", "2"),
    )  # fmt: skip


def _sharing() -> Iterator[Step]:
    """How many weights a convolution saves by using them everywhere."""
    kernels = nn.Conv2d(3, 64, 3, bias=False)
    inputs, outputs = 32 * 32 * 3, kernels(torch.zeros(1, 3, 32, 32)).numel()
    with torch.device("meta"):
        dense = nn.Linear(inputs, outputs, bias=False)
    yield Step(
        "Weights of one kernel", "cnn/conv", "3 x 3 x 3", kernels.weight[0].numel(), notes=("27",)
    )
    yield Step(
        "Weights of the convolution", "cnn/conv", "3 x 3 x 3 x 64", kernels.weight.numel(),
        notes=("1728",),
    )  # fmt: skip
    yield Step(
        "Weights of a dense layer of the same size", "cnn/conv", "(32 x 32 x 3) x (30 x 30 x 64)",
        dense.weight.numel(), notes=("196608",),
        remark="The notes' 32 x 32 x 3 x 64 = 196,608 is a dense layer of 64 units. One with the "
        "convolution's 57,600 outputs needs 900 times as many.",
    )  # fmt: skip


def _tiny() -> MLP:
    """A network 2-3-2 that passes through the notes' z = [-0.5, 1.2, 0.3] and p = [0.6, 0.4]."""
    model = MLP(features=2, classes=2, widths=(3,)).double()
    weights = {
        "hidden.0.weight": [[-0.7, 0.2], [0.9, 0.3], [0.4, -0.1]],
        "hidden.0.bias": [0.0, 0.0, 0.0],
        "head.weight": [[0.5, 0.25, -0.5], [0.25, -0.25, 0.5]],
        "head.bias": [math.log(0.6 / 0.4) - 0.3, 0.0],
    }
    model.load_state_dict(
        {name: torch.tensor(value, dtype=torch.float64) for name, value in weights.items()}
    )
    return model


def _vector(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def _size(maps: Tensor) -> list[int]:
    channels, height, width = maps.shape[1:]
    return [height, width, channels]


def _flat(value: Any) -> list[float]:
    return (
        [number for item in value for number in _flat(item)] if isinstance(value, list) else [value]
    )


def _printed(value: float, text: str) -> str:
    """The value with as many digits after the point as the text."""
    return f"{value:.{len(text.partition('.')[2])}f}"
