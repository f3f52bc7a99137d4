"""Grill et al. (2020), "Bootstrap your own latent", arXiv:2006.07733.

The online network predicts the target network's view of the same example under another
augmentation; the target is a moving average of the online network.

    L = 2 - 2 cos(q(f(v1)), f'(v2)) + the same with the views swapped,   f' <- tau f' + (1 - tau) f

Shapes: x `b d`.
"""

import copy

import torch
from torch import nn

from cartograd.core.protocols import Loss


class BYOL(nn.Module):
    def __init__(self, encoder, predictor, augment, *, tau=0.98):
        super().__init__()
        self.online = nn.Sequential(encoder, predictor)
        self.target = copy.deepcopy(encoder).requires_grad_(False)
        self.augment, self.tau = augment, tau
        self.players = {"online": self.online}

    def losses(self, batch):
        (x,) = batch
        one, two = self.augment(x), self.augment(x)
        with torch.no_grad():
            goal_one, goal_two = self.target(one), self.target(two)
        yield Loss(self.distance(one, goal_two) + self.distance(two, goal_one), "online")

    def distance(self, view, goal):
        return 2 - 2 * nn.functional.cosine_similarity(self.online(view), goal, dim=-1)

    @torch.no_grad()
    def after_step(self, player):
        encoder = self.online[0]
        for slow, fast in zip(self.target.parameters(), encoder.parameters(), strict=True):
            slow.lerp_(fast, 1 - self.tau)
