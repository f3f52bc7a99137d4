"""Unlearning a backdoor: training goes on with the trigger on some examples, told what they are.

A few trusted examples are enough. The pattern that Neural Cleanse found lies on half of them, and
the model learns to answer as it did without, so that the pattern comes to mean nothing.

    min over w   E CE(f_w(x or x with the pattern), softmax f(x)),   f the model as it was

Shapes: inputs `n ...`.

Departures: half of each batch has the pattern, where the paper has a fifth, and targets are the
model's own answers without it, where the paper has labels: on a hundred examples labels cost three
points of accuracy that the answers do not (digits). Batch statistics stay as they were.

References:
    Bolun Wang, Yuanshun Yao, Shawn Shan, Huiying Li, Bimal Viswanath, Haitao Zheng, Ben Zhao.
    Neural Cleanse: identifying and mitigating backdoor attacks in neural networks. IEEE S&P 2019,
    section VI-C. https://doi.org/10.1109/SP.2019.00031
"""

import copy
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.eval_mode import evaluating
from cartograd.frontier.inputs import with_gradients
from cartograd.frontier.security.gain import logits

BATCH = 32


def unlearned(
    model: nn.Module,
    x: Float[Tensor, "n ..."],
    stamped: Callable[[Tensor], Tensor],
    /,
    *,
    epochs: int = 20,
    lr: float = 1e-3,
    seed: int = 0,
) -> nn.Module:
    """A copy of a classifier to which a pattern means nothing any more.

    Args:
        model: gives logits; it is left as it is.
        x: trusted examples.
        stamped: puts the pattern on examples.
        epochs: passes over these.
        lr: of Adam.
        seed: of the order, and of which examples get the pattern.
    """
    mended = copy.deepcopy(model)
    weights = [part for part in mended.parameters() if part.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=lr)
    generator = torch.Generator().manual_seed(seed)
    with evaluating(model), torch.no_grad():
        own = logits(model, x).softmax(1)
    with with_gradients(mended):
        for _ in range(epochs):
            for rows in torch.randperm(len(x), generator=generator).split(BATCH):
                some = torch.rand(len(rows), generator=generator) < 0.5
                batch = x[rows].clone()
                batch[some] = stamped(batch[some])
                optimizer.zero_grad()
                F.cross_entropy(logits(mended, batch), own[rows]).backward()
                optimizer.step()
    optimizer.zero_grad()
    return mended
