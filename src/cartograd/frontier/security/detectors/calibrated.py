"""What detectors share: who may be judged, and the score above which an example is flagged."""

from statistics import NormalDist

from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.signed import signature_if_any
from cartograd.frontier.inputs import check_each, check_takes

FALSE_ALARMS = 0.01
"""Share of clean examples that may be flagged."""
CONSISTENT = 1.4826
"""What makes the median deviation of a normal distribution its standard deviation."""


def check_judged(
    model: nn.Module, x: Tensor, y: Int[Tensor, " n"], trusted: tuple[Tensor, Tensor], /
) -> None:
    """Refuse what is no classifier with examples and trusted ones of its inputs.

    Raises:
        UsageError: which.
    """
    check_takes(model, x)
    check_each(y, x)
    check_each(trusted[1], trusted[0])
    if trusted[0].shape[1:] != x.shape[1:]:
        raise UsageError(
            f"the trusted inputs have the shape {tuple(trusted[0].shape[1:])} and those to judge "
            f"{tuple(x.shape[1:])}; expected the same"
        )
    signature = signature_if_any(model)
    if signature and signature.task.attacked != "class":
        raise UsageError(
            f"a detector judges by the classes that are answered, and the output "
            f"{signature.output.name!r} has the task {signature.output.task!r}"
        )


def limit(clean: Float[Tensor, " n"], /) -> float:
    """The score above which about a hundredth of further clean examples is to be expected.

    Of a hundred scores the hundredth part is a single one, so it is told by a normal distribution:
    from the median and the median deviation, which a few odd examples do not move.

    >>> import torch
    >>> draws = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    >>> round(limit(draws), 1)
    2.3
    """
    middle = clean.double().median()
    deviation = CONSISTENT * (clean.double() - middle).abs().median()
    return float(middle + NormalDist().inv_cdf(1 - FALSE_ALARMS) * deviation)
