"""Inception score: whether a classifier is sure of each drawn example, and sees all classes.

    exp( mean over x of KL(p(y | x) || p(y)) ),    p(y) the mean of p(y | x)

It is 1 where all examples look alike to the classifier, and the number of classes where it is sure
of each and finds all equally often. It never sees a real example: copies of one picture of each
class have the best score. The classifier is the judge of `evaluate --judge`, which prints it.

References:
    Tim Salimans, Ian Goodfellow, Wojciech Zaremba, Vicki Cheung, Alec Radford, Xi Chen. Improved
    techniques for training GANs. NeurIPS 2016. https://arxiv.org/abs/1606.03498
"""

import torch
from jaxtyping import Float
from torch import Tensor


def inception_score(logits: Float[Tensor, "n k"], /) -> float:
    """The score.

    Args:
        logits: of the classes of each drawn example.

    >>> inception_score(100 * torch.eye(4)), inception_score(torch.zeros(4, 9))
    (4.0, 1.0)
    """
    logs = logits.double().log_softmax(1)
    shares = logs.exp()
    whole = shares.mean(0)
    gained = (shares * logs).sum(1).mean() - torch.special.xlogy(whole, whole).sum()
    return round(float(gained.exp()), 12)
