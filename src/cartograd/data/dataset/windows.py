"""Windows over a stream of words: each word with those around it, drawn anew in each epoch.

Frequent words say little, so in each epoch most of their occurrences are left out, before windows
are taken; and of each window a random part is used, so that nearer neighbours come more often. All
random numbers are functions of the seed and the epoch, made for the whole stream at once; windows
are gathered batch by batch and never stored.

References:
    Tomas Mikolov et al. Distributed representations of words and phrases and their
    compositionality, section 2.3. NIPS 2013. https://arxiv.org/abs/1310.4546
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature
from cartograd.core.protocols import Batch, Batches
from cartograd.data.dataset.augment import Chain
from cartograd.data.dataset.dataset import Split
from cartograd.data.dataset.plan import Plan, generator


class Windows:
    """The words of a stream with their neighbours: the twin of `Split` for word vectors.

    Args:
        stream: the words of all texts, one after another, with at least `window` of padding
            before, between and after them.
        signature: what the neighbours (input) and the word (output) are.
        window: greatest number of neighbours on each side.
        keep: the probability that an occurrence of each word is used in an epoch, by its number.
    """

    def __init__(
        self,
        stream: Int[Tensor, " n"],
        signature: Signature,
        /,
        *,
        window: int,
        keep: Float[Tensor, " v"],
    ):
        self.stream, self.signature = stream, signature
        self.window, self.keep = window, keep
        assert signature.input.padding_id is not None
        self.padding: int = signature.input.padding_id
        self.names: tuple[str, ...] = ()
        self.places = (stream != self.padding).nonzero()[:, 0]
        self.used = round(float(keep[stream[self.places].long()].sum()))

    @property
    def held(self) -> int:
        """Bytes of the stream and of the words' places in it."""
        tensors = (self.stream, self.places, self.keep)
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def __len__(self) -> int:
        return len(self.places)

    def __repr__(self) -> str:
        return f"Windows({len(self)} words, {self.window} neighbours on each side)"

    @property
    def targets(self) -> Int[Tensor, " n"]:
        """The words."""
        return self.stream[self.places].long()

    def name(self, index: int, /) -> str:
        """What to call one example in an error or a report."""
        return f"word {index + 1}"

    def select(self, indices: Int[Tensor, " b"] | Sequence[int], /) -> Split:
        """Some of the words with all of their neighbours."""
        index = torch.as_tensor(indices, dtype=torch.int64)
        neighbours = gathered(self.stream, self.places[index], self.window)
        names = [self.name(i) for i in index.tolist()]
        return Split(neighbours, self.stream[self.places[index]], self.signature, names)

    def batches(
        self,
        *,
        batch_size: int = 64,
        shuffle: bool = True,
        drop_last: bool = False,
        augment: Chain | None = None,
    ) -> Batches:
        """The words as batches `(neighbours, words)`; unshuffled, all of them with all neighbours.

        Raises:
            UsageError: `batch_size` is not positive, or an augmentation is asked for.
        """
        if augment is not None:
            raise UsageError("windows over words take no augmentation")
        if not shuffle:
            return self.select(range(len(self))).batches(batch_size=batch_size, shuffle=False)
        return WindowBatches(self, Plan(self.used, batch_size, True, drop_last))


@dataclass(frozen=True)
class WindowBatches:
    """Windows in a random order, another one in each epoch."""

    windows: Windows
    plan: Plan

    def __len__(self) -> int:
        return len(self.plan)

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from batch `start` on, without making the earlier ones."""
        stream, places = self._thinned(generator(seed, "frequent words", number))
        window, padding = self.windows.window, self.windows.padding
        draw = generator(seed, "windows", number)
        reach = torch.randint(1, window + 1, (len(places),), generator=draw)
        distance = offsets(window).abs()
        for index in self.plan.epoch(number, seed=seed, start=start):
            neighbours = gathered(stream, places[index], window).long()
            yield (
                neighbours.masked_fill(distance > reach[index, None], padding),
                stream[places[index]].long(),
            )

    def _thinned(self, draw: torch.Generator) -> tuple[Int[Tensor, " t"], Int[Tensor, " n"]]:
        """The stream without the words left out, and the places of its words.

        As many stay as are expected to, so that every epoch has one length: those with the smallest
        ratio of a uniform number to their probability.
        """
        whole = self.windows
        chance = whole.keep[whole.stream[whole.places].long()]
        ratio = torch.rand(len(chance), generator=draw, dtype=torch.float64) / chance
        stays = whole.stream == whole.padding
        stays[whole.places[ratio.argsort()[: whole.used]]] = True
        stream = whole.stream[stays]
        return stream, (stream != whole.padding).nonzero()[:, 0]


def offsets(window: int) -> Int[Tensor, " t"]:
    """Where neighbours are, seen from a word."""
    return torch.cat([torch.arange(-window, 0), torch.arange(1, window + 1)])


def gathered(
    stream: Int[Tensor, " n"], places: Int[Tensor, " b"], window: int, /
) -> Int[Tensor, "b t"]:
    """The neighbours of some places."""
    return stream[places[:, None] + offsets(window)]
