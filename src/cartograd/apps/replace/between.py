"""Where a model and what was made of it part, for verbs that have inputs and no right answers.

`export --check` asks it of a file that gives other answers than its model. A verb that has data and
a margin (`compress`, `merge`, `promote`) asks `replace(...)` itself, and goes by its `may`.
"""

from jaxtyping import Shaped
from torch import Tensor

from cartograd.apps.replace.opened import Shipped, form_of
from cartograd.apps.replace.parted import Parting, located
from cartograd.core.errors import UsageError


def between(a: Shipped, b: Shipped, inputs: Shaped[Tensor, "b ..."], /) -> Parting | None:
    """Where two forms part on the first of some inputs; None where that cannot be looked at.

    Args:
        a: what came first.
        b: what was made of it.
        inputs: as the input port has them.
    """
    try:
        return located((form_of(a), form_of(b)), "the first example", [inputs[0]])
    except UsageError:  # of several inputs, or no class and no value: there is only the difference
        return None
