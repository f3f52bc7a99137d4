"""A model asked with some parts of its input covered: the game whose players are the parts.

A table's parts are its columns, a picture's squares of all its colours, a text's tokens, a series'
moments. What is covered shows the baseline instead. So whatever answers can be explained: no
gradient is taken.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.signed import signature_if_any
from cartograd.frontier.explain.baselines import Baseline, start_of, targets_of
from cartograd.frontier.inputs import answers, check_takes, chosen, of_steps, rows_at_once

SQUARES = 8
"""Into how many squares a side of a picture is cut by default."""

AT_ONCE = 2**24
"""Numbers of masked inputs that are held at a time."""


@dataclass(frozen=True)
class Parts:
    """Examples of which parts can be covered.

    Attributes:
        model: what is asked.
        x: the examples.
        targets: which output of each is looked at.
        part: to which part each number of an example belongs.
        start: what shows where a part is covered, for each of m backgrounds.
    """

    model: nn.Module
    x: Shaped[Tensor, "b ..."]
    targets: Int[Tensor, " b"]
    part: Int[Tensor, "..."]
    start: Shaped[Tensor, "m ..."]

    @property
    def count(self) -> int:
        """How many parts there are."""
        return int(self.part.max()) + 1

    def values(self, shown: Bool[Tensor, "n d"], /) -> Float[Tensor, "b n"]:
        """The output, in float64, when only some parts are shown; the mean over backgrounds.

        Args:
            shown: which parts each time, the same for all examples.
        """
        rows = max(1, AT_ONCE // max(1, self.x.numel() * len(self.start)))
        with evaluating(self.model), torch.no_grad():
            found = [self._answers(some) for some in shown.to(self.x.device).split(rows)]
        return torch.cat(found, dim=1)

    def spread(self, values: Float[Tensor, "b d"], /) -> Float[Tensor, "b ..."]:
        """A number for each part, shared evenly among the numbers that belong to it."""
        sizes = torch.bincount(self.part.flatten(), minlength=self.count).to(values)
        found = (values / sizes)[:, self.part.to(values.device)]
        return found.to(self.x.dtype) if self.x.is_floating_point() else found

    def _answers(self, shown: Tensor) -> Tensor:
        seen = shown[:, self.part][:, None, None]  # n 1 1 ...
        inputs = torch.where(seen, self.x, self.start)  # n m b ...
        n, m, b = inputs.shape[:3]
        targets = self.targets.expand(n, m, b).flatten()
        each = zip(
            *(one.split(rows_at_once(self.x)) for one in (inputs.flatten(0, 2), targets)),
            strict=True,
        )
        found = torch.cat([chosen(answers(self.model, x), own).double() for x, own in each])
        return found.reshape(n, m, b).mean(1).T


def parts_of(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None,
    baseline: Baseline = "low",
    patch_size: int | None = None,
) -> Parts:
    """The parts of examples.

    Args:
        model: any module that answers.
        x: inputs in the units of the input port, or tokens.
        target: which output to look at, one for all or one each; by default the highest.
        baseline: what covers: `low`, the lower bound of the input port (0 where it has none),
            `mean`, the port's mean, a number, or a tensor of one input or of several backgrounds,
            over which answers are averaged. Tokens are covered by the padding (token 0 where there
            is none), or by the token of this number.
        patch_size: side of the squares of a picture, or how many numbers (or tokens) in a row
            belong together; by default an eighth of a picture's side, else one of at most 64.

    Raises:
        UsageError: an output that the model does not have, or what does not fit.
    """
    check_takes(model, x)
    x = x.detach()
    if x.is_floating_point():
        several = isinstance(baseline, Tensor) and baseline.ndim == x.ndim
        rows = baseline if several else start_of(model, x[:1], baseline)
        start = torch.as_tensor(rows).detach().to(x)[:, None]
        if start.shape[2:] != x.shape[1:]:
            raise UsageError(
                f"the baseline is of shape {tuple(start.shape[2:])}, an input of "
                f"{tuple(x.shape[1:])}; expected a number, one input, or several of them"
            )
    else:
        start = covered(model, x, baseline)[None]
    with evaluating(model), torch.no_grad():
        targets = targets_of(model, x, target, rows_at_once(x))
    return Parts(model, x, targets, part_numbers(model, x, patch_size), start)


def part_numbers(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    patch_size: int | None,
    /,
    *,
    most: int = SQUARES,
) -> Int[Tensor, "..."]:
    """To which part each number of an example belongs.

    Args:
        model: says by its signature whether inputs are series.
        x: the examples.
        patch_size: as of `parts_of`.
        most: into how many squares a side of a picture is cut where no size is given.

    >>> part_numbers(torch.nn.Identity(), torch.zeros(1, 1, 4, 4), 2)[0].tolist()
    [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    """
    if patch_size is not None and patch_size < 1:
        raise UsageError(f"patch_size={patch_size} is out of range; expected at least 1")
    shape, steps = x.shape[1:], of_steps(model, x)
    sides = shape[1:] if len(shape) == 3 else shape[:1] if steps else shape[-1:]
    size = patch_size or max(1, -(-max(sides) // (most if len(sides) == 2 else most**2)))
    *rows, columns = (torch.arange(side, device=x.device) // size for side in sides)
    found = rows[0][:, None] * (columns[-1] + 1) + columns if rows else columns
    return (found[:, None] if steps else found).expand(shape).contiguous()


def covered(model: nn.Module, x: Int[Tensor, "b t"], baseline: Baseline, /) -> Int[Tensor, "b t"]:
    """The token that covers, in the shape of x; padding, and what parts a pair, stay what they are.

    Raises:
        UsageError: the baseline is none for tokens.
    """
    if isinstance(baseline, str) and baseline != "low":
        raise UsageError(
            f"baseline={baseline!r} is none for tokens; expected 'low' (the padding), or the "
            "number of a token"
        )
    signature = signature_if_any(model)
    padding = signature.input.padding_id if signature else None
    if isinstance(baseline, str):
        baseline = padding or 0
    try:
        found = torch.as_tensor(baseline, device=x.device).to(x.dtype).expand_as(x)
    except RuntimeError as error:
        raise UsageError(
            f"the baseline does not fit tokens of shape {tuple(x.shape)}; expected one token, one "
            "text, or one for each"
        ) from error
    stay = (padding, signature.input.separator_id if signature else None)
    for token in stay:
        found = found if token is None else torch.where(x == token, x, found)
    return found
