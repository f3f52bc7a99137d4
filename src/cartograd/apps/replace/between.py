"""A model and what was made of it, for verbs that have inputs and no right answers.

`export --check` and `compress` ask it how many answers changed, and where the two part. With data
and a margin they ask `replace(...)` itself, and go by its `may`.
"""

from dataclasses import dataclass

from jaxtyping import Shaped
from torch import Tensor

from cartograd.apps.replace.opened import Shipped, form_of
from cartograd.apps.replace.parted import Parting, located
from cartograd.apps.replace.unlike import at_each, unlike
from cartograd.apps.results.judged import PIXELS
from cartograd.core.errors import UsageError


@dataclass(frozen=True)
class Between:
    """How the answers of two forms to the same inputs differ.

    Attributes:
        asked: inputs.
        changed: those that are answered otherwise: by another class, or by a value that differs by
            more than rounding. Of masks, those with more than `PIXELS` of such pixels.
        parting: where the two part on the first of them, or else on the first of all.
        pixels: of masks, the share of all pixels that are answered otherwise.
    """

    asked: int
    changed: int
    parting: Parting
    pixels: float | None = None


def between(a: Shipped, b: Shipped, inputs: Shaped[Tensor, "b ..."], /) -> Between | None:
    """How two forms differ; None where that cannot be looked at.

    Args:
        a: what came first.
        b: what was made of it.
        inputs: as the input port has them.
    """
    try:
        forms = form_of(a), form_of(b)
        answers = [form.answer(list(inputs)) for form in forms]
    except UsageError:  # of several inputs, or no class and no value: there is only the difference
        return None
    several = forms[0].facts.several
    differs, changed = unlike(answers[0], answers[1], several=several)
    wanted, pixels = changed if forms[0].facts.labels else differs, None
    if forms[0].facts.of_pixels:
        _, others = at_each(answers[0], answers[1], several=several)
        shares = others.flatten(1).float().mean(1)
        wanted, pixels = shares > PIXELS, float(shares.mean())
    first = int((wanted if wanted.any() else differs).int().argmax())
    parting = located(forms, f"example {first + 1}", [inputs[first]])
    return Between(len(inputs), int(wanted.sum()), parting, pixels)
