"""A denoiser without a network: of data that are normal, the best guess is a formula."""

from cartograd.generative.diffusion.denoiser import Denoiser

MEAN, STD = 0.7, 0.5


class GaussianDenoiser(Denoiser):
    """The posterior mean of `N(MEAN, STD^2)` behind `alpha x + sigma noise`; counts its calls."""

    def __init__(self, path):
        from torch import nn

        super().__init__(nn.Identity(), path, predicts="example", classes=None, steps=1)
        self.calls = 0

    def denoise(self, x, level, /, y=None):
        self.calls += 1
        alpha, sigma = level.alpha.to(x), level.sigma.to(x)
        seen = alpha**2 * STD**2 + sigma**2
        return MEAN + alpha * STD**2 / seen * (x - alpha * MEAN)

    def exact(self, noise):
        """Where the probability-flow ODE leads from pure noise of the path's first level."""
        first = self.path.levels(1)
        alpha, sigma = first.alpha[0], first.sigma[0]
        x = sigma * noise
        return MEAN + STD * (x - alpha * MEAN) / (alpha**2 * STD**2 + sigma**2).sqrt()
