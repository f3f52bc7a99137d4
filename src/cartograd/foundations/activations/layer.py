"""Any activation as a layer, so that a network's parts can be listed, hooked and exported."""

from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.build import build


class Activation(nn.Module):
    """The activation that a spec names, as a module of its own.

    A network makes one for each place: a shared instance would confuse whoever hooks it, and
    an activation with weights must not share them.

    Args:
        spec: name or text form, e.g. `relu` or `tanh:amplitude=1.7159`.

    Raises:
        UsageError: no such activation (the nearest name is shown).
    """

    def __init__(self, spec: str, /):
        super().__init__()
        self.name = spec
        self.function = build(spec, kind="activation")

    def forward(self, z: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The activation of each number; the shape stays."""
        return self.function(z)

    def extra_repr(self) -> str:
        """What `print(model)` shows."""
        return self.name
