"""Masked language model: mask some tokens of a text and predict them from the others.

To predict a masked token a model has to use both sides of it, so unlabelled text alone teaches it
what words mean where they stand. Of the chosen words most become the mask token; some become a
random one or stay as they are, because later texts have no masks and every word has to be read.

    each token is chosen with probability s = 0.15; of the chosen
    80 % <- mask, 10 % <- any token, 10 % <- itself
    L = mean over the chosen of -log softmax(model(changed))_original

Shapes: a batch is (tokens, ...), tokens `b t`; whatever follows them is not used. The model's
logits are `b t v`, or `n v` of the n chosen positions alone where its `forward` takes them as
`where`: with 30,000 tokens most of the arithmetic of a small model is in its logits.

Departures: each token is chosen independently, not exactly 15 % of each text, as in RoBERTa, which
also masks anew at every epoch. The random numbers are hashes of the step's seed, the row and the
position: a run that is resumed, or split over batches or processes, masks the same tokens. Without
the next-sentence task, which RoBERTa found useless.

References:
    Jacob Devlin, Ming-Wei Chang, Kenton Lee, Kristina Toutanova. BERT: pre-training of deep
    bidirectional transformers for language understanding. 2018, NAACL 2019.
    https://arxiv.org/abs/1810.04805
    Yinhan Liu et al. RoBERTa: a robustly optimized BERT pretraining approach. 2019.
    https://arxiv.org/abs/1907.11692

>>> changed, chosen = masked(torch.arange(1000)[None], mask_id=1, vocabulary=1000, seed=0)
>>> int(chosen.sum()), int((changed == 1).sum())
(151, 120)
"""

from collections.abc import Iterator
from inspect import signature

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.hashing import fractions, mixed, scrambled
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.core.wrapped import is_wrapped
from cartograd.training.losses.cross_entropy import cross_entropy

CARD = Card(
    name="masked-language-model",
    kind="objective",
    entry="MaskedLanguageModel",
    nodes=("ssl/mlm",),
    title="Masked language model",
    zh="掩码语言模型",
    paper="BERT: pre-training of deep bidirectional transformers for language understanding",
    year=2018,
    url="https://arxiv.org/abs/1810.04805",
    proofs=(
        "law: 15 % are chosen and of them 80 / 10 / 10 % masked, replaced and kept, within what "
        "chance allows; padding never",
        "law: only chosen positions count, and the loss is their cross-entropy, with the same "
        "gradients where their logits alone are computed",
        "law: another step hides other words, the same step the same ones, in any batch",
    ),
    evidence={"ssl/mlm": ("test_shares_of_what_happens_to_words", "acceptance:bert-descriptions")},
    tiny={"mask_id": 1, "vocabulary": 6},
    renamed={"share": "mlm_probability"},
)


class MaskedLanguageModel(nn.Module):
    """Cross-entropy at the masked tokens.

    Args:
        model: answers with logits over all tokens, `b t v`; of some positions alone, `n v`, if
            its `forward` takes `where`.
        mask_id: the mask token; that of the model's tokenizer if not given.
        vocabulary: size of the vocabulary; as the model's signature says if not given.
        mlm_probability: share of the tokens that are chosen.

    Raises:
        UsageError: the mask token or the size of the vocabulary is neither given nor known.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        mask_id: int | None = None,
        vocabulary: int | None = None,
        mlm_probability: float = 0.15,
    ):
        super().__init__()
        self.model = model
        self.chooses = "where" in signature(model.forward).parameters
        self.players = {"model": model}
        self.mlm_probability = mlm_probability
        sizes = model.signature.sizes() if isinstance(model, Signed) else {}
        tokenizer = model.tokenizer if isinstance(model, Signed) else None
        if mask_id is None and tokenizer is not None:
            mask_id = tokenizer.mask
        vocabulary = vocabulary or sizes.get("vocabulary")
        if mask_id is None or vocabulary is None or mask_id >= vocabulary:
            raise UsageError(
                f"masked-language-model: mask_id={mask_id}, vocabulary={vocabulary}; expected the "
                f"token that hides others and how many there are: give them, or a model with a "
                f"tokenizer that has a mask token"
            )
        self.mask_id, self.vocabulary = mask_id, vocabulary
        fixed = {mask_id, sizes.get("padding_id")}
        if tokenizer is not None:
            fixed |= {tokenizer.padding, tokenizer.begin, tokenizer.end}
        self.fixed = tuple(sorted(token for token in fixed if token is not None))

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each position, of which only the chosen count."""
        tokens = batch[0]
        # The engine seeds torch anew at each step, so this is a number of the step; reading it
        # does not advance the generator.
        changed, chosen = self.gaps(tokens, torch.default_generator.initial_seed())
        if self.chooses and not is_wrapped(tokens):
            logits, goals = self.model(changed, where=chosen), tokens[chosen]
            found = cross_entropy(logits, goals)
            loss = found.new_zeros(tokens.shape).masked_scatter(chosen, found)
        else:
            logits = self.model(changed)
            loss = cross_entropy(logits, tokens)
            goals = tokens
        metrics = {}
        if not self.training:
            right = logits.argmax(-1) == goals
            metrics["accuracy"] = (right[chosen] if right.ndim > 1 else right).to(loss.dtype)
        yield Loss(loss, weight=chosen.to(loss.dtype), metrics=metrics)

    def gaps(
        self, tokens: Int[Tensor, "b t"], seed: int, /
    ) -> tuple[Int[Tensor, "b t"], Bool[Tensor, "b t"]]:
        """The masked input, and which tokens are to be predicted; see `masked`."""
        return masked(
            tokens, mask_id=self.mask_id, vocabulary=self.vocabulary, seed=seed,
            mlm_probability=self.mlm_probability, fixed=self.fixed,
        )  # fmt: skip


def masked(
    tokens: Int[Tensor, "b t"],
    /,
    *,
    mask_id: int,
    vocabulary: int,
    seed: int,
    mlm_probability: float = 0.15,
    fixed: tuple[int, ...] = (),
) -> tuple[Int[Tensor, "b t"], Bool[Tensor, "b t"]]:
    """The text with masked tokens, and which positions were chosen.

    Args:
        tokens: the text.
        mask_id: the mask token.
        vocabulary: size of the vocabulary.
        seed: of the random numbers, which depend only on it, a row's tokens and the position.
        mlm_probability: share of the tokens that are chosen.
        fixed: tokens that are never chosen.
    """
    positions = torch.arange(tokens.shape[1], device=tokens.device)
    row = scrambled(scrambled(tokens) ^ scrambled(positions)).sum(1, keepdim=True)
    keys = scrambled(scrambled(row ^ mixed(seed)) + positions)
    chosen, fate, other = (fractions(scrambled(keys ^ number)) for number in (1, 2, 3))
    free = ~torch.isin(tokens, torch.tensor(fixed, dtype=tokens.dtype, device=tokens.device))
    chosen = (chosen < mlm_probability) & free
    anything = (other * vocabulary).to(tokens.dtype)
    changed = tokens.where(~chosen | (fate >= 0.9), anything)
    return changed.masked_fill(chosen & (fate < 0.8), mask_id), chosen
