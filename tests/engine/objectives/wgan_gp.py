"""Gulrajani et al. (2017), "Improved training of Wasserstein GANs", arXiv:1704.00028.

Algorithm 1: the critic steps k times, then the generator once.

    L_critic = D(G(z)) - D(x) + 10 (|grad D(mix)| - 1)^2,    L_generator = -D(G(z))

Shapes: x `b d`, z `b h`.
"""

import torch
from torch import nn

from cartograd.core.protocols import Loss


class WGANGP(nn.Module):
    def __init__(self, generator, critic, *, latent, critic_steps=5):
        super().__init__()
        self.generator, self.critic = generator, critic
        self.latent, self.critic_steps = latent, critic_steps
        self.players = {"critic": critic, "generator": generator}

    def losses(self, batch):
        x, *noise = batch
        for i in range(self.critic_steps):
            fake = self.generator(self.draw(x, noise, i)).detach()
            gap = self.critic(fake) - self.critic(x)
            yield Loss(gap[:, 0] + 10 * self.penalty(x, fake), "critic", {"gap": gap[:, 0]})
        fake = self.generator(self.draw(x, noise, self.critic_steps))
        yield Loss(-self.critic(fake)[:, 0], "generator")

    def draw(self, x, noise, i):
        return noise[0][:, i] if noise else torch.randn(len(x), self.latent)

    @torch.enable_grad()  # in validation too
    def penalty(self, x, fake):
        share = torch.rand(len(x), 1) if self.training else torch.full((len(x), 1), 0.5)
        mix = (share * x + (1 - share) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(self.critic(mix).sum(), mix, create_graph=True)
        return (slope.norm(dim=-1) - 1).square()
