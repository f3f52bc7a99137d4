"""A certificate of each example by a verifier that answers every question in the end."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.certificate import Certificate
from cartograd.core.eval_mode import evaluating
from cartograd.frontier.inputs import check_classes
from cartograd.frontier.verification import certified
from cartograd.frontier.verification.certified import Bounds
from cartograd.frontier.verification.network import Network, read
from cartograd.frontier.verification.query import Query, Serve, Verdict, steepest
from cartograd.frontier.verification.rules import Box

Decide = Callable[[Query, Network, Serve], Verdict]
"""A complete verifier of one question."""


def decided(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"],
    decide: Decide,
    /,
    *,
    eps: float,
    bounds: tuple[float, float] | None = None,
    bound: Bounds | None = None,
) -> Certificate:
    """Whether another class is answered anywhere within eps: a question for each other class.

    Args:
        model: gives logits; its signature has the bounds of valid inputs.
        x: inputs in the units of the input port.
        y: the right classes.
        decide: answers one question.
        eps: by how much each number may change.
        bounds: smallest and largest valid number, for a model whose signature has none.
        bound: answers what it can at once, before an attack and the verifier look at the rest.

    Raises:
        UsageError: as `certified`.
    """
    with torch.inference_mode(False), torch.no_grad():
        box = certified.around(model, x, y, eps=eps, bounds=bounds)
        network, serve = read(model, x), served(model, x)
        certified.check(network, model, x)
        answers = certified.outputs(model, x)
        check_classes(y, answers)
        weights = certified.margins(y.cpu(), certified.raw_classes(model, x)).double()
        return judged(box, x, weights, network, serve, decide, bound)


def judged(
    box: Box,
    x: Float[Tensor, "b ..."],
    weights: Float[Tensor, "b s k"],
    network: Network,
    serve: Serve,
    decide: Decide,
    bound: Bounds | None,
    /,
) -> Certificate:
    """Whether any of the sums reaches zero within each box.

    Args:
        box: of the inputs.
        x: the examples; one that is wrong by itself needs no search.
        weights: of the answers, in each sum.
        network: of the model.
        serve: the model.
        decide: answers one question.
        bound: answers what it can at once, before.
    """
    ahead = (weights @ serve(x.double().cpu())[:, :, None])[:, :, 0].amin(1)
    wrong = ahead < 0
    size = torch.full(wrong.shape, -torch.inf).double()
    proved, refuted, found = torch.zeros_like(wrong), wrong.clone(), x.detach().clone()
    for row in (~wrong).nonzero()[:, 0].tolist():
        own = box.of(slice(row, row + 1))
        verdict = _one(own, weights[row], network, serve, decide, bound)
        proved[row], size[row] = verdict.answer == "proved", verdict.least
        if verdict.found is not None:
            refuted[row], found[row] = True, verdict.found.to(found)
    return Certificate(proved=proved, refuted=refuted, size=size, found=found)


def _one(
    box: Box, weights: Tensor, network: Network, serve: Serve, decide: Decide, bound: Bounds | None
) -> Verdict:
    """Whether every question about one box is proved, or one of them refuted."""
    zero = torch.zeros(1, dtype=box.low.dtype)
    queries = [Query(box, sums[None], zero, strict=True) for sums in weights]
    least = float("inf")
    if bound is not None:
        lower = bound(network, box, weights[None])[0]
        least = float(lower[lower > 0].min()) if bool((lower > 0).any()) else least
        queries = [queries[i] for i in (lower <= 0).nonzero()[:, 0].tolist()]
        for query in queries:
            if (point := steepest(query, network, serve)) is not None:
                return Verdict("refuted", point)
    found = [decide(query, network, serve) for query in queries]
    refuting = [one for one in found if one.answer == "refuted"]
    least = min([least, *(one.least for one in found)])
    if refuting:
        return Verdict("refuted", refuting[0].found, least=least)
    proved = all(one.answer == "proved" for one in found)
    return Verdict("proved" if proved else "unknown", least=least)


def served(model: nn.Module, x: Float[Tensor, "b ..."], /) -> Serve:
    """The model in its own precision and on its own device, for points in double precision."""

    def serve(points: Tensor, /) -> Tensor:
        with evaluating(model), torch.no_grad():
            return model(points.to(x)).double().cpu()

    return serve
