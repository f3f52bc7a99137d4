"""Bradley and Terry: a reward whose difference says how often one answer is preferred to another.

People compare answers; a reward puts them on one scale. Of two with rewards r and r', the first is
preferred with probability sigmoid(r - r'), so the reward is learned by logistic regression on
comparisons. Only differences are told apart: a small weight keeps the mean near zero.

    L = -log sigmoid(r(better) - r(worse) - margin) + c (r(better) + r(worse))^2

Shapes: a batch is (better, worse, labels), as of `preference`; the model gives `b 1` of whole rows:
prompt, answer, and the token that ends it, which is the last label.

Departures: the margin is one for all pairs; Llama 2 has one for each degree of preference.

References:
    Ralph Bradley, Milton Terry. Rank analysis of incomplete block designs. Biometrika 39, 1952.
    https://doi.org/10.2307/2334029
    Long Ouyang et al. Training language models to follow instructions with human feedback. 2022.
    https://arxiv.org/abs/2203.02155
    Hugo Touvron et al. Llama 2. 2023 (margin). https://arxiv.org/abs/2307.09288
    Jacob Eisenstein et al. Helping or herding? 2023 (centring). https://arxiv.org/abs/2312.09244

>>> model = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.LazyLinear(1))
>>> better, worse = torch.tensor([[3, 1, 4]]), torch.tensor([[3, 1, 5]])
>>> labels = torch.tensor([[[-100, 4, 2], [-100, 5, 2]]])
>>> next(BradleyTerry(model=model).losses((better, worse, labels))).value.shape
torch.Size([1])
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.inference import PacksTexts
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.training.objectives.label_tokens import IGNORED
from cartograd.training.packing import in_pairs, packed_texts
from cartograd.training.preferences.likelihood import side_by_side

CARD = Card(
    name="bradley-terry",
    kind="objective",
    entry="BradleyTerry",
    nodes=("llm/rlhf",),
    title="Reward model by Bradley and Terry",
    zh="奖励模型（Bradley-Terry）",
    aliases=("reward", "reward-model"),
    paper="Rank analysis of incomplete block designs",
    year=1952,
    url="https://doi.org/10.2307/2334029",
    proofs=(
        "oracle: -logsigmoid of torch with margin and centring, loss and gradients to 1e-10",
        "law: of sampled comparisons the reward is learned to a correlation of 0.98",
        "law: a small decoder prefers what is better in pairs that it has not seen",
    ),
    evidence={
        "llm/rlhf": (
            "test_a_decoder_prefers_what_is_better_in_new_pairs",
            "test_it_is_learned_from_pairs_kept_and_named_by_its_folder",
            "test_a_model_that_writes_learns_to_judge_and_is_a_reward_by_its_folder",
            "acceptance:reward-model-smollm2",
        ),
    },
    settings={"optimizer": "adamw:lr=1e-4", "epochs": 3},
    logs={"accuracy": "higher", "difference": "higher"},
)


class BradleyTerry(nn.Module):
    """A number for each answer, greater for better ones.

    Args:
        model: gives `b 1` of rows of tokens, such as `decoder-classifier:classes=1`.
        margin: by how much rewards are to differ at least.
        centring: weight of the squared sum of a pair's rewards.
    """

    def __init__(self, *, model: nn.Module, margin: float = 0.0, centring: float = 0.0):
        super().__init__()
        self.model, self.margin, self.centring = model, margin, centring
        self.players = {"model": model}
        port = model.signature.input if isinstance(model, Signed) else None
        self.padding = 0 if port is None else port.padding_id or 0

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each pair.

        Raises:
            UsageError: the batch has no pairs, or the model gives no single number.
        """
        if len(batch) != 3 or batch[2].ndim != 3:
            raise UsageError(
                "bradley-terry: expected better and worse answers and labels `b 2 t`; take data of "
                "pairs such as preferences:FILE.jsonl"
            )
        better, worse, labels = batch
        if not bool((labels != IGNORED).any(2).all()):
            raise UsageError("bradley-terry: an example has a single answer; expected pairs")
        rows = side_by_side(
            whole(better, labels[:, 0], self.padding), whole(worse, labels[:, 1], self.padding),
            self.padding,
        )  # fmt: skip
        rewards = self._judged(rows, torch.cat([labels[:, 0], labels[:, 1]]))
        if rewards.shape != (len(rows), 1):
            raise UsageError(
                f"bradley-terry: the model gives {tuple(rewards.shape)} for {len(rows)} answers; "
                "expected one number each, as decoder-classifier:classes=1 gives"
            )
        one, two = rewards[:, 0].split(len(better))
        value = -F.logsigmoid(one - two - self.margin)
        if self.centring:
            value = value + self.centring * (one + two).square()
        apart = (one - two).detach()
        right = (apart > 0).to(apart.dtype) + (apart == 0).to(apart.dtype) / 2
        yield Loss(value, metrics={"accuracy": right, "difference": apart})

    def _judged(self, rows: Tensor, labels: Tensor) -> Tensor:
        """The rewards of rows; a model that can reads the prompt of a pair once, and no padding."""
        inner = self.model.model if isinstance(self.model, Signed) else self.model
        if not isinstance(inner, PacksTexts):
            return self.model(rows)
        groups = in_pairs(rows, labels, IGNORED)
        return packed_texts(inner, rows, labels, IGNORED, groups, self.padding)


def whole(
    tokens: Int[Tensor, "b t"], labels: Int[Tensor, "b t2"], padding: int, /
) -> Int[Tensor, "b t3"]:
    """Rows with the last label behind them, which no row of inputs has.

    >>> whole(torch.tensor([[5, 6, 0]]), torch.tensor([[-100, 7, -100]]), 0).tolist()
    [[5, 6, 7, 0]]
    """
    labels = labels[:, : tokens.shape[1]]
    places = torch.arange(1, labels.shape[1] + 1, device=tokens.device)
    ends = ((labels != IGNORED) * places).amax(1, keepdim=True)
    rows = F.pad(tokens, (0, 1), value=padding)
    last = labels.gather(1, (ends - 1).clamp(min=0))
    rows = rows.scatter(1, ends, last)
    after = torch.arange(rows.shape[1], device=tokens.device) > ends
    return rows.masked_fill(after, padding)
