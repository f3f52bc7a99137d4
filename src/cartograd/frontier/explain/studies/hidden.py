"""What a hidden layer gives for many examples, and which layer is meant where none is named."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.learning import check_learns
from cartograd.core.signed import signature_if_any
from cartograd.engine.files.program import check_code
from cartograd.frontier.explain.layers import listened, recorded
from cartograd.frontier.inputs import answers, chosen, rows_at_once, with_gradients


def hidden(
    model: nn.Module, x: Shaped[Tensor, "n ..."], layer: str | None, /
) -> Float[Tensor, "n d"]:
    """What a layer gives for each example, in a row of float64.

    Of tokens and patches, `n t d`, it is the mean over them; else all numbers of an example.

    Args:
        model: any module that answers.
        x: examples.
        layer: its path; by default what the last dense layer that is called is given.

    Raises:
        UsageError: there is no such layer, or the model calls no dense layer.
    """
    check_code(model, "its layers")
    parts, rows = [], rows_at_once(x)
    with evaluating(model), torch.no_grad():
        for part in x.split(rows):
            with recorded(model, layer) if layer else before_the_last(model) as seen:
                answers(model, part)
            if not seen or len(seen[-1]) != len(part):
                raise UsageError(
                    "the model calls no dense layer whose input would be its features, a row for "
                    "each example; name a layer, with layer="
                )
            found = seen[-1].detach().double()
            tokens = found.ndim == 3
            parts.append(found.mean(1) if tokens else found.flatten(1))
    return torch.cat(parts)


@contextmanager
def before_the_last(model: nn.Module, /) -> Iterator[list[Tensor]]:
    """What each dense layer is given, in the order of the calls within the block."""
    found: list[Tensor] = []
    hooks = [
        part.register_forward_pre_hook(lambda _, given: found.append(given[0]))
        for part in model.modules()
        if isinstance(part, nn.Linear)
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def middle_layer(model: nn.Module, x: Shaped[Tensor, "n ..."], /) -> str | None:
    """A layer from which the answer is not linear: None is the last convolution, if one is called.

    Raises:
        UsageError: there is no convolution and only one dense layer.
    """
    with evaluating(model), torch.no_grad(), recorded(model, None) as seen:
        answers(model, x[:1])
    if seen:
        return None
    dense = [path for path, part in model.named_modules() if isinstance(part, nn.Linear)]
    if len(dense) < 2:
        raise UsageError(
            "the model calls no convolution and has no two dense layers, so that it has no layer "
            "in its middle; name one, with layer="
        )
    return dense[-2]


def slopes(
    model: nn.Module, x: Shaped[Tensor, "n ..."], target: int, layer: str | None, /
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n d"]]:
    """What a layer gives for each example, and the gradient of an output with respect to it.

    Args:
        model: any module that answers.
        x: examples.
        target: the output.
        layer: as of `recorded`.

    Raises:
        UsageError: there is no such layer, or the output does not depend on it.
    """
    gives, climbs = [], []
    check_learns(model)
    with with_gradients(model):
        for part in x.split(rows_at_once(x)):
            given, slope = listened(model, part, layer, lambda found: chosen(found, target).sum())
            gives.append(given.flatten(1).double())
            climbs.append(slope.flatten(1).double())
    return torch.cat(gives), torch.cat(climbs)


def check_labelled(y: Shaped[Tensor, "n ..."], what: str, /) -> Int[Tensor, " n"]:
    """The classes of examples.

    Raises:
        UsageError: they are values, or several for each example.
    """
    if y.is_floating_point() or y.ndim != 1:
        raise UsageError(
            f"{what} needs a class for each example; these are {y.dtype} of {tuple(y.shape)}"
        )
    return y.long()


def called(model: nn.Module, count: int, /) -> tuple[str, ...]:
    """The names of so many classes, or their numbers."""
    signature = signature_if_any(model)
    labels = signature.output.labels if signature and signature.outputs else ()
    return labels if len(labels) == count else tuple(str(number) for number in range(count))
