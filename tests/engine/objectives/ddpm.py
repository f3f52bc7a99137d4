"""Ho, Jain and Abbeel (2020), "Denoising diffusion probabilistic models", arXiv:2006.11239.

    L = E |eps - eps_theta(sqrt(abar_t) x0 + sqrt(1 - abar_t) eps, t)|^2      (equation 14)

Shapes: x0 `b d`, t ` b`.
"""

import torch
from torch import nn

from cartograd.core.protocols import Loss


class DDPM(nn.Module):
    def __init__(self, model, *, steps):
        super().__init__()
        self.model, self.steps = model, steps
        self.players = {"model": model}
        self.register_buffer("beta", torch.linspace(1e-4, 0.2, steps))
        self.register_buffer("abar", (1 - self.beta).cumprod(0))

    def predict(self, x, t):
        angle = t[:, None] / self.steps * torch.pi
        time = torch.cat([angle.sin(), angle.cos(), (2 * angle).sin(), (2 * angle).cos()], -1)
        return self.model(torch.cat([x, time], -1))

    def losses(self, batch):
        (x0,) = batch
        t = torch.randint(self.steps, (len(x0),))
        eps = torch.randn_like(x0)
        abar = self.abar[t][:, None]
        noisy = abar.sqrt() * x0 + (1 - abar).sqrt() * eps
        yield Loss((eps - self.predict(noisy, t)).square().mean(-1))

    @torch.no_grad()
    def sample(self, n, d):
        """Algorithm 2, with sigma_t^2 = beta_t."""
        x = torch.randn(n, d)
        for t in reversed(range(self.steps)):
            eps = self.predict(x, torch.full((n,), t))
            mean = x - self.beta[t] / (1 - self.abar[t]).sqrt() * eps
            x = mean / (1 - self.beta[t]).sqrt()
            x = x + (self.beta[t].sqrt() * torch.randn_like(x) if t else 0)
        return x
