"""Needle in a haystack: does a language model find one sentence in a long text, wherever it stands?

A sentence that nothing else tells is hidden in a text of a given length, at a given depth, and
asked for at the end. Over lengths and depths that makes a grid: where a model was never trained, or
attends no longer, its cells are empty. A cell is counted twice: by what the model would write, and
by the likelihood of the right answer among those of other needles, which is fairer to small models.

    prompt = begin, filler[: p n], needle, filler[p n :], question        p: depth, 0 at the start
    exact: argmax is right at each token of the answer
    chosen: log P(answer | prompt) > log P(other | prompt) for all other answers

Shapes: prompts `b t`, trials as rows; the grid has a row for each length, a column for each depth.

Departures: the filler begins at a random place and goes round. A greedy answer is exact if each
token of the right one is the likeliest after those before it, so nothing has to be generated.

References:
    Amirkeivan Mohtashami, Martin Jaggi. Landmark attention: random-access infinite context length
    for transformers. 2023 (the passkey). https://arxiv.org/abs/2305.16300
    Greg Kamradt. Needle in a haystack: pressure testing LLMs. 2023 (the grid).
    https://github.com/gkamradt/LLMTest_NeedleInAHaystack

>>> hay = Haystack(filler=(5, 6, 7), needles=(((1, 2), (2,)), ((1, 3), (3,))), question=(1,))
>>> hay.prompt(hay.needles[0][0], length=6, depth=0.5, turn=1)
[6, 7, 1, 2, 5, 1]
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Decoder

CARD = Card(
    name="needle",
    kind="diagnostic",
    entry="needle",
    nodes=("llm/long-context",),
    title="Needle in a haystack, by length and depth",
    zh="大海捞针：按长度与深度",
    paper="Landmark attention: random-access infinite context length for transformers",
    year=2023,
    url="https://arxiv.org/abs/2305.16300",
    proofs=(
        "law: a reader that remembers all finds every needle, one that remembers its last n tokens "
        "finds those alone that stand within them, and one that remembers nothing finds one in "
        "as many as there are answers",
    ),
    evidence={
        "llm/long-context": (
            "test_finds_what_a_memory_of_so_many_tokens_holds",
            "test_needles_and_loss_by_position_on_the_command_line",
        ),
    },
    tiny={"lengths": (8, 12), "depths": 2, "trials": 2},
)

Needle = tuple[Sequence[int], Sequence[int]]
"""The tokens of what is hidden, and those of its answer."""

Begin = Callable[[int, int], Decoder]
"""From rows and capacity to a decoder that has read nothing."""


@dataclass(frozen=True)
class Haystack:
    """What is hidden where, and how it is asked for, in tokens.

    Attributes:
        filler: a text that tells nothing of the needles.
        needles: at least two; the answers of the others are the alternatives of each.
        question: the end of each prompt, after which the answer is expected.
        begin: the beginning of each prompt.
    """

    filler: Sequence[int]
    needles: Sequence[Needle]
    question: Sequence[int]
    begin: Sequence[int] = ()

    def prompt(
        self, hidden: Sequence[int], /, *, length: int, depth: float, turn: int
    ) -> list[int]:
        """A prompt of exactly this length.

        Args:
            hidden: the tokens of the needle.
            length: of the prompt, question included.
            depth: share of the filler before the needle.
            turn: token of the filler that comes first.

        Raises:
            UsageError: needle and question are longer than that.
        """
        fixed = len(self.begin) + len(hidden) + len(self.question)
        if fixed > length:
            raise UsageError(
                f"needle and question are {fixed} tokens, more than length={length}; expected a "
                "longer text"
            )
        size = len(self.filler)
        hay = [self.filler[(turn + i) % size] for i in range(length - fixed)]
        lead = round(depth * len(hay))
        return [*self.begin, *hay[:lead], *hidden, *hay[lead:], *self.question]


@dataclass(frozen=True)
class NeedleGrid:
    """What was found; a tuple for each length, with a number for each depth.

    Attributes:
        lengths: tokens of the prompts.
        depths: shares of the filler before the needle.
        trials: prompts in each cell.
        alternatives: answers to choose from, the right one among them.
        exact: share of answers that would be written.
        chosen: share of answers that are the likeliest of the alternatives.
    """

    lengths: tuple[int, ...]
    depths: tuple[float, ...]
    trials: int
    alternatives: int
    exact: tuple[tuple[float, ...], ...]
    chosen: tuple[tuple[float, ...], ...]

    def by_length(self, *, chosen: bool = False) -> tuple[float, ...]:
        """The mean over depths for each length."""
        grid = self.chosen if chosen else self.exact
        return tuple(sum(row) / len(row) for row in grid)


def needle(
    begin: Begin,
    haystack: Haystack,
    told: Callable[[int, int], None] | None = None,
    /,
    *,
    lengths: Sequence[int],
    depths: int = 5,
    trials: int = 8,
    alternatives: int = 4,
    seed: int = 0,
) -> NeedleGrid:
    """Hide needles in texts of several lengths at several depths, and ask for them.

    Args:
        begin: makes decoders, as `model.decoder` does; that of a `streaming` one will do.
        haystack: what is hidden where.
        told: is called with the cells that are done and all there are.
        lengths: tokens of the prompts.
        depths: how many depths, evenly from the beginning to the end; one is the middle.
        trials: prompts in each cell.
        alternatives: answers to choose from; all there are where needles are fewer.
        seed: of needles and filler.

    Raises:
        UsageError: fewer than two needles, no filler or answer, a length that is too short or that
            the model cannot read, or a count below one.
    """
    _check(haystack, lengths, depths, trials, alternatives)
    draw = random.Random(seed)
    places = [i / (depths - 1) for i in range(depths)] if depths > 1 else [0.5]
    among = min(alternatives, len(haystack.needles))
    exact, chosen = list[tuple[float, ...]](), list[tuple[float, ...]]()
    for row, length in enumerate(lengths):
        cells = list[tuple[float, float]]()
        for column, depth in enumerate(places):
            asked = [draw.sample(range(len(haystack.needles)), among) for _ in range(trials)]
            prompts = [
                haystack.prompt(
                    haystack.needles[own[0]][0], length=length, depth=depth,
                    turn=draw.randrange(len(haystack.filler)),
                )
                for own in asked
            ]  # fmt: skip
            answers = [[haystack.needles[one][1] for one in own] for own in asked]
            cells.append(_cell(begin, prompts, answers))
            if told is not None:
                told(row * depths + column + 1, len(lengths) * depths)
        exact.append(tuple(cell[0] for cell in cells))
        chosen.append(tuple(cell[1] for cell in cells))
    return NeedleGrid(tuple(lengths), tuple(places), trials, among, tuple(exact), tuple(chosen))


@torch.inference_mode()
def _cell(
    begin: Begin, prompts: list[list[int]], answers: list[list[Sequence[int]]]
) -> tuple[float, float]:
    """Shares of exact and of chosen answers; the first answer of each row is right."""
    text, longest = torch.tensor(prompts), max(len(one) for row in answers for one in row)
    decoder, scores, first = None, list[Tensor](), torch.empty(0)
    exact = torch.zeros(len(prompts))
    for number, given in enumerate(zip(*answers, strict=True)):
        padded = torch.tensor([[*one, *[0] * (longest - len(one))] for one in given])
        there = torch.arange(longest) < torch.tensor([len(one) for one in given])[:, None]
        if decoder is None:
            decoder = begin(len(prompts), text.shape[1] + longest)
            first = decoder.read(text, last=True)
        odds = torch.cat([first, decoder.read(padded[:, :-1])], 1) if longest > 1 else first
        odds = odds.float().log_softmax(2)
        scores.append((odds.gather(2, padded[..., None])[..., 0] * there).sum(1))
        if number == 0:
            exact = ((odds.argmax(2) == padded) | ~there).all(1).float()
        decoder = _back(decoder, text.shape[1])
    right, others = scores[0], torch.stack(scores[1:])
    return exact.mean().item(), (right > others.amax(0)).float().mean().item()


def _back(decoder: Decoder, length: int) -> Decoder | None:
    """The decoder after the prompt; None where it has let go of tokens and has to read again."""
    try:
        decoder.rewind(length)
    except UsageError:
        return None
    return decoder


def _check(
    haystack: Haystack, lengths: Sequence[int], depths: int, trials: int, alternatives: int
) -> None:
    counts = {"depths": depths, "trials": trials, "alternatives": alternatives - 1}
    for name, count in counts.items():
        if count < 1:
            least = 2 if name == "alternatives" else 1
            raise UsageError(f"needle: {name} is too small; expected at least {least}")
    if not lengths:
        raise UsageError("needle: lengths is empty; expected tokens, such as [512, 1024]")
    if len(haystack.needles) < 2 or not haystack.filler:
        raise UsageError("a haystack needs a filler and at least two needles to tell apart")
    if not all(len(answer) for _, answer in haystack.needles):
        raise UsageError("a needle has no answer; expected at least one token")
