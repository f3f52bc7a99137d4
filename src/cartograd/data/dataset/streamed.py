"""Examples that stay on disk and are read batch by batch, in an order that can be repeated."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int, Shaped
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from cartograd.core.errors import UsageError
from cartograd.core.hashing import digest_of
from cartograd.core.ports import Signature
from cartograd.core.protocols import Batch, Batches
from cartograd.data.dataset.augment import Augment, Chain, of_signature
from cartograd.data.dataset.dataset import Split
from cartograd.data.dataset.plan import Plan, generator
from cartograd.data.decode.stored import as_port, as_target

Load = Callable[[str], Tensor]
"""From an example's name to its input as it is stored; must be picklable for worker processes."""


class Streamed(Dataset):
    """Examples that are too many for memory: the twin of `Split`.

    Args:
        load: reads one input by its name.
        paths: what `load` is called with, one for each example.
        targets: int64 classes of shape `n`, or float32 values of shape `n 1`.
        signature: what the inputs and targets are.
        names: what to call the examples; by default their paths.
        workers: processes that read ahead; 0 reads in this one.
    """

    def __init__(
        self,
        load: Load,
        paths: Sequence[str],
        targets: Shaped[Tensor, "n ..."],
        signature: Signature,
        *,
        names: Sequence[str] = (),
        workers: int = 0,
    ):
        self.load = load
        self.paths = list(paths)
        self.targets = targets
        self.signature = signature
        self.names = tuple(names) or tuple(self.paths)
        self.workers = workers

    @property
    def held(self) -> int:
        """None: they stay on disk."""
        return 0

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.load(self.paths[index]), self.targets[index]

    def __repr__(self) -> str:
        return f"Streamed({len(self)} examples of {self.signature.input.dims})"

    def digest(self) -> str:
        """A word that is another one for other targets or files of other sizes; none is read."""
        sizes = [str(os.stat(path).st_size) if os.path.exists(path) else "" for path in self.paths]
        return digest_of([self.targets], sizes)

    def name(self, index: int, /) -> str:
        """What to call one example in an error or a report."""
        return self.names[index]

    def select(self, indices: Int[Tensor, " b"] | Sequence[int], /) -> Split:
        """Some of the examples, read into memory."""
        index = torch.as_tensor(indices, dtype=torch.int64)
        stored = torch.stack([self.load(self.paths[i]) for i in index.tolist()])
        names = [self.names[i] for i in index.tolist()]
        return Split(stored, self.targets[index], self.signature, names)

    def batches(
        self,
        *,
        batch_size: int = 64,
        shuffle: bool = True,
        drop_last: bool = False,
        augment: Chain | None = None,
    ) -> Batches:
        """As `Split.batches`: the same examples in the same order, augmented alike."""
        changes = of_signature(augment, self.signature)
        return StreamedBatches(self, Plan(len(self), batch_size, shuffle, drop_last), changes)


@dataclass(frozen=True)
class StreamedBatches:
    """Batches read by a torch DataLoader that has its own order and its own generator."""

    split: Streamed
    plan: Plan
    augment: Augment | None = None

    def __len__(self) -> int:
        return len(self.plan)

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from batch `start` on, without reading the earlier ones.

        Raises:
            UsageError: an example cannot be read; it is named.
        """
        chosen = list(self.plan.epoch(number, seed=seed, start=start))
        loader = DataLoader(
            self.split,
            batch_sampler=[i.tolist() for i in chosen],
            num_workers=self.split.workers,
            generator=generator(seed, "workers", number),
        )
        kind = self.split.signature.input.kind
        try:
            for indices, (stored, targets) in zip(chosen, loader, strict=True):
                inputs, answers = as_port(stored, kind), as_target(targets)
                if self.augment is not None:
                    own = {"seed": seed, "epoch": number}
                    inputs, answers = self.augment.both(inputs, answers, indices, **own)
                yield inputs, answers
        except UsageError as error:  # one from a worker comes wrapped in its traceback
            raise UsageError(str(error).rpartition("UsageError: ")[2].strip()) from error
