"""Learning from preferences: make better answers likelier than worse ones, near where one began.

People compare answers more easily than they write them. Instead of learning a reward from the
comparisons and raising it by trial, the policy itself can be fitted: at the optimum of a reward
less beta times the divergence from a reference, pi*(y) ~ pi_ref(y) exp(r(y) / beta), so beta times
the log-ratio is a reward, and its difference between two answers says which will be preferred.

    L = -log sigmoid(beta (log pi(y+) / pi_ref(y+) - log pi(y-) / pi_ref(y-)))

That is `loss=dpo`; the table of the others is in `training/preferences/losses.py`. The reference is
the model as it began: a frozen copy, or where an adapter learns, the model without it, so that no
second copy is needed.

Shapes: a batch is (better, worse, labels): `better` and `worse` tokens `b t` and `b t2` of prompt
and answer, labels `b 2 t3` of both with -100 where nothing counts (the prompt, and padding), t3 at
least t and t2. A row whose better or worse answer is empty has a single one, which `kto` takes.

Departures: the answers are read in one pass, in the mode of the model; the reference never drops
anything. A model that reads packed texts reads the prompt of a pair once. KTO's level is the mean
log-ratio of the answers given to other prompts of the batch, as in its code.

References:
    Rafael Rafailov, Archit Sharma, Eric Mitchell, Stefano Ermon, Christopher D. Manning, Chelsea
    Finn. Direct preference optimization: your language model is secretly a reward model. NeurIPS
    2023. https://arxiv.org/abs/2305.18290

>>> model = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 9))
>>> better, worse = torch.tensor([[3, 1, 4]]), torch.tensor([[3, 1, 5]])
>>> labels = torch.tensor([[[-100, 4, 2], [-100, 5, 2]]])
>>> next(Preference(model=model).losses((better, worse, labels))).value
tensor([0.6931], grad_fn=<...>)
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.protocols import Batch, Loss
from cartograd.training.objectives.label_tokens import IGNORED
from cartograd.training.preferences.likelihood import Reference, answers_of, side_by_side
from cartograd.training.preferences.losses import LOSSES, Answers, Dials
from cartograd.training.preferences.mismatched import mismatched

CARD = Card(
    name="preference",
    kind="objective",
    entry="Preference",
    nodes=("llm/rlhf",),
    title="Preferences (DPO and its kin)",
    zh="偏好优化（DPO 等）",
    aliases=("dpo",),
    paper="Direct preference optimization: your language model is secretly a reward model",
    year=2023,
    url="https://arxiv.org/abs/2305.18290",
    proofs=(
        "oracle: TRL's formulas of eight losses, numbers kept, to 1e-6",
        "law: fitted to sampled comparisons the policy is pi_ref exp(r / beta) to a divergence of "
        "0.02",
        "law: at first the loss is log 2 and nothing has diverged; an adapter's reference is the "
        "model without it",
    ),
    evidence={
        "llm/rlhf": (
            "test_sampled_comparisons_lead_to_the_analytic_optimum",
            "test_the_reference_of_an_adapter_is_the_model_without_it",
            "acceptance:preferences-smollm2",
        ),
    },
    settings={"optimizer": "adamw:lr=1e-4", "epochs": 3},
    logs={"accuracy": "higher", "margin": "higher", "kl": "lower"},
)


class Preference(nn.Module):
    """Better answers against worse ones.

    Args:
        model: a language model; gives logits, `b t v`.
        loss: a line of the table: dpo, robust, ipo, hinge, rpo, kto, orpo, simpo or cpo.
        beta: how much the reference holds: what log-ratios are multiplied by; of orpo the weight of
            its odds; that of the paper if not given.
        label_smoothing: share of the comparisons that are taken to be the wrong way round.
        margin: by how much simpo's answers are to differ.
        alpha: of rpo and cpo, how much the better answer's likelihood counts beside.

    Raises:
        UsageError: there is no such loss, or half the comparisons are said to be wrong.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        loss: str = "dpo",
        beta: float | None = None,
        label_smoothing: float | None = None,
        margin: float | None = None,
        alpha: float | None = None,
    ):
        super().__init__()
        if loss not in LOSSES:
            raise unknown("loss of preferences", loss, list(LOSSES))
        self.model, self.loss = model, loss
        self.players = {"model": model}
        told = {
            "beta": beta, "label_smoothing": label_smoothing, "margin": margin, "alpha": alpha
        }  # fmt: skip
        self.dials = replace(
            LOSSES[loss].usual, **{key: value for key, value in told.items() if value is not None}
        )
        _check(loss, self.dials, told)
        # No part of this module: it is not trained, switched to training mode, or saved.
        self._reference: tuple[Reference, ...] = (
            (Reference(model),) if LOSSES[loss].compares else ()
        )

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each pair; of `kto` that of the pair's answers, as many as there are.

        Raises:
            UsageError: the batch has other tensors, or an answer is missing.
        """
        better, worse, kl = self._thought(batch)
        there = torch.stack([better.length > 0, worse.length > 0], 1)
        dials, weight = self.dials, None
        if self.loss == "kto":
            weight = there.sum(1).to(better.logp.dtype)
            dials = replace(dials, level=self._level(batch))
        elif not bool(there.all()):
            raise UsageError(
                f"preference: an example has a single answer, and loss={self.loss} compares two; "
                "loss=kto takes single ones"
            )
        value = LOSSES[self.loss].of(better, worse, dials)
        metrics = {"kl": kl} if self._reference else {}
        paired = there.all(1)
        if bool(paired.any()):
            gap = (self._score(better) - self._score(worse)).detach()[paired]
            right = (gap > 0).to(gap.dtype) + (gap == 0).to(gap.dtype) / 2
            metrics |= {"margin": gap, "accuracy": right}
        yield Loss(value, weight=weight, metrics=metrics)

    def _score(self, answers: Answers) -> Tensor:
        """The reward that the policy stands for."""
        if self._reference:
            return self.dials.beta * answers.ratio
        own = answers.logp if self.loss == "cpo" else answers.mean
        return self.dials.beta * own

    def _thought(self, batch: Batch) -> tuple[Answers, Answers, Tensor]:
        """Of better and worse answers, and by how much the tokens of better ones have diverged."""
        if len(batch) != 3 or batch[2].ndim != 3:
            raise UsageError(
                "preference: expected better and worse answers and labels `b 2 t`; take data of "
                "pairs such as preferences:FILE.jsonl"
            )
        tokens, labels, rows = _stacked(batch)
        whole, every = answers_of(self.model, tokens, labels, "preference", paired=True)
        before, kl = torch.zeros_like(whole), whole.new_zeros(())
        if self._reference:
            with self._reference[0].of(self.model) as reference:
                before, known = answers_of(reference, tokens, labels, "preference", paired=True)
                chosen = slice(int((labels[:rows] != IGNORED).sum()))
                now, then = every[chosen].detach(), known[chosen]
                kl = (now.exp() * (now - then)).sum(-1).mean() if len(now) else kl
        length = (labels != IGNORED).sum(1)
        one, two = (
            Answers(whole[part], before[part], length[part])
            for part in (slice(rows), slice(rows, None))
        )
        return one, two, kl

    @torch.no_grad()
    def _level(self, batch: Batch) -> float:
        """KTO's `z`: the mean log-ratio of answers that belong to other prompts, or 0."""
        tokens, labels, _ = _stacked(batch)
        tokens, labels = mismatched(tokens, labels)
        now, _ = answers_of(self.model, tokens, labels, "preference")
        with self._reference[0].of(self.model) as reference:
            then, _ = answers_of(reference, tokens, labels, "preference")
        there = (labels != IGNORED).any(1)
        return max(0.0, (now - then)[there].mean().item()) if bool(there.any()) else 0.0

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Preference":
        """Move and cast the reference with the model."""
        for one in self._reference:
            one.move(fn)
        return super()._apply(fn, recurse)


def _stacked(batch: Batch) -> tuple[Tensor, Tensor, int]:
    """Better rows above worse ones: tokens, labels, and how many are better ones."""
    better, worse, labels = batch
    tokens = side_by_side(better, worse, 0)
    return tokens, torch.cat([labels[:, 0], labels[:, 1]])[:, : tokens.shape[1]], len(better)


def _check(loss: str, dials: Dials, told: dict[str, float | None]) -> None:
    """Refuse numbers that a loss has no use for, and noise that leaves nothing to learn."""
    own = {
        "label_smoothing": ("dpo", "robust", "cpo"), "margin": ("simpo",), "alpha": ("rpo", "cpo")
    }  # fmt: skip
    for key, losses in own.items():
        if told[key] is not None and loss not in losses:
            raise UsageError(
                f"preference: {key} is for loss={' or '.join(losses)}; loss={loss} has none"
            )
    if dials.label_smoothing >= 0.5:
        raise UsageError(
            f"preference: label_smoothing={dials.label_smoothing:g} says that half the comparisons "
            "or more are wrong; expected less than 0.5"
        )
