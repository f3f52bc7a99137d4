"""Attacks on texts that only ask: which units of a text matter, and what is tried in their place.

The units of a text (tokens or words) are left out one by one; the more the right class loses by
that, the sooner a unit is changed. Each is changed in the best of a few ways, until the answer
turns or as many as may be are changed. No gradient is used, and every question is counted.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.signed import signature_if_any
from cartograd.frontier.inputs import check_each, check_takes
from cartograd.frontier.security.asked import Asked, Searched


@runtime_checkable
class Writing(Protocol):
    """A text as its units, and what may stand in the place of each."""

    def units(self) -> Sequence[int]:
        """Numbers of the units that may be changed."""
        ...

    def without(self, unit: int, /) -> Int[Tensor, " t"] | None:
        """The tokens of the text without a unit; None if they cannot be given to the model."""
        ...

    def ways(self, unit: int, /) -> list[tuple[Any, Tensor]]:
        """What the text may become by a change of a unit: as units, and as tokens."""
        ...

    def becomes(self, units: Any, /) -> None:
        """The text is this from now on."""
        ...


def check_texts(attack: str, model: nn.Module, x: Tensor, y: Int[Tensor, " b"], /) -> None:
    """Refuse what is no text, or no model that chooses between classes.

    Raises:
        UsageError: which.
    """
    check_takes(model, x)
    check_each(y, x)
    if x.is_floating_point() or x.ndim != 2:
        raise UsageError(
            f"{attack} changes texts, and the inputs are {x.dtype} of shape {tuple(x.shape)}; take "
            "pgd or another attack on numbers (`cartograd list attack`)"
        )
    signature = signature_if_any(model)
    if signature and signature.task.attacked != "class":
        raise UsageError(
            f"an attack changes the class that is answered, but the output "
            f"{signature.output.name!r} has the task {signature.output.task!r}"
        )


def searched(
    model: nn.Module,
    x: Int[Tensor, "b t"],
    y: Int[Tensor, " b"],
    writings: Sequence[Writing],
    share: float,
    /,
) -> Searched:
    """Texts that the model gets wrong, or comes nearest to getting wrong, and the questions.

    Args:
        model: gives logits for tokens.
        x: the tokens of texts.
        y: the right classes.
        writings: each text as its units.
        share: of the units that may be changed; one may in any case.
    """
    found = x.clone()
    with evaluating(model):
        asked = Asked(model, y.to(x.device).long())
        ahead = asked.ahead(x, torch.arange(len(x), device=x.device))
        for row in (ahead <= 0).nonzero()[:, 0].tolist():
            found[row] = _turned(asked, x[row], row, float(ahead[row]), writings[row], share)
    return Searched(found, asked.queries)


def _turned(
    asked: Asked, text: Tensor, row: int, ahead: float, writing: Writing, share: float
) -> Tensor:
    """One text after the best changes of the units that matter most."""

    def said(texts: list[Tensor]) -> Tensor:
        rows = torch.full((len(texts),), row, device=text.device)
        return asked.ahead(torch.stack(texts).to(text), rows)

    units = list(writing.units())
    left = [(unit, writing.without(unit)) for unit in units]
    known = [(unit, rest) for unit, rest in left if rest is not None]
    matter = dict.fromkeys(units, ahead)
    if known:
        answers = said([rest for _, rest in known]).tolist()
        matter |= {unit: value for (unit, _), value in zip(known, answers, strict=True)}
    budget = max(1, int(share * len(units)))
    for unit in sorted(units, key=lambda one: -matter[one]):
        ways = writing.ways(unit)
        if not ways:
            continue
        values = said([tokens for _, tokens in ways])
        best = int(values.argmax())
        if float(values[best]) <= ahead:
            continue
        ahead, text = float(values[best]), ways[best][1].to(text)
        writing.becomes(ways[best][0])
        budget -= 1
        if ahead > 0 or not budget:
            break
    return text
