"""Each example's gradient cut to a length, and their sum: what DP-SGD has to know of a batch.

The pass is watched: wherever a weight enters a dense layer, a convolution, a table or the gains of
a normalisation, what came in is kept, and one backward pass gives how the loss of each example
changes with what went out. From these follow the lengths and the sum (see `weight_uses`). Whatever
else a model does with its weights is found out on a few examples, whose gradients are compared with
those of each alone; then all are computed alone, at once (`vmap`) or one after the other.

    total = sum_i g_i min(1, clip / |g_i|)

References:
    Martin Abadi and others. Deep learning with differential privacy. CCS 2016.
    https://arxiv.org/abs/1607.00133
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any
from warnings import catch_warnings, filterwarnings

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from cartograd.core.eval_mode import evaluating
from cartograd.frontier.privacy.weight_uses import Added, Product, Rows, Scaled, Use, Window

LossOf = Callable[[tuple[Tensor, ...]], Float[Tensor, " b"]]
"""The loss of each example of a batch."""

Found = tuple[list[Tensor], Float[Tensor, " b"], Float[Tensor, " b"]]
"""Sums of clipped gradients, the length of each example's gradient, its loss."""

CONVOLUTIONS = {torch.conv1d: 1, torch.conv2d: 2, torch.conv3d: 3}
SIGNATURES = {
    norm: inspect.signature(norm)
    for norm in (F.layer_norm, F.group_norm, F.instance_norm, F.rms_norm)
}
TINY = 1e-12


