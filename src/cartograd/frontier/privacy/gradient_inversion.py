"""Gradient inversion: the example behind a gradient that was shared.

Who trains together without sharing examples shares gradients (federated learning). Of a batch of
one the example can be found again: an input is changed until its own gradient is the one that was
shared. The class is read off the gradient of the last layer's bias, which is below 0 for it alone.
Noise as of private training, after clipping, takes the picture away; that is the control.

    min over x of  |grad L(x, c) - g|^2 / |g|^2 + smoothness TV(x)     or 1 - cos(grad L(x, c), g)

Of a dense layer with a bias no search is needed: each row of its gradient is what the layer was
given, times the bias' own slope, so h = g_W^T g_b / |g_b|^2. The search begins once from an input
that gives the first such layer this h. Where that layer is the first of all, it ends there.

Shapes: x `n ...`; gradients as the weights.

Departures: both forms go downhill by L-BFGS in double precision, as the first paper does; the
second steps by the sign of Adam's. They start near the middle of the range, where layers are not
saturated: from uniform noise one of four pictures of clothes came back, from there all. Without a
dense layer in front networks need slopes that have slopes (tanh, sigmoid, GELU): with ReLU less
comes back. A model without a bias in its last layer has its class told.

References:
    Ligeng Zhu, Zhijian Liu, Song Han. Deep leakage from gradients. NeurIPS 2019.
    https://arxiv.org/abs/1906.08935
    Jonas Geiping, Hartmut Bauermeister, Hannah Droege, Michael Moeller. Inverting gradients: how
    easy is it to break privacy in federated learning? NeurIPS 2020 (the quotient is its Proposition
    3.1). https://arxiv.org/abs/2003.14053
    Bo Zhao, Konda Reddy Mopuri, Hakan Bilen. iDLG: improved deep leakage from gradients. 2020 (the
    class). https://arxiv.org/abs/2001.02610

>>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
>>> x, y = torch.rand(20, 4), torch.arange(20) % 2
>>> found = gradient_inversion(model, (x[:10], y[:10]), (x[10:], y[10:]), examples=2)
>>> bool((found.decibels > 25).all()), found.named
(True, 2)
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import unknown
from cartograd.core.signed import signature_if_any
from cartograd.frontier.inputs import looking, slope
from cartograd.frontier.privacy.membership import both
from cartograd.frontier.privacy.model_inversion import total_variation
from cartograd.frontier.privacy.regained import Regained
from cartograd.frontier.privacy.told import check_real, classified

CARD = Card(
    name="gradient-inversion",
    kind="privacy-attack",
    entry="gradient_inversion",
    nodes=("privacy/model-inversion",),
    title="Gradient inversion (DLG)",
    zh="梯度逆向（DLG）",
    paper="Deep leakage from gradients",
    year=2019,
    url="https://arxiv.org/abs/1906.08935",
    aliases=("dlg",),
    proofs=(
        "law: of a dense layer with a bias the example is a quotient of gradients, which both "
        "forms find, of ReLU too, to 100 dB",
        "law: digits come back at 25 dB and more from a network of tanh, and not from gradients "
        "with the noise of private training",
    ),
    evidence={"privacy/model-inversion": ("test_digits_come_back_from_gradients",)},
    tiny={"examples": 1, "steps": 3, "restarts": 1},
)

SAME = 1e-14
"""How near a gradient has to be for no further start to be tried."""


def gradient_inversion(
    model: nn.Module,
    members: tuple[Tensor, Tensor],
    others: tuple[Tensor, Tensor],
    /,
    *,
    examples: int = 8,
    form: Literal["squares", "cosine"] = "squares",
    steps: int = 200,
    restarts: int = 2,
    smoothness: float = 0.0,
    noise: float = 1.0,
    seed: int = 0,
) -> Regained:
    """Examples, each made again of the gradient of its loss.

    Args:
        model: a classifier with inputs of real numbers.
        members: examples and their classes.
        others: further ones, whose mean is the best guess without any gradient.
        examples: how many members are looked for.
        form: how two gradients are compared: `squares` of differences, or `cosine` of their angle.
        steps: of L-BFGS.
        restarts: starts of each beside the quotient's; the one with the nearest gradient counts.
        smoothness: how much it counts that neighbouring pixels differ.
        noise: of the control, beside gradients that are clipped to length 1.
        seed: of the starts and of the noise.

    Raises:
        UsageError: inputs without gradient, or too few examples.
    """
    if form not in ("squares", "cosine"):
        raise unknown("form", form, ("squares", "cosine"))
    x, y = (part[:examples] for part in classified(members, "gradient-inversion"))
    check_real(x, "gradient-inversion")
    mean = classified(others, "gradient-inversion")[0].double().mean(0).cpu()
    signature = signature_if_any(model)
    bounds = signature.input.bounds if signature else None
    with looking(model, x):
        copied = copy.deepcopy(model).cpu().double().requires_grad_(True)
        search = _Search(copied, bounds, form, steps, max(1, restarts), smoothness)
        rows = [search.of(one, right, noise, seed + at) for at, (one, right) in
                enumerate(zip(x.cpu().double(), y.cpu(), strict=True))]  # fmt: skip
    real = x.cpu().double()
    made, hidden = torch.cat([row[0] for row in rows]), torch.cat([row[1] for row in rows])
    low, high = bounds or (float(real.min()), float(real.max()))
    near, noised, usual = (
        _decibels(one, real, high - low) for one in (made, hidden, mean.expand_as(real))
    )
    named = sum(row[2] for row in rows)
    return Regained(
        real, made, hidden, near, noised, usual, named, told=search.bias is None, noise=noise
    )


class _Search:
    """Looks for inputs by their gradients."""

    def __init__(
        self, model: nn.Module, bounds: Any, form: str, steps: int, restarts: int, smooth: float, /
    ) -> None:
        self.model, self.bounds, self.form = model, bounds, form
        self.steps, self.restarts, self.smooth = steps, restarts, smooth
        self.weights = list(model.parameters())
        last = [part for part in model.modules() if isinstance(part, nn.Linear)][-1:]
        bias = last[0].bias if last else None
        places = [at for at, weight in enumerate(self.weights) if weight is bias]
        self.bias = places[0] if places else None

    def of(self, x: Tensor, y: Tensor, noise: float, seed: int) -> tuple[Tensor, Tensor, bool]:
        """What is made of a gradient, the same after noise, and whether the class was read."""
        draw = torch.Generator().manual_seed(seed)
        gradient = [one.detach() for one in self._gradient(x[None], y[None], further=False)]
        length = torch.cat([one.flatten() for one in gradient]).norm()
        hidden = [
            one / length.clamp(min=1)
            + noise * torch.randn(one.shape, generator=draw, dtype=one.dtype)
            for one in gradient
        ]
        own, theirs = (self._class(one, y) for one in (gradient, hidden))
        found = self._found(gradient, own, x.shape, draw)
        return found, self._found(hidden, theirs, x.shape, draw), bool(own == y)

    def _class(self, gradient: list[Tensor], known: Tensor) -> Tensor:
        if self.bias is None:
            return known
        return read_class(gradient[self.bias])

    def _gradient(self, x: Tensor, y: Tensor, *, further: bool = True) -> tuple[Tensor, ...]:
        loss = nn.functional.cross_entropy(both(self.model(x)), y)
        return torch.autograd.grad(
            loss, self.weights, create_graph=further, allow_unused=True, materialize_grads=True
        )

    def _found(
        self, wanted: list[Tensor], y: Tensor, shape: Any, draw: torch.Generator
    ) -> Float[Tensor, "1 ..."]:
        """The input with the nearest gradient of all starts."""
        low, high = self.bounds or (0.0, 1.0)
        best, least = torch.full((1, *shape), (low + high) / 2).double(), torch.inf
        goal = torch.cat([one.flatten() for one in wanted])
        for start in self._starts(wanted, best, draw):
            x = _downhill(lambda x: self._apart(x, y, goal), start, self.steps)
            reached = float(self._apart(x, y, goal).detach())
            if reached < least:
                best, least = x.detach(), reached
            if least < SAME:
                break
        return best if self.bounds is None else best.clamp(low, high)

    def _starts(
        self, wanted: list[Tensor], middle: Tensor, draw: torch.Generator
    ) -> Iterator[Tensor]:
        """What a dense layer tells, if there is one, and places near the middle of the range."""
        low, high = self.bounds or (0.0, 1.0)
        told = self._quotient(wanted, middle)
        if told is not None:
            yield told
        for _ in range(self.restarts):
            drawn = torch.randn(middle.shape, generator=draw, dtype=torch.float64)
            yield middle + 0.1 * (high - low) * drawn

    def _quotient(self, wanted: list[Tensor], middle: Tensor) -> Tensor | None:
        """An input that gives the first dense layer what its gradients say it was given."""
        slopes = dict(zip(map(id, self.weights), wanted, strict=True))
        layer = next((part for part in self.model.modules() if isinstance(part, nn.Linear)), None)
        if layer is None or layer.bias is None:
            return None
        by_weight, by_bias = slopes[id(layer.weight)], slopes[id(layer.bias)]
        given = by_bias @ by_weight / by_bias.square().sum().clamp(min=torch.finfo().tiny)
        seen: list[Tensor] = []
        handle = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))

        def apart(x: Tensor) -> Tensor:
            seen.clear()
            self.model(x)
            return (seen[0].flatten() - given).square().mean()

        try:
            self.model(middle)
            fits = len(seen) == 1 and seen[0].numel() == len(given)
            return _downhill(apart, middle, self.steps).detach() if fits else None
        finally:
            handle.remove()

    def _apart(self, x: Tensor, y: Tensor, goal: Tensor) -> Tensor:
        own = torch.cat([one.flatten() for one in self._gradient(x, y[None])])
        if self.form == "cosine":
            lost = 1 - nn.functional.cosine_similarity(own, goal, dim=0)
        else:
            lost = (own - goal).square().sum() / goal.square().sum()
        if self.smooth and x.ndim == 4:
            lost = lost + self.smooth * total_variation(x).sum()
        return lost


def _downhill(apart: Callable[[Tensor], Tensor], start: Tensor, steps: int) -> Tensor:
    """Where L-BFGS comes to from a start."""
    x = start.clone().requires_grad_()
    moves = torch.optim.LBFGS(
        [x], max_iter=steps, history_size=20, line_search_fn="strong_wolfe",
        tolerance_grad=1e-9, tolerance_change=1e-11,
    )  # fmt: skip

    def lost() -> Tensor:
        found = apart(x)
        x.grad = slope(found, x)
        return found

    moves.step(lost)
    return x


def _decibels(
    made: Float[Tensor, "n ..."], real: Float[Tensor, "n ..."], width: float
) -> Float[Tensor, " n"]:
    """Peak signal-to-noise ratio of each example."""
    wrong = (made - real).flatten(1).square().mean(1).clamp(min=1e-20)
    return 10 * (width**2 / wrong).log10()


def read_class(slopes: Float[Tensor, " k"], /) -> Int[Tensor, ""]:
    """The class of an example by the gradient of the last layer's bias: its sign is another.

    >>> read_class(torch.tensor([0.2, -0.9, 0.7]))
    tensor(1)
    """
    return (slopes[0] < 0).long() if len(slopes) == 1 else slopes.argmin()
