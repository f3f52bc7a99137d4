"""A certificate of each example by lower bounds of its margins over a box around it."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.certificate import Certificate
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.signed import signature_if_any
from cartograd.frontier.inputs import check_classes, check_takes, rows_at_once
from cartograd.frontier.security.ball import Ball, Norm
from cartograd.frontier.security.ball import check as check_norm
from cartograd.frontier.security.gain import logits, margin, valid
from cartograd.frontier.verification.network import Network, read
from cartograd.frontier.verification.rules import Box, Round
from cartograd.frontier.verification.text import of_vectors, reads_text

ANYWHERE = (-math.inf, math.inf)
"""Bounds of a vector."""

AT_ONCE = 2**15
"""Examples times the numbers of the widest result that are looked at together."""

Bounds = Callable[[Network, Box, Float[Tensor, "b s k"]], Float[Tensor, "b s"]]
"""Lower bounds of weighted sums of the answers over boxes."""


def certified(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    bound: Bounds,
    /,
    *,
    eps: float,
    bounds: tuple[float, float] | None = None,
    norm: Norm = "linf",
) -> Certificate:
    """What lower bounds of the margins prove of each example's ball.

    Args:
        model: gives logits; its signature has the bounds of valid inputs.
        x: inputs in the units of the input port.
        y: the right classes.
        bound: how the bounds are found.
        eps: by how much each number may change, or by `l2` all together; of a text the numbers of
            its tokens' vectors.
        bounds: smallest and largest valid number, for a model whose signature has none.
        norm: `linf` or `l2`.

    Raises:
        UsageError: the model is no classifier, has operations without a rule, or the inputs are
            none of its.
    """
    if reads_text(model):
        check_takes(model, x)
        check_classifier(model, texts=True)
        read_apart = [(of_vectors(model, row), y[i : i + 1]) for i, row in enumerate(x)]
        told = [
            certified(one, one.vectors(), own, bound, eps=eps, bounds=ANYWHERE, norm=norm)
            for one, own in read_apart
        ]
        return of_texts(told, x)
    box = around(model, x, y, eps=eps, bounds=bounds, norm=norm)
    network = read(model, x)
    with torch.inference_mode(False), torch.no_grad():
        check(network, model, x)
        answers = outputs(model, x)
        check_classes(y, answers)
        weights = margins(y.cpu(), raw_classes(model, x)).double()
        portions = torch.arange(len(x)).split(at_once(network, x))
        size = torch.cat([bound(network, box.of(own), weights[own]).amin(1) for own in portions])
    wrong = answers.argmax(1).cpu() != y.cpu()
    return Certificate(
        proved=(size > 0) & ~wrong, refuted=wrong, size=size, found=x.detach().clone()
    )


def of_texts(told: list[Certificate], x: Int[Tensor, "b t"], /) -> Certificate:
    """The certificates of texts, each looked at alone, as one."""
    proved, refuted, size = (
        torch.cat([getattr(one, key) for one in told]) for key in ("proved", "refuted", "size")
    )
    note = "eps is of the numbers of the tokens' vectors; which tokens they are is another question"
    return Certificate(proved, refuted, size, x.clone(), notes=(note,))


def around(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    /,
    *,
    eps: float,
    bounds: tuple[float, float] | None = None,
    norm: Norm = "linf",
) -> Box:
    """The valid inputs within eps of each number: those that an attack may reach, to the last bit.

    Of `l2` they are within a ball, too, with room for the rounding of an attack's step back to it.

    Raises:
        UsageError: the model is no classifier, or the inputs are none of its.
    """
    check_takes(model, x)
    check_classifier(model)
    low, high = valid(model, x, y, bounds)
    ball = Ball(x.detach(), low, high, eps=eps, norm="linf")
    box = Box(ball.low.double().cpu(), ball.high.double().cpu())
    if check_norm(norm) == "linf":
        return box
    radius = torch.full((len(x),), eps * (1 + 2.0**-20), dtype=torch.float64)
    return box._replace(ball=Round(x.detach().double().cpu(), radius))


def check_classifier(model: nn.Module, /, *, texts: bool = False) -> None:
    """Refuse what does not choose between classes.

    Raises:
        UsageError: what it does instead.
    """
    signature = signature_if_any(model)
    if signature is not None and signature.task.attacked != "class":
        raise UsageError(
            f"a certificate is of the class that is answered, but the output "
            f"{signature.output.name!r} has the task {signature.output.task!r}; ranges of other "
            "answers are proved by a property file"
        )
    if signature is not None and signature.input.kind == "text" and not texts:
        raise UsageError(
            "the model reads tokens, which cannot move by a little; their vectors can, which ibp, "
            "crown and alpha-crown take"
        )


def raw_classes(model: nn.Module, x: Float[Tensor, "b ..."], /) -> int:
    """How many numbers the model itself answers with: one for two classes by a single logit."""
    with evaluating(model):
        return model(x[:1].clone()).shape[-1]


def outputs(model: nn.Module, x: Float[Tensor, "b ..."], /) -> Float[Tensor, "b k"]:
    """The model's logits, as it is served."""
    with evaluating(model):
        return torch.cat([logits(model, part) for part in x.detach().split(rows_at_once(x))])


def margins(y: Int[Tensor, " b"], classes: int, /) -> Float[Tensor, "b s k"]:
    """Weights of the answers: the right class less each of the others.

    >>> margins(torch.tensor([1]), 3).tolist()
    [[[-1.0, 1.0, 0.0], [0.0, 1.0, -1.0]]]
    >>> margins(torch.tensor([1, 0]), 1).tolist()
    [[[1.0]], [[-1.0]]]
    """
    if classes == 1:
        return (2.0 * y - 1)[:, None, None]
    every = torch.eye(classes)
    rows = every[y][:, None] - every[None]
    others = torch.arange(classes)[None] != y[:, None]
    return rows[others].reshape(len(y), classes - 1, classes)


def ahead(answers: Float[Tensor, "b k"], y: Int[Tensor, " b"], /) -> Float[Tensor, " b"]:
    """By how many logits the right class is ahead of the best other one."""
    return -margin(answers.double(), y)


def check(network: Network, model: nn.Module, x: Float[Tensor, "b ..."], /) -> None:
    """Refuse a reading of the model that answers otherwise than the model.

    Three examples at once show whether it treats each alone, too.

    Raises:
        UsageError: it was read as another function.
    """
    few = x[:3].detach()
    with evaluating(model):
        served = model(few.clone()).double().cpu()
    ours = network(few.double().cpu())
    apart = (served - ours).abs().amax()
    if not apart <= 1e-3 * (1 + served.abs().amax()):
        raise UsageError(
            f"the model answers otherwise than its operations, written down: by {apart:.3g}; "
            "it may draw numbers, or depend on the examples beside"
        )


def at_once(network: Network, x: Float[Tensor, "b ..."], /) -> int:
    """How many examples are looked at together."""
    widest = max(value[0].numel() for value in network.values(x[:1].double().cpu()))
    return max(1, min(64, AT_ONCE // widest))
