"""Branch and bound: a question about a network is divided until each part has an answer.

Bounds leave a gap where ReLUs may be on either side of zero. So the question is divided: for one
such number z the part with z >= 0 and the part with z <= 0 are looked at apart, in each of which
that ReLU is a line. The bounds of a part are CROWN's with slopes alpha and a Lagrange multiplier
beta for each side that is assumed (beta-CROWN); a part whose bound is above zero is done. Where no
number is left to divide, the network is linear in that part, and a linear programme answers. Inputs
at which lines are lowest are run through the model on the way: one that is answered wrongly ends
the search. Networks of few inputs, or of other curves, are divided by halving an input's interval.

    min over the box, s_k z_k >= 0  of  C f(x)  >=  max over beta >= 0 of
        min over the box of  C f(x) - sum_k beta_k s_k z_k

Shapes: x (b ...), y (b).

Departures: the number with the widest gap between its lines, times its weight, is divided first;
intervals of the whole box are kept for the parts. The linear programmes are HiGHS's, exact to its
tolerance of 1e-7; all else holds for the roundings of the served model (`bounds.py`).

References:
    Rudy Bunel, Jingyue Lu, Ilker Turkaslan, Philip Torr, Pushmeet Kohli, Pawan Kumar. Branch and
    bound for piecewise linear neural network verification. JMLR 21, 2020.
    https://jmlr.org/papers/v21/19-468.html
    Shiqi Wang, Huan Zhang, Kaidi Xu, Xue Lin, Suman Jana, Cho-Jui Hsieh, Zico Kolter. Beta-CROWN:
    efficient bound propagation with per-neuron split constraints for neural network robustness
    verification. NeurIPS 2021. https://arxiv.org/abs/2103.06624

>>> import torch
>>> model = nn.Linear(1, 2, bias=False)
>>> _ = model.weight.data.copy_(torch.tensor([[1.0], [-1.0]]))
>>> x, y = torch.tensor([[0.5], [0.125]]), torch.tensor([0, 0])
>>> found = branch_and_bound(model, x, y, eps=0.25, bounds=(-1.0, 1.0))
>>> found.proved.tolist(), found.refuted.tolist()
([True, False], [False, True])
"""

from functools import partial

from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.certificate import Certificate
from cartograd.frontier.verification.complete import decided
from cartograd.frontier.verification.crown import by_lines
from cartograd.frontier.verification.parts import divide

CARD = Card(
    name="branch-and-bound",
    kind="verifier",
    entry="branch_and_bound",
    nodes=("verify/bounds", "verify/input-range"),
    title="Branch and bound",
    zh="分支定界",
    paper="Branch and bound for piecewise linear neural network verification",
    year=2020,
    url="https://jmlr.org/papers/v21/19-468.html",
    proofs=(
        "oracle: the same answers as a mixed integer linear programme of the network (HiGHS), for "
        "each of the examples of a network that was trained",
        "law: what is refuted is refuted by an input within eps that the model answers wrongly",
        "law: a property of a file is proved, refuted by an input, or unknown when time is up, as "
        "a grid of all inputs says",
    ),
    evidence={
        "verify/input-range": (
            "test_a_property_is_proved_or_refuted_by_an_input",
            "test_a_hard_property_is_unknown_when_time_is_up",
            "test_ranges_of_columns",
        )
    },
    aliases=("exact", "beta-crown"),
    tiny={"eps": 0.01, "branches": 20},
)


def branch_and_bound(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    eps: float = 8 / 255,
    branches: int = 2000,
    bounds: tuple[float, float] | None = None,
) -> Certificate:
    """Whether an input within eps is answered wrongly: proved, refuted, or too many parts.

    Args:
        model: gives logits; its signature has the bounds of valid inputs.
        x: inputs in the units of the input port.
        y: the right classes.
        eps: by how much each number may change, in the units of x.
        branches: the most parts that are looked at for each other class.
        bounds: smallest and largest valid number, for a model whose signature has none.

    Raises:
        UsageError: as `certified`.
    """
    decide = partial(divide, branches=branches)
    return decided(model, x, y, decide, eps=eps, bounds=bounds, bound=by_lines)
