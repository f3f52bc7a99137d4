"""Dropout: in training units are set to zero at random, so that none can rely on another.

Each pass trains another thinned network, and the full network in evaluation is close to their
average. What is kept is divided by the share kept, so that the expectation stays the same and
evaluation needs no correction. Left on in evaluation (`monte_carlo`), the variance of the outputs
measures how uncertain the model is.

On a CPU the random numbers take most of the time, so each has 16 bits: four come from one int64.

    y = x m / (1 - p),    m_i = 0 with probability p, else 1        E[y] = x
    mean and variance of the model's outputs over random masks m

Shapes: any shape, kept.

Departures: the paper multiplies by the share kept in evaluation; this is the inverted form, of the
same expectation. The notes use p both for dropping and for keeping: here it always drops. With 16
bits p is rounded to a multiple of 2^-16, and what is left is divided by 1 minus that.

References:
    Nitish Srivastava, Geoffrey Hinton, Alex Krizhevsky, Ilya Sutskever, Ruslan Salakhutdinov.
    Dropout: a simple way to prevent neural networks from overfitting. Journal of Machine Learning
    Research 15, 2014. https://jmlr.org/papers/v15/srivastava14a.html
    Yarin Gal, Zoubin Ghahramani. Dropout as a Bayesian approximation: representing model
    uncertainty in deep learning. ICML 2016. https://arxiv.org/abs/1506.02142

>>> layer = Dropout(dropout=0.75)
>>> sorted(set(layer(torch.ones(100)).tolist())), layer.eval()(torch.ones(2)).tolist()
([0.0, 4.0], [1.0, 1.0])
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.kernels import Choice
from cartograd.engine.files.program import check_code

CARD = Card(
    name="dropout",
    kind="regulariser",
    entry="Dropout",
    nodes=("regularize/dropout",),
    title="Dropout",
    zh="随机失活",
    paper="Dropout: a simple way to prevent neural networks from overfitting",
    year=2014,
    url="https://jmlr.org/papers/v15/srivastava14a.html",
    proofs=(
        "oracle: torch.nn.functional.dropout on few numbers, the same from the same seed",
        "law: the expectation is the input; nothing is dropped in evaluation",
        "law: many numbers are dropped independently, each as often as asked; the gradient is the "
        "mask",
        "law: the Monte-Carlo mean and variance of a linear model are those computed by hand, and "
        "the variance is larger far from the training data",
    ),
    evidence={
        "regularize/dropout": (
            "test_the_expectation_is_the_input",
            "test_monte_carlo_of_a_linear_model_is_as_computed",
            "test_unsure_far_from_the_data",
            "test_predict_by_passes_with_dropout_tells_their_spread",
        ),
    },
)


class Dropout(nn.Module):
    """Inverted dropout.

    Args:
        dropout: probability that a number is dropped.
    """

    def __init__(self, *, dropout: float = 0.5):
        super().__init__()
        self.dropout = dropout

    @property
    def now(self) -> float:
        """The probability in the present mode: 0 in evaluation."""
        return self.dropout if self.training else 0.0

    def forward(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """In training the input with dropout, in evaluation the input."""
        return thinned(x, self.now)


STEPS = 1 << 16
MANY = 4096
"""Tensor size from which on 16 random bits for each number are faster than torch's function."""


def thinned(x: Float[Tensor, "..."], dropout: float, /) -> Float[Tensor, "..."]:
    """Some of the numbers, divided by the share that is kept; zero for the others.

    Args:
        x: any numbers.
        dropout: probability that one is dropped.
    """
    if not dropout:
        return x
    return x * factors(x, dropout) if _is_ours(x, dropout) else F.dropout(x, dropout)


def factors(x: Float[Tensor, "..."], dropout: float, /) -> Float[Tensor, "..."]:
    """What `thinned` multiplies such numbers by: zeros, and what makes up for them."""
    if not _is_ours(x, dropout):
        return F.dropout(torch.ones_like(x), dropout)
    dropped = round(dropout * STEPS)
    words = torch.randint(-(1 << 63), (1 << 63) - 1, (-(-x.numel() // 4),))
    drawn = words.view(torch.int16)[: x.numel()].view(x.shape)
    kept = (drawn >= dropped - STEPS // 2).to(x.dtype)
    return kept.mul_(STEPS / (STEPS - dropped))


def _is_ours(x: Tensor, dropout: float) -> bool:
    """Whether four numbers are cut from one; what is compiled may not ask for sizes."""
    theirs = x.device.type != "cpu" or torch.compiler.is_compiling()
    return not theirs and x.numel() >= MANY and 0 < round(dropout * STEPS) < STEPS


def choice(device: torch.device, /) -> Choice:
    """The generator of dropout's random numbers on a device."""
    theirs = "torch's dropout"
    if device.type != "cpu":
        return Choice("dropout", theirs, theirs, f"it is the faster one on {device.type}")
    reason = "random numbers take most of its time; four are cut from one"
    return Choice("dropout", f"16 bits a number, from {MANY} numbers on", theirs, reason)


_TORCHS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


def _drops(module: nn.Module) -> bool:
    """Whether a module is a dropout layer, ours or torch's, that drops anything."""
    if isinstance(module, Dropout):
        return module.dropout > 0
    return isinstance(module, _TORCHS) and module.p > 0


def monte_carlo(
    model: nn.Module, x: Float[Tensor, "b ..."], /, *, draws: int = 50
) -> tuple[Float[Tensor, "b ..."], Float[Tensor, "b ..."]]:
    """Mean and variance of a model's outputs over passes with dropout on.

    Everything but dropout is in evaluation mode; the model is left as it was. Masks come from
    torch's global generator.

    Args:
        model: with at least one dropout layer, ours or torch's, of a probability above 0.
        x: examples, as the model takes them.
        draws: number of passes; at least two.

    Raises:
        UsageError: the model drops nothing, or there are too few passes for a variance.
    """
    layers = [module for module in model.modules() if _drops(module)]
    if not layers:
        check_code(model, "its dropout")
        raise UsageError(
            "the model drops nothing (it has no dropout, or one of probability 0), so its answers "
            "do not vary; train it with dropout, like mlp:dropout=0.2"
        )
    if draws < 2:
        raise UsageError(f"draws={draws}: a variance needs at least two passes")
    with evaluating(model), torch.no_grad():
        for layer in layers:
            layer.training = True
        try:
            answers = torch.stack([model(x) for _ in range(draws)])
        finally:
            for layer in layers:
                layer.training = False
    return answers.mean(0), answers.var(0)
