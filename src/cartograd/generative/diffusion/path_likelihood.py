"""How likely examples in units of the data are, by a denoiser's path: `ode` or `vlb`."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.errors import unknown
from cartograd.core.generative import Likelihood
from cartograd.generative.diffusion.denoiser import Conditioned, Denoiser
from cartograd.generative.diffusion.ode_likelihood import ode_likelihood
from cartograd.generative.diffusion.paths import Steps
from cartograd.generative.diffusion.variational_bound import Bins, variational_bound

KINDS = ("ode", "vlb")
FLOW, CHAIN = 50, 1000
"""Steps of the flow, and of the way back along a path that is no chain of its own."""


@dataclass(frozen=True)
class PathLikelihood:
    """A denoiser, and how its examples are standardised.

    Attributes:
        denoiser: takes noise away.
        y: the class of each example, or None.
        mean, std: of the data as the model sees them.
        levels: evenly spaced values from 0 to 1 that the numbers of the data take; 0 for any.
    """

    denoiser: Denoiser
    y: Int[Tensor, " b"] | None
    mean: Float[Tensor, "..."]
    std: Float[Tensor, "..."]
    levels: int

    def __call__(
        self, x: Float[Tensor, "b ..."], kind: str, steps: int | None = None, /
    ) -> Likelihood:
        """The log-density of each example; the bound of whole levels is of their probability.

        Args:
            x: examples.
            kind: `ode` or `vlb`.
            steps: of the flow, 50 if left out, of a shorter chain all; of the way back, all of a
                chain if left out.

        Raises:
            UsageError: there is no such kind, or the chain has fewer steps.
        """
        if kind not in KINDS:
            raise unknown("kind of likelihood of a diffusion model", kind, KINDS)
        z = (x - self.mean) / self.std
        if kind == "ode":
            plain = Conditioned(self.denoiser, self.y, limited=False)
            return self._of_data(
                ode_likelihood(plain, z, steps=steps or self.denoiser.within(FLOW)), x
            )
        path = self.denoiser.path
        usual = path.length if isinstance(path, Steps) else CHAIN
        told = Conditioned(self.denoiser, self.y)
        if not self.levels:
            return self._of_data(variational_bound(told, z, steps=steps or usual), x)
        bins = Bins(-self.mean / self.std, (1 - self.mean) / self.std,
                    1 / (self.levels - 1) / self.std)  # fmt: skip
        found = variational_bound(told, z, steps=steps or usual, bins=bins)
        return _here(found, found.nats)

    def _of_data(self, found: Likelihood, x: Tensor) -> Likelihood:
        """A density in the unit of the data, not of the standardised ones."""
        return _here(found, found.nats - self.std.log().expand(x.shape[1:]).sum())


def _here(found: Likelihood, nats: Tensor) -> Likelihood:
    error = None if found.error is None else found.error.cpu()
    return Likelihood(nats.cpu(), found.kind, found.dims, error)
