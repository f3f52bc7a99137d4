r"""A linear-chain conditional random field: tags are chosen together, not one by one.

The score of a sequence of tags is the sum of its tags' scores and of the transitions between them.
Its probability is e^score over the sum for all sequences; there are k^t of them, but those that end
in a tag at one step are summed up from the step before, in t k^2 operations (the forward
algorithm). The best one is found likewise, with the maximum in place of the sum (Viterbi).

    score(y) = start_(y_1) + sum_t x_(t, y_t) + sum_t move_(y_t, y_(t+1)) + end_(y_t)
    p(y | x) = e^score(y) / Z,    Z = sum over all y,    alpha_t = log(e^alpha_(t-1) e^move) + x_t

Shapes: scores `b t k`, padded on the right; tags `b t`; lengths ` b`.

References:
    John Lafferty, Andrew McCallum, Fernando Pereira. Conditional random fields: probabilistic
    models for segmenting and labeling sequence data. ICML 2001.
    https://repository.upenn.edu/handle/20.500.14332/6188
    Andrew Viterbi. Error bounds for convolutional codes and an asymptotically optimum decoding
    algorithm. IEEE Transactions on Information Theory 13, 1967.
    https://doi.org/10.1109/TIT.1967.1054010
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.rnn.scanned import Carry, scanned


class Chain(nn.Module):
    """Scores of transitions between tags, and what follows for whole sequences.

    Args:
        classes: how many tags.
    """

    def __init__(self, classes: int, /):
        super().__init__()
        self.moves = nn.Parameter(torch.zeros(classes, classes))
        self.starts = nn.Parameter(torch.zeros(classes))
        self.ends = nn.Parameter(torch.zeros(classes))

    def surprise(
        self,
        scores: Float[Tensor, "b t k"],
        tags: Int[Tensor, "b t"],
        lengths: Int[Tensor, " b"],
        /,
    ) -> Float[Tensor, " b"]:
        """Minus the log probability of the tags of each sequence.

        A negative tag is unknown: all tags are summed over there.
        """
        free = torch.arange(scores.shape[2], device=tags.device) == tags[:, :, None]
        allowed = free | (tags < 0)[:, :, None]
        true = scores.masked_fill(~allowed, -torch.inf)
        both = self.log_partition(torch.cat([scores, true]), torch.cat([lengths, lengths]))
        whole, own = both.chunk(2)
        return whole - own

    def log_partition(
        self, scores: Float[Tensor, "b t k"], lengths: Int[Tensor, " b"], /
    ) -> Float[Tensor, " b"]:
        """Logarithm of Z: all paths through each row."""
        return torch.logsumexp(self._forward(scores, lengths)[0] + self.ends, 1)

    def log_marginals(
        self, scores: Float[Tensor, "b t k"], lengths: Int[Tensor, " b"], /
    ) -> Float[Tensor, "b t k"]:
        """Logarithm of p(tag at t | row), forward and backward in one; 0 in the padding."""
        steps = torch.arange(scores.shape[1], device=scores.device)
        back = self.moves.T.exp()

        def step(after: Carry, x: Carry) -> tuple[Carry, Tensor]:
            score, inside = x
            now = torch.where(inside, _through(after[0] + score, back), after[0])
            return (now,), now

        # What comes behind step t follows from the scores of t + 1, from the end on.
        inside = (steps + 1)[:, None] < lengths
        turned = scores.transpose(0, 1).roll(-1, 0).flip(0), inside.flip(0)[:, :, None]
        _, behind = scanned(step, (self.ends.repeat(scores.shape[0], 1),), turned)
        both = self._forward(scores, lengths)[1] + behind.flip(0)
        answer = torch.log_softmax(both, 2) * (steps[:, None] < lengths)[:, :, None]
        return answer.transpose(0, 1)

    def best(
        self, scores: Float[Tensor, "b t k"], lengths: Int[Tensor, " b"], /
    ) -> tuple[Int[Tensor, "b t"], Float[Tensor, " b"]]:
        """The path of the highest score of each row, 0 in its padding, and that score."""
        high = self.starts + scores[:, 0]
        came = []
        for t in range(1, scores.shape[1]):
            value, best = (high[:, :, None] + self.moves).max(1)
            inside = (t < lengths)[:, None]
            stay = torch.arange(best.shape[1], device=best.device).expand_as(best)
            high = torch.where(inside, value + scores[:, t], high)
            came.append(torch.where(inside, best, stay))
        top, tag = (high + self.ends).max(1)
        path = [tag]
        for best in reversed(came):
            path.append(best.gather(1, path[-1][:, None])[:, 0])
        tags = torch.stack(path[::-1], 1)
        steps = torch.arange(scores.shape[1], device=tags.device)
        return torch.where(steps < lengths[:, None], tags, 0), top

    def _forward(self, scores: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The log of the sum over all paths that end in each tag: at the end, and at each step."""
        moves = self.moves.exp()
        steps = torch.arange(scores.shape[1], device=scores.device)[:, None]

        def step(carry: Carry, x: Carry) -> tuple[Carry, Tensor]:
            (alpha,), (score, inside) = carry, x
            alpha = torch.where(inside, _through(alpha, moves) + score, alpha)
            return (alpha,), alpha

        inside = ((steps > 0) & (steps < lengths))[:, :, None]
        start = (self.starts + scores[:, 0],)
        (alpha,), each = scanned(step, start, (scores.transpose(0, 1), inside))
        return alpha, each


def _through(logs: Tensor, moves: Tensor) -> Tensor:
    """log(e^logs @ moves), scaled by the largest so that nothing overflows."""
    peak = logs.amax(1, keepdim=True).detach()
    sums = (logs - peak).exp() @ moves
    return sums.clamp(min=torch.finfo(sums.dtype).tiny).log() + peak
