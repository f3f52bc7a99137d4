"""Fine-pruning: units that clean examples leave asleep are cut away, and the rest learns again.

A backdoor lives in units that only its trigger wakes. Those of the last convolution that are least
active on trusted examples go first, one after the other, for as long as the answers stay right. A
narrow network has it in all of its units, too, so tuning follows: steps so large that what no
trusted example speaks for is forgotten, and that shrink to none, so that what they do speak for
comes back. No trigger has to be found for it. What was lost on the way comes back from the training
examples, poison and all, where these are handed in: those that the model answers as before teach it
their labels once more. Poison whose backdoor is gone is answered otherwise by now, and left out.

    a_c = mean over x of relu(unit c);   cut in the order of a_c while accuracy falls by no more
    than `cost`;   then  min over w  E CE(f_w(z), softmax f(z)),   f the model as it was,
    z = x or, of each second example, u x + (1 - u) x' with another one;
    then  min over w  E CE(f_w(x), y)  over training examples with  argmax f(x) = argmax f_w(x)

Shapes: inputs `n ...`.

Departures: a model without convolutions is cut in its last hidden dense layer; targets are the
model's own answers, where the paper has labels (see `unlearning`), which it gives to mixtures of
examples, too (tokens are not mixed); rates of tuning fall by a cosine, after Sha et al., where the
paper has a small one. Batch statistics stay.

Measured: of three LeNet-5 on 10,000 pictures of Fashion-MNIST a patch turned 98 % before and 0.3 to
6 % after, for 0.6 to 1.9 points of accuracy, with 800 trusted examples and all that they were
trained on (row pruned-backdoors); of three others without the latter 1 to 5 % for 1.8 to 3.3
points. A clean one lost 1.5. With 500, at a rate of 0.013, it was 2 to 22 % for 2 to 2.6 points, by
the order of the examples. To unlearn a trigger that was found needs fewer.

References:
    Kang Liu, Brendan Dolan-Gavitt, Siddharth Garg. Fine-pruning: defending against backdooring
    attacks on deep neural networks. RAID 2018. https://arxiv.org/abs/1805.12185
    Zeyang Sha, Xinlei He, Pascal Berrang, Mathias Humbert, Yang Zhang. Fine-tuning is all you need
    to mitigate backdoor attacks. 2022. https://arxiv.org/abs/2212.09067
"""

import copy
from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Int, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.frontier.inputs import answers, rows_at_once, with_gradients
from cartograd.frontier.security.gain import logits

BATCH, DECAY = 32, 0.05
AGAIN, AGAIN_BATCH, AGAIN_LR = 3, 64, 1e-3
"""Passes over the training examples that both models agree on, their batch and Adam's rate."""


def fine_pruned(
    model: nn.Module,
    x: Shaped[Tensor, "n1 ..."],
    y: Int[Tensor, " n1"],
    taught: tuple[Shaped[Tensor, "n2 ..."], Int[Tensor, " n2"]] | None = None,
    /,
    *,
    cost: float = 0.02,
    epochs: int = 60,
    lr: float = 1.6e-2,
    seed: int = 0,
) -> tuple[nn.Module, int]:
    """A copy of a classifier without its sleeping units, and how many these were.

    Args:
        model: gives logits; it is left as it is.
        x: trusted examples.
        y: their classes.
        taught: examples that it was trained on with their labels, whatever these are worth.
        cost: how much of the accuracy on these may go with the units.
        epochs: passes over these afterwards.
        lr: of AdamW, at the beginning.
        seed: of the order, and of what is mixed.

    Raises:
        UsageError: the model has no layer that could be cut.
    """
    mended = copy.deepcopy(model)
    with evaluating(mended), torch.no_grad():
        layer = last_layer(mended, x)
        cut = _cut(mended, layer, x, y.to(answers(mended, x[:1]).device), cost=cost)
    tuned = partial(_tuned, partial(_silence, layer, cut))
    generator = torch.Generator().manual_seed(seed)
    with evaluating(model), with_gradients(mended):

        def as_before(rows: Tensor) -> Tensor:
            some = _mixed(x, rows, generator)
            with torch.no_grad():
                own = logits(model, some).softmax(1)
            return F.cross_entropy(logits(mended, some), own)

        slow = torch.optim.AdamW(_weights(mended), lr=lr, weight_decay=DECAY)
        tuned(slow, as_before, len(x), BATCH, epochs, generator)
        if taught is not None:
            known, labels = _agreed(model, mended, *taught, device=x.device)

            def as_told(rows: Tensor) -> Tensor:
                outputs = logits(mended, known[rows].to(x.device))
                return F.cross_entropy(outputs, labels[rows].to(outputs.device))

            again = torch.optim.Adam(_weights(mended), lr=AGAIN_LR)
            tuned(again, as_told, len(known), AGAIN_BATCH, AGAIN, generator)
    return mended, len(cut)


