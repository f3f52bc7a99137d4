"""Kingma and Welling (2013), "Auto-encoding variational Bayes", https://arxiv.org/abs/1312.6114.

    ELBO(x) = E_q(z|x) [log p(x|z)] - KL(q(z|x) || p(z)),    z = mu(x) + sigma(x) * eps

Shapes: x `b d`; eps `b h`, drawn here unless the batch brings it along.
"""

import math

import torch
from torch import nn

from cartograd.core.protocols import Loss


class VAE(nn.Module):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.players = {"model": self}

    def losses(self, batch):
        x, *given = batch
        mu, log_sigma = self.encoder(x).chunk(2, dim=-1)
        eps = given[0] if given else torch.randn_like(mu)
        z = mu + log_sigma.exp() * eps
        error = ((x - self.decoder(z)) * torch.exp(-self.log_scale)).square()
        log_p = -0.5 * (error + 2 * self.log_scale + math.log(2 * math.pi)).sum(-1)
        kl = 0.5 * (mu**2 + (2 * log_sigma).exp() - 2 * log_sigma - 1).sum(-1)
        yield Loss(kl - log_p, metrics={"kl": kl})