class Watched(TorchFunctionMode):
    """While this is entered, uses of weights are kept.

    Args:
        weights: which.

    Attributes:
        uses: the uses of each weight, with the number of the answer that it went into.
        answers: where the gradients of all answers come by.
    """

    def __init__(self, weights: Sequence[Tensor], /):
        super().__init__()
        self.known = {id(weight): place for place, weight in enumerate(weights)}
        self.uses: list[list[tuple[Use, int]]] = [[] for _ in weights]
        self.answers: list[GradientEdge] = []

    def __torch_function__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """The operation, with a note of the weights in it."""
        kwargs = kwargs or {}
        if func is F.linear:
            return self._dense(*args, **kwargs)
        if func in CONVOLUTIONS:
            return self._convolution(func, *args, **kwargs)
        if func is F.embedding:
            return self._looked_up(*args, **kwargs)
        if func in SIGNATURES:
            return self._standardised(func, *args, **kwargs)
        return func(*args, **kwargs)

    def _dense(self, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        answer = F.linear(input, weight, bias)
        x = input.detach()
        self._note(weight, Product(x.flatten(1, -2) if x.ndim > 2 else x[:, None]), answer)
        self._note(bias, Added(answer.ndim - 1), answer)
        return answer

    def _convolution(
        self, func: Any, input: Tensor, weight: Tensor, bias: Tensor | None = None,
        stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
    ) -> Tensor:  # fmt: skip
        answer = func(input, weight, bias, stride, padding, dilation, groups)
        axes = CONVOLUTIONS[func]
        if isinstance(padding, str) or input.ndim != axes + 2:
            return answer  # not noted, which the comparison will tell
        stride, padding, dilation = (
            (one,) * axes if isinstance(one, int) else tuple(one) * (axes // len(one))
            for one in (stride, padding, dilation)
        )
        self._note(
            weight, Window(input.detach(), weight.shape, stride, padding, dilation, groups), answer
        )
        self._note(bias, Added(1), answer)
        return answer

    def _looked_up(
        self,
        input: Tensor,
        weight: Tensor,
        padding_idx: int | None = None,
        *more: Any,
        **named: Any,
    ) -> Tensor:
        answer = F.embedding(input, weight, padding_idx, *more, **named)
        unused = -1 if padding_idx is None else padding_idx % len(weight)
        self._note(weight, Rows(input, weight.shape, unused), answer)
        return answer

    def _standardised(self, func: Any, *args: Any, **named: Any) -> Tensor:
        given = SIGNATURES[func].bind(*args, **named)
        answer = func(*given.args, **given.kwargs)
        weight, bias = (given.arguments.pop(name, None) for name in ("weight", "bias"))
        across = func in (F.group_norm, F.instance_norm)
        if weight is not None and id(weight) in self.known:
            with torch.no_grad():
                self._note(weight, Scaled(func(**given.arguments), weight.shape, across), answer)
        if bias is not None:
            self._note(bias, Scaled(torch.ones_like(answer), bias.shape, across), answer)
        return answer

    def _note(self, weight: Tensor | None, use: Use, answer: Tensor) -> None:
        place = None if weight is None else self.known.get(id(weight))
        if place is None or not answer.requires_grad:
            return
        edge = get_gradient_edge(answer)  # stays where it is when the answer is changed in place
        if not self.answers or self.answers[-1] != edge:
            self.answers.append(edge)
        self.uses[place].append((use, len(self.answers) - 1))


class ExampleGradients:
    """The clipped sum of the gradients of examples.

    Args:
        module: holds the weights, and has to be the same for each example of a batch.
        losses: the loss of each example of a batch, by a pass through the module.
        way: how they are computed: `watched`, `vmap` or `alone`; "" to choose on the first batch.
    """

    def __init__(self, module: nn.Module, losses: LossOf, /, way: str = ""):
        self.module, self.losses, self.way = module, losses, way
        self.weights = [w for w in module.parameters() if w.requires_grad]

    def settle(self, batch: tuple[Tensor, ...], /) -> str:
        """Choose the quickest way that is right on some examples; its name."""
        few = tuple(one[:3] for one in batch)
        with evaluating(self.module), _without_cudnn():
            right = self._alone(few)
            for way in ("watched", "vmap"):
                with suppress(Exception):  # whatever a model does that a way cannot follow
                    if _near(getattr(self, f"_{way}")(few), right):
                        self.way = way
                        return way
        self.way = "alone"
        return self.way

    def clipped(self, batch: tuple[Tensor, ...], clip: float, /) -> Found:
        """The sum over the examples of their gradients, none longer than `clip`."""
        if not self.way:
            self.settle(batch)
        if self.way == "watched":
            return self._watched(batch, clip)
        if self.way == "vmap":
            return self._vmap(batch, clip)
        return self._alone(batch, clip)

    def _watched(self, batch: tuple[Tensor, ...], clip: float = 1.0) -> Found:
        with torch.enable_grad(), Watched(self.weights) as watched:
            loss = self.losses(batch)
        slopes = torch.autograd.grad(loss.sum(), watched.answers)
        square = loss.new_zeros(len(loss))
        for uses in watched.uses:
            if len(uses) == 1:
                square += uses[0][0].length(slopes[uses[0][1]])
            elif uses:
                each = torch.stack([use.each(slopes[at]) for use, at in uses]).sum(0)
                square += each.flatten(1).square().sum(1)
        length, share = _shares(square, clip)
        totals = [
            sum((use.total(slopes[at], share) for use, at in uses), torch.zeros_like(weight))
            for weight, uses in zip(self.weights, watched.uses, strict=True)
        ]
        return totals, length, loss.detach()

    def _vmap(self, batch: tuple[Tensor, ...], clip: float = 1.0) -> Found:
        names = [name for name, w in self.module.named_parameters() if w.requires_grad]
        passed = _Passed(self.module, self.losses)

        def one(weights: dict[str, Tensor], *example: Tensor) -> tuple[Tensor, Tensor]:
            named = {f"module.{name}": weight for name, weight in weights.items()}
            loss = functional_call(passed, named, tuple(x[None] for x in example))
            return loss.sum(), loss.sum().detach()

        given = dict(zip(names, (w.detach() for w in self.weights), strict=True))
        over = vmap(grad(one, has_aux=True), (None, *[0] * len(batch)), randomness="different")
        with (
            _without_cudnn(),
            catch_warnings(),
        ):  # torch tells by the name of each operation that it is slow
            filterwarnings("ignore", "There is a performance drop")
            found, loss = over(given, *batch)
        each = [found[name] for name in names]
        square = torch.stack([g.flatten(1).square().sum(1) for g in each]).sum(0)
        length, share = _shares(square, clip)
        return [torch.tensordot(share, g, 1) for g in each], length, loss

    def _alone(self, batch: tuple[Tensor, ...], clip: float = 1.0) -> Found:
        totals = [torch.zeros_like(weight) for weight in self.weights]
        lengths, losses = [], []
        for place in range(len(batch[0])):
            with torch.enable_grad():
                loss = self.losses(tuple(x[place : place + 1] for x in batch)).sum()
            found = torch.autograd.grad(loss, self.weights, allow_unused=True)
            square = torch.stack([g.square().sum() for g in found if g is not None]).sum()
            length, share = _shares(square, clip)
            for total, gradient in zip(totals, found, strict=True):
                if gradient is not None:
                    total += share * gradient
            lengths.append(length)
            losses.append(loss.detach())
        return totals, torch.stack(lengths), torch.stack(losses)


def _without_cudnn() -> AbstractContextManager[None]:
    """Its recurrent kernels know neither vmap nor gradients in evaluation mode."""
    return torch.backends.cudnn.flags(enabled=False)


class _Passed(nn.Module):
    """The losses of a pass as a module that holds the weights, so that others can be put in."""

    def __init__(self, module: nn.Module, losses: LossOf):
        super().__init__()
        self.module, self.losses = module, losses

    def forward(self, *batch: Tensor) -> Tensor:
        return self.losses(batch)


def _shares(square: Tensor, clip: float) -> tuple[Tensor, Tensor]:
    """Lengths from their squares, and what is left of each gradient."""
    length = square.clamp(min=0).sqrt()
    return length, (clip / length.clamp(min=TINY)).clamp(max=1)


def _near(found: Found, right: Found) -> bool:
    """Whether sums and lengths are alike, but for rounding."""
    pairs = [*zip(found[0], right[0], strict=True), (found[1], right[1])]
    scale = torch.stack([one.abs().max() for one in (*right[0], right[1]) if one.numel()]).max()
    return all(((a - b).abs() <= 1e-3 * scale + 1e-3 * b.abs()).all() for a, b in pairs)
