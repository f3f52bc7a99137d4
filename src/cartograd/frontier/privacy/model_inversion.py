"""Model inversion: pictures of the classes, made of nothing but the model.

From grey, an input is changed by gradient ascent until the model is sure of a class, and kept
smooth: neighbouring pixels may differ only where that pays. What comes out shows what the model
has kept of its examples. Whether it does is said by a judge, a network of the same design that has
learned from examples the model has never seen: how many pictures it takes for their class. Beside
it stands what a network that has learned nothing gives.

    x = low + (high - low) sigmoid(u),   max over u of  log p_c(x) - smoothness * TV(x)

Shapes: x `n ...`; pictures `c ...`, one for each class and start.

What all examples of a class share is no secret of one: of classes of a hundred examples private
training (eps = 1) hides it in part or not at all (LeNet-5 on digits), of thirty examples it does.

Departures: the paper adds the smoothing to eigenfaces of a network; total variation is that of
later work. The judge are several networks, whose probabilities are averaged.

References:
    Matt Fredrikson, Somesh Jha, Thomas Ristenpart. Model inversion attacks that exploit confidence
    information and basic countermeasures. CCS 2015. https://doi.org/10.1145/2810103.2813677
    Aravindh Mahendran, Andrea Vedaldi. Understanding deep image representations by inverting them.
    CVPR 2015 (total variation). https://arxiv.org/abs/1412.0035

>>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
>>> x, y = torch.rand(40, 1, 4, 4), torch.arange(40) % 2
>>> found = model_inversion(model, (x[:20], y[:20]), (x[20:], y[20:]), steps=5, epochs=2)
>>> tuple(found.pictures.shape)
(8, 1, 4, 4)
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.signed import signature_if_any
from cartograd.frontier.explain.studies.hidden import called
from cartograd.frontier.inputs import looking, slope
from cartograd.frontier.privacy.membership import both
from cartograd.frontier.privacy.rebuilt import Rebuilt
from cartograd.frontier.privacy.shadows import Lessons, anew, taught
from cartograd.frontier.privacy.told import check_real, classified

CARD = Card(
    name="model-inversion",
    kind="privacy-attack",
    entry="model_inversion",
    nodes=("privacy/model-inversion",),
    title="Model inversion",
    zh="模型逆向",
    paper="Model inversion attacks that exploit confidence information and basic countermeasures",
    year=2015,
    url="https://doi.org/10.1145/2810103.2813677",
    proofs=(
        "law: of a linear model without smoothing it finds the corner of the box that is best",
        "law: digits that are made of a trained network are recognised by a judge above chance, "
        "those of an untrained one are not, and those of a private one less often",
    ),
    evidence={
        "privacy/model-inversion": (
            "test_classes_are_recognised_less_of_a_private_model",
            "test_every_attack_is_told_and_drawn",
        )
    },
    tiny={"steps": 3, "epochs": 1},
)

JUDGES = 4


def model_inversion(
    model: nn.Module,
    members: tuple[Tensor, Tensor],
    others: tuple[Tensor, Tensor],
    /,
    *,
    steps: int = 300,
    lr: float = 0.1,
    smoothness: float = 1.0,
    restarts: int = 4,
    epochs: int = 30,
    batch_size: int = 32,
    shadow_optimizer: str = "adamw:lr=3e-3",
    shadow_schedule: str | None = "cosine",
    seed: int = 0,
) -> Rebuilt:
    """Pictures of each class, and how many a judge recognises.

    Args:
        model: a classifier of pictures, series or rows of numbers.
        members: examples that it learned from, and their classes, to compare with.
        others: such that it did not, from which the judge learns.
        steps: of the ascent.
        lr: of the ascent, by Adam.
        smoothness: how much it counts that neighbouring pixels differ; of pictures only.
        restarts: pictures of each class, each from another start.
        epochs: of the judge's training.
        batch_size: of the judge's training.
        shadow_optimizer: spec of the judge's, which steps each number by itself.
        shadow_schedule: spec of the judge's rate.
        seed: of the starts and of the judge.

    Raises:
        UsageError: inputs without gradient, too few examples, or a model that cannot be made anew.
    """
    x, y = classified(members, "model-inversion")
    check_real(x, "model-inversion")
    seen, right = classified(others, "model-inversion")
    lessons = Lessons(shadow_optimizer, shadow_schedule, epochs, batch_size, seed)
    with looking(model, x):
        fresh, everyone = anew(model, seed), torch.ones(JUDGES, len(seen), dtype=torch.bool)
        judges = taught(model, seen, right, everyone, lessons)
        count = both(model(x[:1])).shape[1]
        classes = torch.arange(count).repeat_interleave(max(1, restarts))
        bounds = _bounds(model, x)
        how = {"steps": steps, "lr": lr, "smoothness": smoothness, "seed": seed}
        made = invert(model, classes, bounds, x.shape[1:], **how)
    with looking(fresh, x):
        plain = invert(fresh, classes, bounds, x.shape[1:], **how)
    means = torch.stack([
        x[y == k].mean(0) if (y == k).any() else x.mean(0) for k in range(count)
    ])  # fmt: skip
    near = _correlations(made, means)
    own = torch.nn.functional.one_hot(classes, count).bool()
    said = _said(judges, made)
    return Rebuilt(
        called(model, count), classes, made.cpu(), means[classes].cpu(), said, near[own],
        near[~own].reshape(len(classes), -1).mean(1),
        int((_said(judges, plain) == classes).sum()),
        float((_said(judges, x) == y.cpu()).double().mean()),
    )  # fmt: skip


def invert(
    model: nn.Module,
    classes: Int[Tensor, " c"],
    bounds: tuple[Any, Any],
    shape: Any,
    /,
    *,
    steps: int,
    lr: float,
    smoothness: float,
    seed: int,
) -> Float[Tensor, "c ..."]:
    """Inputs that the model takes for these classes, smooth if they are pictures.

    Args:
        model: in evaluation mode.
        classes: one for each input to make.
        bounds: least and largest numbers of an input.
        shape: of an input.
        steps: of the ascent.
        lr: of the ascent, by Adam.
        smoothness: how much it counts that neighbouring pixels differ.
        seed: of where it begins.
    """
    low, high = bounds
    like = next((p for p in model.parameters()), torch.zeros(()))
    draw = torch.Generator().manual_seed(seed)
    start = 0.1 * torch.randn(len(classes), *shape, generator=draw)
    free = start.to(like).requires_grad_()
    wanted = classes.to(like.device)
    moves = torch.optim.Adam([free], lr=lr)
    for _ in range(steps):
        x = low + (high - low) * free.sigmoid()
        lost = torch.nn.functional.cross_entropy(both(model(x)), wanted, reduction="sum")
        if x.ndim == 4 and smoothness:
            lost = lost + smoothness * total_variation((x - low) / (high - low)).sum()
        free.grad = slope(lost, free)
        moves.step()
    return (low + (high - low) * free.sigmoid()).detach()


def total_variation(x: Float[Tensor, "n c y x"], /) -> Float[Tensor, " n"]:
    """How much neighbouring pixels differ, on average over the picture.

    >>> total_variation(torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]]))
    tensor([0.5000])
    """
    down, along = x.diff(dim=2).abs(), x.diff(dim=3).abs()
    return (down.flatten(1).sum(1) + along.flatten(1).sum(1)) / x[0].numel()


def _bounds(model: nn.Module, x: Tensor) -> tuple[Any, Any]:
    """The bounds of the port; of rows of numbers those of the examples."""
    signature = signature_if_any(model)
    bounds = signature.input.bounds if signature else None
    if bounds is not None and x.ndim != 2:
        return bounds
    low, high = x.amin(0), x.amax(0)
    return low, high.where(high > low, low + 1)


def _said(judges: list[nn.Module], x: Tensor) -> Tensor:
    """The class that the judges name together."""
    with torch.no_grad():
        shares = torch.stack([both(judge(x)).double().softmax(1) for judge in judges])
    return shares.mean(0).argmax(1).cpu()


def _correlations(made: Tensor, means: Tensor) -> Tensor:
    """Of each picture with the mean member of each class, from which the mean of all is taken."""
    centre = means.mean(0)
    one, other = ((z - centre).flatten(1).double() for z in (made, means))
    one, other = (z - z.mean(1, keepdim=True) for z in (one, other))
    lengths = one.norm(dim=1)[:, None] * other.norm(dim=1)
    return (one @ other.T / lengths.clamp(min=1e-12)).cpu()