def _weights(model: nn.Module) -> list[nn.Parameter]:
    return [part for part in model.parameters() if part.requires_grad]


def _tuned(
    silence: Callable[[], None],
    optimizer: torch.optim.Optimizer,
    loss: Callable[[Tensor], Tensor],
    examples: int,
    batch: int,
    epochs: int,
    generator: torch.Generator,
    /,
) -> None:
    """Passes over examples by number, at a rate that falls to none; what is cut stays cut."""
    steps = epochs * -(-examples // batch)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
    for _ in range(epochs if examples else 0):
        for rows in torch.randperm(examples, generator=generator).split(batch):
            optimizer.zero_grad()
            loss(rows).backward()
            optimizer.step()
            falling.step()
            silence()
    optimizer.zero_grad()


@torch.no_grad()
def _agreed(
    model: nn.Module, mended: nn.Module, x: Tensor, y: Tensor, /, *, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The examples that both models answer alike, and their labels."""
    same = [
        (logits(model, part).argmax(1) == logits(mended, part).argmax(1)).to(x.device)
        for part in (some.to(device) for some in x.split(rows_at_once(x)))
    ]
    keep = torch.cat(same)
    return x[keep], y[keep]


def last_layer(model: nn.Module, x: Shaped[Tensor, "n ..."], /) -> nn.Module:
    """The convolution that runs last, or else the last dense layer but one.

    Raises:
        UsageError: the model has neither.
    """
    ran: list[nn.Module] = []
    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
    parts = [part for part in model.modules() if isinstance(part, kinds)]
    hooks = [part.register_forward_hook(lambda part, *_: ran.append(part)) for part in parts]
    try:
        answers(model, x[:1])
    finally:
        for hook in hooks:
            hook.remove()
    convolutions = [part for part in ran if not isinstance(part, nn.Linear)]
    dense = [part for part in ran if isinstance(part, nn.Linear)][:-1]
    if not convolutions and not dense:
        raise UsageError(
            "fine-pruning cuts units of the last convolution, or of the last hidden dense layer; "
            "the model has neither: --repair-by unlearning"
        )
    return (convolutions or dense)[-1]


def _mixed(x: Tensor, rows: Tensor, generator: torch.Generator) -> Tensor:
    """Some examples, each second of them mixed with any other."""
    if not x.is_floating_point():
        return x[rows]
    shape = (len(rows), *[1] * (x.ndim - 1))
    share, chance = torch.rand(2, *shape, generator=generator).to(x)
    others = x[torch.randint(len(x), (len(rows),), generator=generator)]
    return torch.where(chance < 0.5, x[rows], others.lerp(x[rows], share))


def _cut(model: nn.Module, layer: nn.Module, x: Tensor, y: Tensor, *, cost: float) -> list[int]:
    """Silence units from the least active on, as far as the answers allow; their numbers."""
    seen: list[Tensor] = []
    hook = layer.register_forward_hook(lambda _, __, out: seen.append(out.relu()))
    try:
        least = _right(model, x, y) - cost
    finally:
        hook.remove()
    dim = -1 if isinstance(layer, nn.Linear) else 1
    active = seen[0].movedim(dim, 0).flatten(1).mean(1)
    cut: list[int] = []
    for unit in active.argsort().tolist()[:-1]:
        before = copy.deepcopy(layer.state_dict())
        _silence(layer, [unit])
        if _right(model, x, y) < least:
            layer.load_state_dict(before)
            break
        cut.append(unit)
    return cut


@torch.no_grad()
def _silence(layer: nn.Module, units: list[int]) -> None:
    for weight in layer.parameters(recurse=False):
        weight[units] = 0.0


def _right(model: nn.Module, x: Tensor, y: Tensor) -> float:
    return float((logits(model, x).argmax(1) == y).double().mean())
