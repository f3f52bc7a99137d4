"""STRIP: an input with a trigger keeps its answer, whatever is laid over it.

Trusted pictures are laid over the input. Of a clean input the answers then scatter; a trigger goes
on to force its class, so that their entropy stays low.

    score(x) = - 1/N sum_i H(softmax f(clip(x + x_i))),   x_i trusted pictures

Shapes: inputs `n ...`; scores `n`.

Departures: entropies are averaged; the paper adds and divides by N, too. The limit is taken from
trusted inputs on which others are laid.

References:
    Yansong Gao, Chang Xu, Derui Wang, Shiping Chen, Damith Ranasinghe, Surya Nepal. STRIP: a
    defence against trojan attacks on deep neural networks. ACSAC 2019.
    https://arxiv.org/abs/1902.06531

>>> class Patched(torch.nn.Module):
...     def forward(self, x):
...         return torch.stack([20 * x[:, 0], x[:, 1]], 1)
>>> x = torch.tensor([[1.0, 0.1], [0.0, 0.1]])
>>> clean = torch.tensor([[0.0, 0.3], [0.0, 0.5]])
>>> scores = entropies(Patched(), x, clean, torch.tensor([[0, 1], [0, 1]]), (0.0, 1.0))
>>> bool(scores[0] < scores[1])
True
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.poisoning import Suspicion
from cartograd.core.signed import signature_if_any
from cartograd.frontier.inputs import rows_at_once
from cartograd.frontier.security.detectors.calibrated import check_judged, limit
from cartograd.frontier.security.gain import logits

CARD = Card(
    name="strip",
    kind="detector",
    entry="strip",
    nodes=("threat/backdoor",),
    title="STRIP",
    zh="STRIP 运行时检测",
    paper="STRIP: a defence against trojan attacks on deep neural networks",
    year=2019,
    url="https://arxiv.org/abs/1902.06531",
    proofs=(
        "law: an answer that nothing laid over an input can change has the entropy 0, and a model "
        "that answers all alike gives every input the same score; pictures with a trigger keep "
        "their answers more often than clean ones",
    ),
    tiny={"draws": 3},
)


def strip(
    model: nn.Module,
    x: Float[Tensor, "n ..."],
    y: Int[Tensor, " n"],
    trusted: tuple[Tensor, Tensor],
    /,
    *,
    draws: int = 20,
    seed: int = 0,
) -> Suspicion:
    """How surely the model answers whatever is laid over the inputs.

    Args:
        model: gives logits.
        x: inputs to judge.
        y: not needed.
        trusted: inputs that are laid over them, and their classes.
        draws: how many are laid over each.
        seed: of which.

    Raises:
        UsageError: the inputs are no real numbers within bounds, or there are fewer than two
            trusted ones.
    """
    check_judged(model, x, y, trusted)
    signature = signature_if_any(model)
    bounds = signature.input.bounds if signature else None
    if not x.is_floating_point() or bounds is None or len(trusted[0]) < 2:
        raise UsageError(
            "strip lays inputs over each other: expected real numbers with bounds, such as "
            "pictures, and at least 2 trusted ones"
        )
    clean, generator = trusted[0].to(x), torch.Generator().manual_seed(seed)
    over = torch.randint(len(clean), (len(x), draws), generator=generator)
    shift = torch.randint(1, len(clean), (len(clean), draws), generator=generator)
    others = (torch.arange(len(clean))[:, None] + shift) % len(clean)  # none over itself
    scores = -entropies(model, x, clean, over, bounds)
    usual = -entropies(model, clean, clean, others, bounds)
    return Suspicion(scores, scores > limit(usual), calibrated=True)


@torch.no_grad()
def entropies(
    model: nn.Module,
    x: Float[Tensor, "n ..."],
    clean: Float[Tensor, "m ..."],
    over: Int[Tensor, "n k"],
    bounds: tuple[float, float],
    /,
) -> Float[Tensor, " n"]:
    """The mean entropy of the answers for each input with others laid over it.

    Args:
        model: gives logits.
        x: inputs.
        clean: what is laid over them.
        over: for each input the numbers of these.
        bounds: of inputs.
    """
    found, rows = [], max(1, rows_at_once(x) // over.shape[1])
    with evaluating(model):
        for part, which in zip(x.split(rows), over.split(rows), strict=True):
            laid = (part[:, None] + clean[which.to(clean.device)]).clamp(*bounds)
            said = torch.log_softmax(logits(model, laid.flatten(0, 1)).double(), 1)
            entropy = -(said.exp() * said).sum(1)
            found.append(entropy.reshape(which.shape).mean(1))
    return torch.cat(found).float().cpu()
