"""Scheduled sampling: a writer learns to go on behind what it wrote itself.

Where each right token stands behind right ones (teacher forcing), a model of language never meets
its own errors before it writes, and then each error makes the next likelier. So some of the tokens
that it reads in training are its own: more and more of them, until a share p of right ones is left.

    x'_(t+1) = x_(t+1) with probability max(p, 1 - (1 - p) s / S), else drawn from model(x)_t
    L = sum_t w_t (-log softmax(model(x')_t)_(y_t)) / sum_t w_t,    at step s

Shapes: tokens `b t`, targets `b t` of the next ones, -100 where there is none; logits `b t v`.

Departures: all positions are drawn at once, behind right tokens, and read in a second pass
(Mihaylova and Martins), so that a transformer can be trained so too; what is drawn, and where, is a
function of the step, a row's tokens and the position. Tokens that are nobody's target (padding, a
prompt) are never replaced. Validation reads right tokens. It is no cure of loops: a model that
wrote its likeliest bytes ended in them with it as without; `top-p` is one (row
`error-accumulation`).

References:
    Samy Bengio, Oriol Vinyals, Navdeep Jaitly, Noam Shazeer. Scheduled sampling for sequence
    prediction with recurrent neural networks. NeurIPS 2015. https://arxiv.org/abs/1506.03099
    Tsvetomila Mihaylova, Andre Martins. Scheduled sampling for transformers. ACL student workshop
    2019. https://arxiv.org/abs/1906.07651

>>> import torch
>>> model = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 9))
>>> objective = ScheduledSampling(model=model, teacher_forcing=0.0, total=1)
>>> objective.after_step("model")
>>> tokens = torch.tensor([[3, 1, 4, 1, 5]])
>>> read = objective.read(tokens, tokens.roll(-1, 1), seed=0)
>>> read.shape, read[0, 0].item()
(torch.Size([1, 5]), 3)
"""

from collections.abc import Iterator

import torch
from jaxtyping import Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.hashing import fractions, mixed, scrambled
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.training.objectives.label_tokens import LabelTokens

CARD = Card(
    name="scheduled-sampling",
    kind="objective",
    entry="ScheduledSampling",
    nodes=("ar/error-accumulation",),
    title="Scheduled sampling",
    zh="计划采样",
    paper="Scheduled sampling for sequence prediction with recurrent neural networks",
    year=2015,
    url="https://arxiv.org/abs/1506.03099",
    proofs=(
        "oracle: with right tokens only, label-tokens: losses and gradients are the same",
        "law: the share of right tokens falls to what was asked for, within what chance allows",
        "law: what is read in the place of right tokens has the model's chances, within chance",
        "law: only tokens that are targets are replaced, and the loss is of the right ones",
    ),
)


class ScheduledSampling(nn.Module):
    """Cross-entropy at each position, behind tokens that are in part the model's own.

    Args:
        model: gives logits of the next token, `b t v`.
        teacher_forcing: share of right tokens that is left in the end.
        total: steps in which the share falls from 1 to this.
        label_smoothing: share of the target spread evenly over all tokens.

    Raises:
        UsageError: the model does not answer with the next token.
    """

    steps: Tensor

    def __init__(
        self,
        *,
        model: nn.Module,
        teacher_forcing: float = 0.75,
        total: int = 200,
        label_smoothing: float = 0.0,
    ):
        super().__init__()
        if isinstance(model, Signed) and model.signature.task.name != "next-token":
            raise UsageError(
                "scheduled-sampling is for models that answer with the next token, and this one's "
                f"task is {model.signature.task.name!r}: leave objective= out"
            )
        self.inner = LabelTokens(model=model, label_smoothing=label_smoothing)
        self.model, self.players = model, {"model": model}
        self.teacher_forcing, self.total = teacher_forcing, total
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each position."""
        tokens, targets = batch
        if self.training:
            # The engine seeds torch anew at each step, so this is a number of the step; reading it
            # does not advance the generator.
            tokens = self.read(tokens, targets, seed=torch.default_generator.initial_seed())
        yield from self.inner.losses((tokens, targets))

    def after_step(self, _player: str, /) -> None:
        """Count."""
        self.steps += 1

    @torch.no_grad()
    def read(
        self, tokens: Int[Tensor, "b t"], targets: Int[Tensor, "b t"], /, *, seed: int
    ) -> Int[Tensor, "b t"]:
        """The tokens with some of the model's own among them."""
        own = (1 - self.teacher_forcing) * (self.steps / self.total).clamp(max=1)
        if not own:
            return tokens
        places = torch.arange(tokens.shape[1] - 1, device=tokens.device)
        row = scrambled(scrambled(tokens.long()[:, :-1]) ^ scrambled(places)).sum(1, keepdim=True)
        keys = scrambled(scrambled(row ^ mixed(seed)) + places)
        chosen, u = (fractions(scrambled(keys ^ number)) for number in (1, 2))
        up_to = self.model(tokens)[:, :-1].double().softmax(-1).cumsum(-1)
        drawn = (up_to < u[..., None]).sum(-1).clamp(max=up_to.shape[-1] - 1).to(tokens)
        right = tokens[:, 1:]
        taken = (chosen < own) & (right == targets[:, :-1])
        return torch.cat([tokens[:, :1], torch.where(taken, drawn, right)], 1)
