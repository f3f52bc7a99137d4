"""Look at an augmentation: examples of a data set before, and as several epochs would show them."""

from pathlib import Path

from cartograd.apps.load.source import dataset
from cartograd.apps.results.augmented import Augmented
from cartograd.core.spec import Spec
from cartograd.data.dataset.augment import Augment, Chain
from cartograd.data.dataset.dataset import Dataset, Split


def augmented(
    chain: Chain,
    data: str | Path | Spec | Dataset,
    /,
    *,
    examples: int = 8,
    epochs: int = 7,
    seed: int = 0,
) -> Augmented:
    """The first training examples of a data set, and what an augmentation makes of them.

    Args:
        chain: `"flip,crop:padding=2"`, or a list of specs.
        data: a spec or a data set.
        examples: how many.
        epochs: how many times each is augmented.
        seed: of the run that would train on them.

    Returns:
        The examples, the same in each epoch of a run with this seed, and the port of the inputs.

    Raises:
        UsageError: an unknown method, or one that does not fit these data.
    """
    found = dataset(data)
    port = found.signature.input
    change = Augment(chain, port)
    index = range(min(examples, len(found.train)))
    before = found.train.select(index)
    batches = before.batches(batch_size=len(index), shuffle=False, augment=change.specs)
    after = tuple(
        Split(next(iter(batches.epoch(epoch, seed=seed)))[0], before.targets, before.signature)
        for epoch in range(epochs)
    )
    return Augmented(before, after, port)
