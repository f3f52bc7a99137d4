"""SOAP: Adam in the directions in which the gradient's rows and columns are uncorrelated.

Shampoo divides a matrix's gradient by roots of the correlations of its rows and of its columns.
Seen in the eigenvectors of both, it is an Adafactor; SOAP runs Adam there, and looks for new
eigenvectors only every few steps, as they turn slowly. In between the second mean goes on, which
is why it bears rare refreshes better than Shampoo.

    L <- b L + (1 - b) g g^T,   R <- b R + (1 - b) g^T g,   b = shampoo_beta
    g' = Q_L^T g Q_R,    m' = Q_L^T m Q_R,    m <- b1 m + (1 - b1) g,   s <- b2 s + (1 - b2) g'^2
    w <- (1 - lr weight_decay) (w - lr c Q_L (m' / (sqrt(s) + eps)) Q_R^T)
    c = sqrt(1 - b2^t) / (1 - b1^t)
    every `precondition_frequency` steps:  Q <- qr(L Q),  columns in order of L

Shapes: weight and gradient of any shape, alike. A side longer than `max_precond_dim` has no
directions of its own (Q is the identity there); what is no matrix is stepped by Adam, as in the
authors' code.

Departures: as in the authors' code, and unlike the paper's listing, the very first gradient only
makes the directions and moves nothing. Weights of more than two dimensions are stepped by Adam,
where that code can also turn each dimension.

References:
    Nikhil Vyas et al. SOAP: improving and stabilizing Shampoo using Adam. ICLR 2025; first
    published 2024. https://arxiv.org/abs/2409.11321

>>> weight, memory = update(torch.eye(2), torch.eye(2), {})
>>> weight, memory = update(torch.eye(2), torch.eye(2), memory, lr=0.1, weight_decay=0.0)
>>> torch.allclose(weight, 0.9 * torch.eye(2), atol=0.01), sorted(memory)[:3]
(True, ['basis0', 'basis1', 'first'])
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="soap",
    kind="optimizer",
    entry="update",
    nodes=("optim/adam",),
    title="SOAP",
    zh="SOAP 预条件优化器",
    paper="SOAP: improving and stabilizing Shampoo using Adam",
    year=2024,
    url="https://arxiv.org/abs/2409.11321",
    proofs=(
        "oracle: the formula written once more with NumPy, weights of matrices to 1e-10 "
        "in float64 after 25 steps",
        "law: with a side limit below every side, and for vectors, it is Adam a step behind",
        "law: turning rows and columns of the problem turns the path alike, which Adam's does not",
    ),
    renamed={
        "keep": "shampoo_beta",
        "every": "precondition_frequency",
        "most": "max_precond_dim",
        "floor": "eps",
    },
)


def update(
    weight: Float[Tensor, "..."],
    gradient: Float[Tensor, "..."],
    memory: dict[str, Tensor],
    /,
    *,
    lr: float = 3e-3,
    betas: tuple[float, float] = (0.95, 0.95),
    shampoo_beta: float = 0.95,
    weight_decay: float = 0.01,
    precondition_frequency: int = 10,
    max_precond_dim: int = 10_000,
    eps: float = 1e-8,
) -> tuple[Float[Tensor, "..."], dict[str, Tensor]]:
    """The weight and the memory after a step.

    Args:
        weight: before the step.
        gradient: of the loss.
        memory: what the step before left; empty at first.
        lr: learning rate.
        betas: shares of the means of the gradient and of its square that are kept at each step.
        shampoo_beta: share of the correlations of rows and columns that is kept at each step.
        weight_decay: share of a weight, times lr, that is taken off at each step.
        precondition_frequency: steps between updates of the eigenvectors.
        max_precond_dim: longest side of a matrix that gets eigenvectors of its own.
        eps: added to the root, so that nothing is divided by zero.
    """
    sides = [
        i for i, size in enumerate(weight.shape) if size <= max_precond_dim and weight.ndim == 2
    ]
    if not memory:
        return weight, _begin(gradient, sides, shampoo_beta)
    step = memory["step"] + 1
    beta1, beta2 = betas
    bases = {side: memory[f"basis{side}"] for side in sides}
    first = beta1 * memory["first"] + (1 - beta1) * gradient
    turned = _turn(gradient, bases)
    second = beta2 * memory["second"] + (1 - beta2) * turned.square()
    direction = _turn(first, bases) / (second.sqrt() + eps)
    count = step.item()
    scale = lr * (1 - beta2**count) ** 0.5 / (1 - beta1**count)
    weight = (1 - lr * weight_decay) * (weight - scale * _turn(direction, bases, back=True))
    new = {"first": first, "second": second, "step": step}
    for side in sides:
        mean = shampoo_beta * memory[f"mean{side}"] + (1 - shampoo_beta) * _correlation(
            gradient, side
        )
        new |= {f"mean{side}": mean, f"basis{side}": bases[side]}
        if count % precondition_frequency == 0:
            order = (bases[side].T @ mean @ bases[side]).diagonal().argsort(descending=True)
            new["second"] = new["second"].index_select(side, order)
            new[f"basis{side}"] = torch.linalg.qr(mean @ bases[side][:, order]).Q.contiguous()
    return weight, new


def _begin(gradient: Tensor, sides: list[int], shampoo_beta: float) -> dict[str, Tensor]:
    """The eigenvectors of the first gradient; both means are zero."""
    zero = torch.zeros_like(gradient)
    memory = {"first": zero, "second": zero, "step": torch.zeros(())}
    for side in sides:
        mean = (1 - shampoo_beta) * _correlation(gradient, side)
        shift = 1e-30 * torch.eye(len(mean), dtype=mean.dtype, device=mean.device)
        # Contiguous, as from a checkpoint: products of other strides are rounded otherwise.
        basis = torch.linalg.eigh(mean + shift)[1].flip(1).contiguous()
        memory |= {f"mean{side}": mean, f"basis{side}": basis}
    return memory


def _correlation(gradient: Float[Tensor, "n1 n2"], side: int) -> Float[Tensor, "n n"]:
    """Of the rows (side 0) or of the columns (side 1)."""
    return gradient @ gradient.T if side == 0 else gradient.T @ gradient


def _turn(x: Tensor, bases: dict[int, Tensor], *, back: bool = False) -> Tensor:
    """Rotate into the eigenvectors of both sides, or back."""
    for side, basis in bases.items():
        turn = basis if back else basis.T
        x = turn @ x if side == 0 else x @ turn.T
    return x
