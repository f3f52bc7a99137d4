"""A model as a function of what one of its layers gives: what did each hidden unit contribute?

The layer's output gives way to numbers that are handed in; all else of the model (what goes around
the layer, masks, positions) still sees the inputs. So whatever follows an answer back to its input
can stop at the layer:

    A(h(x)) of f(x; h),    with a baseline x' from h(x') to h(x):  sum A = f(x; h(x)) - f(x; h(x'))

References:
    Kedar Dhamdhere, Mukund Sundararajan, Qiqi Yan. How important is a neuron? ICLR 2019.
    https://arxiv.org/abs/1805.12233
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.signed import signature_if_any
from cartograd.frontier.explain.baselines import Baseline, start_of
from cartograd.frontier.explain.layers import layer_named, recorded
from cartograd.frontier.explain.parts import covered
from cartograd.frontier.inputs import rows_at_once


class AtLayer(nn.Module):
    """A model whose answers are explained by what a layer gives, in place of its input.

    Args:
        model: of one input.
        layer: its path.

    Attributes:
        opened: whether an explainer has looked at the layer.

    Raises:
        UsageError: there is no such layer.
    """

    def __init__(self, model: nn.Module, layer: str, /):
        super().__init__()
        layer_named(model, layer)
        self.model, self.layer, self.opened = model, layer, False
        self.signature: Any = signature_if_any(model)

    def forward(self, *x: Tensor) -> Tensor:
        """The model's answer."""
        return self.model(*x)

    def open(self, x: Shaped[Tensor, "b ..."], /) -> "Hidden":
        """The same as a function of the layer's numbers."""
        self.opened = True
        return Hidden(self.model, self.layer, x)


class Hidden(nn.Module):
    """A model that takes what a layer gives in a row, with the number of the example behind it.

    Args:
        model: runs the layer.
        layer: its path.
        x: the examples, whose inputs the rest of the model sees.

    Raises:
        UsageError: the layer gives no numbers for each example, or not once in a run.
    """

    def __init__(self, model: nn.Module, layer: str, x: Shaped[Tensor, "b ..."], /):
        super().__init__()
        self.model, self.layer, self.x = model, layer, x.detach()
        self.shape = self._given(self.x[:1]).shape[1:]

    def vectors(self, x: Shaped[Tensor, "b ..."], /) -> Float[Tensor, "b v"]:
        """What this takes in place of the inputs: what the layer gives for them."""
        found = torch.cat([self._given(part) for part in x.split(rows_at_once(x))]).flatten(1)
        numbers = torch.arange(len(x), device=found.device)[:, None]
        return torch.cat([found, numbers.to(found)], 1)

    def start(self, x: Shaped[Tensor, "b ..."], baseline: Baseline, /) -> Float[Tensor, "b v"]:
        """What stands for "nothing": what the layer gives for the baseline of the inputs.

        Raises:
            UsageError: the baseline does not fit.
        """
        if x.is_floating_point():
            return self.vectors(start_of(self.model, x, baseline))
        return self.vectors(covered(self.model, x, baseline))

    def told(self, attribution: Float[Tensor, "b v"], /) -> Float[Tensor, "b ..."]:
        """What was said of the layer's numbers, in its shape."""
        return attribution[:, :-1].unflatten(1, self.shape)

    def forward(self, h: Float[Tensor, "b v"]) -> Float[Tensor, "b ..."]:
        """The model's answer where the layer gives these numbers."""
        instead = h[:, :-1].unflatten(1, self.shape)
        with self._replaced(instead):
            return self.model(self.x[h[:, -1].detach().round().long()])

    @contextmanager
    def _replaced(self, instead: Tensor) -> Iterator[None]:
        layer = layer_named(self.model, self.layer)
        handle = layer.register_forward_hook(lambda *_: instead)
        try:
            yield
        finally:
            handle.remove()

    def _given(self, x: Tensor) -> Tensor:
        with evaluating(self.model), torch.no_grad(), recorded(self.model, self.layer) as seen:
            self.model(x)
        if len(seen) != 1 or seen[0].ndim < 2 or len(seen[0]) != len(x):
            shown = tuple(seen[-1].shape) if seen else "nothing"
            raise UsageError(
                f"layer {self.layer} runs {len(seen)} times and gives {shown} for {len(x)} "
                "examples; expected once, and numbers of each: name another"
            )
        return seen[0].detach()
