"""Synonym swap: words give way to words of about their meaning, until the answer turns.

Which words matter is found by leaving them out; what may stand in their place are the nearest
neighbours in an embedding, if they are near enough. The model is asked for its scores alone.

    candidates(w) = the nearest v with cos(e_w, e_v) >= similarity

Shapes: x and the result (b t), y (b).

Departures: the embedding is the model's own, where the paper has one that was made for synonyms,
and nothing checks the grammar or the meaning of the whole. Tokens are swapped one for one, so a
word of several tokens is swapped in parts.

References:
    Di Jin, Zhijing Jin, Joey Zhou, Peter Szolovits. Is BERT really robust? A strong baseline for
    natural language attack on text classification and entailment. AAAI 2020.
    https://arxiv.org/abs/1907.11932

>>> near = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
>>> synonyms(near, torch.tensor([True, True, True]), 2, 0.8)
[[1], [0], []]
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.signed import signature_if_any
from cartograd.frontier.explain.embedded import Embedded
from cartograd.frontier.security.asked import Searched
from cartograd.frontier.security.hotflip import known_tokens, lasting
from cartograd.frontier.security.written import check_texts, searched

CARD = Card(
    name="synonym-swap",
    kind="attack",
    entry="synonym_swap",
    nodes=("attack/query",),
    title="Synonym swap (TextFooler)",
    zh="同义词替换攻击（TextFooler）",
    aliases=("textfooler",),
    paper="Is BERT really robust? A strong baseline for natural language attack on text "
    "classification and entailment",
    year=2020,
    url="https://arxiv.org/abs/1907.11932",
    proofs=(
        "law: each swap is for a token as near as was asked, no more are made than may be, none of "
        "padding or of a special meaning; no gradient is taken, and every question is counted",
        "law: answers turn far more often than by as many random swaps",
    ),
    tiny={"share": 0.5, "trials": 3, "similarity": 0.0},
)


def synonym_swap(
    model: nn.Module,
    x: Int[Tensor, "b t"],
    y: Int[Tensor, " b"],
    /,
    *,
    share: float = 0.15,
    trials: int = 10,
    similarity: float = 0.5,
) -> Int[Tensor, "b t"]:
    """Texts with a few words swapped that the model gets wrong, or comes nearest to it.

    Args:
        model: gives logits for tokens, which it looks up in an `nn.Embedding`.
        x: the tokens of texts.
        y: the right classes.
        share: how many of a text's tokens may be swapped; one may in any case.
        trials: of how many neighbours the best is taken.
        similarity: least cosine of the vectors of two tokens that may be swapped.

    Raises:
        UsageError: the inputs are no tokens, the model looks them up nowhere, does not choose
            between classes, or does not have the classes.
    """
    return synonym_search(model, x, y, share=share, trials=trials, similarity=similarity).point


def synonym_search(
    model: nn.Module,
    x: Int[Tensor, "b t"],
    y: Int[Tensor, " b"],
    /,
    *,
    share: float = 0.15,
    trials: int = 10,
    similarity: float = 0.5,
) -> Searched:
    """The same, with how often the model was asked about each text."""
    check_texts("synonym-swap", model, x, y)
    table = Embedded(model, x[:1]).table.weight.detach().float().cpu()
    known = known_tokens(model, len(table), torch.device("cpu"))
    near, lasts = synonyms(table, known, trials, similarity), lasting(model)
    signature = signature_if_any(model)
    padding = signature.input.padding_id if signature else None
    writings = [_Tokens(text, known, near, lasts, padding) for text in x.cpu()]
    return searched(model, x, y, writings, share)


def synonyms(
    table: Float[Tensor, "v d"], known: Bool[Tensor, " v"], count: int, similarity: float, /
) -> list[list[int]]:
    """For each token the nearest others that are near enough, the nearest first."""
    unit = torch.nn.functional.normalize(table, dim=1)
    found = list[list[int]]()
    for rows in torch.arange(len(table)).split(256):
        cosine = unit[rows] @ unit.T
        cosine[torch.arange(len(rows)), rows] = -torch.inf
        cosine[:, ~known] = -torch.inf
        best = cosine.topk(min(count, len(table) - 1))
        for values, tokens in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            pairs = zip(tokens, values, strict=True)
            found.append([token for token, value in pairs if value >= similarity])
    return found


class _Tokens:
    """A text whose units are its tokens."""

    def __init__(
        self, text: Tensor, known: Tensor, near: list[list[int]],
        lasts: Callable[[Tensor], bool], padding: int | None, /,
    ):  # fmt: skip
        self.text, self.near, self.lasts, self.padding = text, near, lasts, padding
        self.free = [place for place in range(len(text)) if known[text[place]]]
        self.checks = lasts(text)

    def units(self) -> list[int]:
        """Places of tokens that are of the text."""
        return self.free

    def without(self, unit: int, /) -> Tensor | None:
        """The text with the token's place closed; None where nothing stands for no token."""
        if self.padding is None:
            return None
        rest = torch.cat([self.text[:unit], self.text[unit + 1 :]])
        return torch.cat([rest, rest.new_tensor([self.padding])])

    def ways(self, unit: int, /) -> list[tuple[Tensor, Tensor]]:
        """The text with each synonym, where it can be written."""
        found = []
        for token in self.near[int(self.text[unit])]:
            changed = self.text.clone()
            changed[unit] = token
            if not self.checks or self.lasts(changed):
                found.append((changed, changed))
        return found

    def becomes(self, units: Tensor, /) -> None:
        """The text is this from now on."""
        self.text = units
