"""Character swap: a few typing errors in the words that matter, until the answer turns.

Two neighbouring letters change places, one is left out, or one is typed twice. A reader hardly
stumbles; a model of words no longer knows the word, and one of letters sees others.

Shapes: x and the result (b t), y (b).

Departures: words are ranked by leaving them out, where the paper has the difference of what comes
before and behind, too. Letters are not replaced by others. Of a model without a tokenizer tokens
are taken for letters, and neighbours change places.

References:
    Ji Gao, Jack Lanchantin, Mary Lou Soffa, Yanjun Qi. Black-box generation of adversarial text
    sequences to evade deep learning classifiers. IEEE S&P workshops 2018.
    https://arxiv.org/abs/1801.04354

>>> sorted(typed("cat"))
['act', 'caat', 'ct', 'cta']
"""

from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.signed import Signed, signature_if_any
from cartograd.frontier.security.asked import Searched
from cartograd.frontier.security.hotflip import known_tokens, lasting
from cartograd.frontier.security.written import Writing, check_texts, searched

CARD = Card(
    name="character-swap",
    kind="attack",
    entry="character_swap",
    nodes=("attack/query",),
    title="Character swap (DeepWordBug)",
    zh="字符交换攻击（DeepWordBug）",
    aliases=("deepwordbug",),
    paper="Black-box generation of adversarial text sequences to evade deep learning classifiers",
    year=2018,
    url="https://arxiv.org/abs/1801.04354",
    proofs=(
        "law: a changed text differs by one typing error in each of at most as many words as may "
        "be changed; no gradient is taken, and every question is counted; answers turn",
    ),
    tiny={"share": 0.5},
)


def character_swap(
    model: nn.Module, x: Int[Tensor, "b t"], y: Int[Tensor, " b"], /, *, share: float = 0.15
) -> Int[Tensor, "b t"]:
    """Texts with a few typing errors that the model gets wrong, or comes nearest to it.

    Args:
        model: gives logits for tokens.
        x: the tokens of texts.
        y: the right classes.
        share: how many of a text's words may be changed; one may in any case.

    Raises:
        UsageError: the inputs are no tokens, the model does not choose between classes, or does
            not have the classes.
    """
    return character_search(model, x, y, share=share).point


def character_search(
    model: nn.Module, x: Int[Tensor, "b t"], y: Int[Tensor, " b"], /, *, share: float = 0.15
) -> Searched:
    """The same, with how often the model was asked about each text."""
    check_texts("character-swap", model, x, y)
    signature = signature_if_any(model)
    padding = signature.input.padding_id if signature else None
    writings: list[Writing]
    if isinstance(model, Signed) and model.tokenizer is not None:
        lasts, tokenizer = lasting(model), model.tokenizer
        writings = [_Words(text, tokenizer, padding, lasts(text)) for text in x.cpu()]
    else:
        known = known_tokens(model, int(x.max()) + 1, torch.device("cpu"))
        writings = [_Letters(text, known, padding) for text in x.cpu()]
    return searched(model, x, y, writings, share)


def typed(word: str, /) -> list[str]:
    """A word with one typing error, each once."""
    swapped = [word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)]
    dropped = [word[:i] + word[i + 1 :] for i in range(1, len(word) - 1)]
    twice = [word[: i + 1] + word[i] + word[i + 1 :] for i in range(1, len(word) - 1)]
    return list(dict.fromkeys(swapped + dropped + twice))


class _Words:
    """A text whose units are words between blanks, written with a tokenizer."""

    def __init__(self, text: Tensor, tokenizer: Any, padding: int | None, can: bool, /):
        self.length, self.tokenizer, self.padding = len(text), tokenizer, padding
        empty = {tokenizer.padding, padding}
        own = [token for token in text.tolist() if token not in empty]
        self.words = tokenizer.decode(own).split(" ") if can else []

    def units(self) -> list[int]:
        """Words of two letters and more."""
        return [at for at, word in enumerate(self.words) if len(word) > 1]

    def without(self, unit: int, /) -> Tensor | None:
        """The text without a word."""
        return self._tokens(self.words[:unit] + self.words[unit + 1 :])

    def ways(self, unit: int, /) -> list[tuple[list[str], Tensor]]:
        """The text with one typing error in a word, where it still fits."""
        word = self.words[unit]
        tried = [
            [*self.words[:unit], other, *self.words[unit + 1 :]]
            for other in typed(word)
            if other != word
        ]
        written = [(words, self._tokens(words)) for words in tried]
        return [(words, tokens) for words, tokens in written if tokens is not None]

    def becomes(self, units: list[str], /) -> None:
        """The text is this from now on."""
        self.words = units

    def _tokens(self, words: list[str]) -> Tensor | None:
        """The tokens of words, filled up; None where they are too many."""
        tokens = self.tokenizer.encode(" ".join(words))
        short = self.length - len(tokens)
        if not tokens or short < 0 or (short and self.padding is None):
            return None
        return torch.tensor(tokens + [self.padding] * short)


class _Letters:
    """A text whose tokens are taken for letters."""

    def __init__(self, text: Tensor, known: Tensor, padding: int | None, /):
        self.text, self.padding = text, padding
        self.free = [place for place in range(len(text)) if known[text[place]]]

    def units(self) -> list[int]:
        """Places with a neighbour at the right."""
        return [place for place in self.free if place + 1 in self.free]

    def without(self, unit: int, /) -> Tensor | None:
        """The text without a letter; None where nothing stands for none."""
        if self.padding is None:
            return None
        rest = torch.cat([self.text[:unit], self.text[unit + 1 :]])
        return torch.cat([rest, rest.new_tensor([self.padding])])

    def ways(self, unit: int, /) -> list[tuple[Tensor, Tensor]]:
        """The text with the letter and the next one in the other order."""
        changed = self.text.clone()
        changed[unit], changed[unit + 1] = self.text[unit + 1], self.text[unit]
        return [] if torch.equal(changed, self.text) else [(changed, changed)]

    def becomes(self, units: Tensor, /) -> None:
        """The text is this from now on."""
        self.text = units
