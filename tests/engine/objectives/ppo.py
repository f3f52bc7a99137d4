"""Schulman et al. (2017), "Proximal policy optimization algorithms", arXiv:1707.06347.

Algorithm 1 on a contextual bandit: act, then several epochs of minibatches on the same actions.

    L = -min(r A, clip(r, 1 - eps, 1 + eps) A) + (V - R)^2 / 2 - c H,   r = pi(a|s) / pi_old(a|s)

Shapes: states `b d`; actions, rewards ` b`.
"""

import torch
from torch import nn
from torch.distributions import Categorical

from cartograd.core.protocols import Loss


class PPO(nn.Module):
    def __init__(self, policy, value, reward, *, eps=0.2, epochs=4, minibatches=4):
        super().__init__()
        self.policy, self.value, self.reward = policy, value, reward
        self.eps, self.epochs, self.minibatches = eps, epochs, minibatches
        self.players = {"agent": self}

    def losses(self, batch):
        (states,) = batch
        with torch.no_grad():
            old = Categorical(logits=self.policy(states))
            actions = old.sample()
            log_old = old.log_prob(actions)
            rewards = self.reward(states, actions)
            advantages = rewards - self.value(states)[:, 0]
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        for _ in range(self.epochs):
            for rows in torch.randperm(len(states)).chunk(self.minibatches):
                now = Categorical(logits=self.policy(states[rows]))
                ratio = (now.log_prob(actions[rows]) - log_old[rows]).exp()
                clipped = ratio.clamp(1 - self.eps, 1 + self.eps)
                gain = torch.minimum(ratio * advantages[rows], clipped * advantages[rows])
                error = 0.5 * (self.value(states[rows])[:, 0] - rewards[rows]).square()
                loss = -gain + error - 0.01 * now.entropy()
                yield Loss(loss, "agent", {"reward": rewards})
