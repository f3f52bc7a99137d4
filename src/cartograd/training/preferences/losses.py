"""Losses of preferences: one table of functions of what is thought of a better and a worse answer.

Each is a scalar function of log-probabilities of whole answers, log p and log p_ref of a frozen
reference, and of their lengths n. With h = log p - log p_ref of an answer, d = h_better - h_worse,
and s(x) = -log sigmoid(x):

    dpo     (1 - e) s(beta d) + e s(-beta d)                         e = label_smoothing (cDPO)
    robust  ((1 - e) s(beta d) - e s(-beta d)) / (1 - 2e)
    ipo     (h_better / n - h_worse / n - 1 / (2 beta))^2
    hinge   max(0, 1 - beta d)
    rpo     s(beta d) - alpha log p_better / n
    kto     1 - sigmoid(beta (h - z)) of a better answer, 1 - sigmoid(beta (z - h)) of a worse one
    orpo    -log p_better / n + beta s(o_better - o_worse)        o = log(q / (1 - q)), q = p^(1/n)
    simpo   s(beta (log p_better / n - log p_worse / n) - margin)
    cpo     s(beta (log p_better - log p_worse)) - alpha log p_better / n

orpo, simpo and cpo need no reference. kto takes answers one by one (a pair has the mean of both);
its z is max(0, the mean of h over answers that belong to other prompts), without a gradient.

Shapes: all ` b`, a number for each pair.

Departures: IPO is averaged over the tokens, as its authors do and the paper does not say.

References:
    Rafael Rafailov et al. Direct preference optimization. NeurIPS 2023.
    https://arxiv.org/abs/2305.18290
    Eric Mitchell. A note on DPO with noisy preferences. 2023 (label smoothing).
    Sayak Ray Chowdhury et al. Provably robust DPO. 2024. https://arxiv.org/abs/2403.00409
    Mohammad Gheshlaghi Azar et al. A general theoretical paradigm to understand learning from human
    preferences. 2023 (IPO). https://arxiv.org/abs/2310.12036
    Yao Zhao et al. SLiC-HF. 2023 (hinge). https://arxiv.org/abs/2305.10425
    Richard Pang et al. Iterative reasoning preference optimization. 2024 (RPO).
    https://arxiv.org/abs/2404.19733
    Kawin Ethayarajh et al. KTO. 2024. https://arxiv.org/abs/2402.01306
    Jiwoo Hong et al. ORPO. 2024. https://arxiv.org/abs/2403.07691
    Yu Meng et al. SimPO. 2024. https://arxiv.org/abs/2405.14734
    Haoran Xu et al. Contrastive preference optimization. 2024. https://arxiv.org/abs/2401.08417

>>> import torch
>>> one = Answers(torch.tensor([-2.0]), torch.tensor([-2.0]), torch.tensor([4]))
>>> LOSSES["dpo"].of(one, one, Dials(beta=0.1))
tensor([0.6931])
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


class Answers(NamedTuple):
    """What is thought of some answers.

    Attributes:
        logp: log-probability of each whole answer.
        reference: the same of the frozen reference; 0 where there is none.
        length: tokens of each.
    """

    logp: Float[Tensor, " b"]
    reference: Float[Tensor, " b"]
    length: Int[Tensor, " b"]

    @property
    def ratio(self) -> Float[Tensor, " b"]:
        """How much likelier it has become, as a logarithm."""
        return self.logp - self.reference

    @property
    def mean(self) -> Float[Tensor, " b"]:
        """Log-probability of a token."""
        return self.logp / self.length.clamp(min=1)


@dataclass(frozen=True)
class Dials:
    """The numbers of a loss; see `Preference`. `level` is the z of kto."""

    beta: float
    label_smoothing: float = 0.0
    margin: float = 0.0
    alpha: float = 0.0
    level: float = 0.0


@dataclass(frozen=True)
class PairLoss:
    """A line of the table.

    Attributes:
        of: the loss of each pair.
        usual: the numbers of its paper.
        compares: whether with a reference.
    """

    of: Callable[[Answers, Answers, Dials], Tensor]
    usual: Dials
    compares: bool = True


def _surprise(x: Tensor) -> Tensor:
    return -F.logsigmoid(x)


def _apart(better: Answers, worse: Answers, dials: Dials) -> Tensor:
    return dials.beta * (better.ratio - worse.ratio)


def _dpo(better: Answers, worse: Answers, dials: Dials) -> Tensor:
    d, e = _apart(better, worse, dials), dials.label_smoothing
    return (1 - e) * _surprise(d) + e * _surprise(-d)


def _robust(better: Answers, worse: Answers, dials: Dials) -> Tensor:
    d, e = _apart(better, worse, dials), dials.label_smoothing
    return ((1 - e) * _surprise(d) - e * _surprise(-d)) / (1 - 2 * e)


def _ipo(better: Answers, worse: Answers, dials: Dials) -> Tensor:
    one, two = (answers.ratio / answers.length.clamp(min=1) for answers in (better, worse))
    return (one - two - 1 / (2 * dials.beta)) ** 2


def _hinge(better: Answers, worse: Answers, dials: Dials) -> Tensor:
    return (1 - _apart(better, worse, dials)).relu()


def _rpo(better: Answers, worse: Answers, dials: Dials) -> Tensor:
    return _surprise(_apart(better, worse, dials)) - dials.alpha * better.mean


def _orpo(better: Answers, worse: Answers, dials: Dials) -> Tensor:
    one, two = (answers.mean - _log1mexp(answers.mean) for answers in (better, worse))
    return dials.beta * _surprise(one - two) - better.mean


def _simpo(better: Answers, worse: Answers, dials: Dials) -> Tensor:
    return _surprise(dials.beta * (better.mean - worse.mean) - dials.margin)


def _cpo(better: Answers, worse: Answers, dials: Dials) -> Tensor:
    d, e = dials.beta * (better.logp - worse.logp), dials.label_smoothing
    return (1 - e) * _surprise(d) + e * _surprise(-d) - dials.alpha * better.mean


def _kto(better: Answers, worse: Answers, dials: Dials) -> Tensor:
    """The mean of both answers, or that of the one that is there."""
    one = 1 - torch.sigmoid(dials.beta * (better.ratio - dials.level))
    two = 1 - torch.sigmoid(dials.beta * (dials.level - worse.ratio))
    there = torch.stack([better.length > 0, worse.length > 0])
    return (torch.stack([one, two]) * there).sum(0) / there.sum(0).clamp(min=1)


def _log1mexp(x: Tensor) -> Tensor:
    """log(1 - exp(x)) of x < 0, without loss near 0 (Maechler 2012); its slope is finite, too."""
    x = x.clamp(max=-torch.finfo(x.dtype).tiny)
    near = x > -0.693
    low = torch.log(-torch.expm1(x.where(near, x.new_tensor(-0.693))))
    return torch.where(near, low, torch.log1p(-torch.exp(x.where(~near, x.new_tensor(-0.693)))))


LOSSES = {
    "dpo": PairLoss(_dpo, Dials(beta=0.1)),
    "robust": PairLoss(_robust, Dials(beta=0.1, label_smoothing=0.1)),
    "ipo": PairLoss(_ipo, Dials(beta=0.1)),
    "hinge": PairLoss(_hinge, Dials(beta=0.1)),
    "rpo": PairLoss(_rpo, Dials(beta=0.1, alpha=1.0)),
    "kto": PairLoss(_kto, Dials(beta=0.1)),
    "orpo": PairLoss(_orpo, Dials(beta=0.1), compares=False),
    "simpo": PairLoss(_simpo, Dials(beta=2.0, margin=1.0), compares=False),
    "cpo": PairLoss(_cpo, Dials(beta=0.1, alpha=1.0), compares=False),
}
