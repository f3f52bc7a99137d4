"""A model behind a purifier: as it answers, and as an attack that knows of the purifier sees it.

Many purifiers have no gradient that helps (rounding has none at all, a sampler a very long one), so
an attack by gradients fails, and the defence looks strong. The purified input is about the input,
though: to the attack the purifier is the identity on the way back (BPDA), and of a random one
several draws are averaged (EOT). Where a purifier has a gradient of its own, that can be followed,
too; neither of both is always the stronger.

    forward   mean over draws of f(purify(x));   backward   as if purify(x) were x, or as it is

References:
    Anish Athalye, Nicholas Carlini, David Wagner. Obfuscated gradients give a false sense of
    security: circumventing defenses to adversarial examples. ICML 2018.
    https://arxiv.org/abs/1802.00420
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from cartograd.core.purifying import Purifier
from cartograd.core.signed import Signed, whole


class _Behind(nn.Module):
    """The model's answer to purified inputs."""

    def __init__(self, model: nn.Module, purifier: Purifier, draws: int, seed: int, own: bool, /):
        super().__init__()
        self.inner, self.purifier, self.draws, self.own = model, purifier, draws, own
        self.generator = torch.Generator().manual_seed(seed)

    def forward(self, x: Float[Tensor, "b ..."]) -> Shaped[Tensor, "b ..."]:
        """Logits, averaged over the draws."""
        return torch.stack([self.inner(self._clean(x)) for _ in range(self.draws)]).mean(0)

    def _clean(self, x: Tensor) -> Tensor:
        if self.own:
            return self.purifier(x, self.generator)
        with torch.no_grad():
            clean = self.purifier(x.detach(), self.generator)
        return x + (clean - x).detach()


def purified(
    model: Signed, purifier: Purifier, /, *, draws: int = 1, seed: int = 0, own: bool = False
) -> Signed:
    """The model behind a purifier, with gradients that know of it.

    Args:
        model: what is defended; its weights are shared.
        purifier: what inputs go through.
        draws: of a random purifier, over which answers are averaged.
        seed: of these.
        own: whether the gradient is the purifier's own, and not that of the identity.
    """
    behind = whole(_Behind(model, purifier, draws, seed, own), model.signature)
    return behind.to(model.output_mean.device)


def draws_any(purifier: Purifier, x: Float[Tensor, "b ..."], /) -> bool:
    """Whether a purifier is random."""
    one, other = (purifier(x, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    return not torch.equal(one, other)


def has_gradient(purifier: Purifier, x: Float[Tensor, "b ..."], /) -> bool:
    """Whether a purifier has a gradient of its own that is not nothing."""
    with torch.inference_mode(False), torch.enable_grad():
        point = x.detach().clone().requires_grad_()
        found = purifier(point, torch.Generator().manual_seed(0))
        if not found.requires_grad:
            return False
        (slope,) = torch.autograd.grad(found.sum(), point, allow_unused=True)
    return slope is not None and bool(slope.any())
