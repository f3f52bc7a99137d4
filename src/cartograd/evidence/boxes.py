"""Models that explain themselves and models that do not, tuned alike on small data."""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from cartograd.core.build import build
from cartograd.core.registry import find
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Split
from cartograd.data.dataset.tensors import tensors
from cartograd.engine.loop.fit import fit
from cartograd.evidence.lab import accuracy, dataset

DENSE = tuple(f"adamw:lr={rate}" for rate in ("1e-3", "3e-3", "1e-2"))
GROWN = ("sgd",)
STEPS = 600
"""Of every network, by batches of 64."""


class Kind(NamedTuple):
    """Settings of a kind of model among which the validation part chooses."""

    specs: tuple[str, ...]
    optimizers: tuple[str, ...] = ("adamw:lr=3e-3",)
    only: tuple[str, ...] = ()


GLASS = {
    "tree": Kind(tuple(f"decision-tree:depth={depth}" for depth in (3, 5, 8)), GROWN),
    "linear": Kind(("mlp:widths=[]",), DENSE),
    "prototypes": Kind(
        tuple(f"prototype-network:prototypes={count},width=16" for count in (2, 4, 8)),
        only=("digits",),
    ),
    "concepts": Kind(
        tuple(f"concept-bottleneck-fashion:widths=[{width}]" for width in (32, 64, 128)),
        only=("clothes",),
    ),
}
BLACK = {
    "network": Kind(tuple(f"mlp:widths=[{width},{width}]" for width in (32, 64, 128))),
    "boosting": Kind(
        tuple(f"boosted-trees:trees=40,depth={depth},min_leaf=5" for depth in (2, 4, 6)), GROWN
    ),
}


class Parts(NamedTuple):
    """Examples to learn from, to choose by, and to count on."""

    train: Split
    valid: Split
    test: Split


@cache
def pool(name: str, /) -> Split:
    """All examples of a small set, or some thousand of a large one."""
    if name == "wines":
        from sklearn.datasets import load_wine

        x, y = load_wine(return_X_y=True)
        found = tensors(torch.from_numpy(x).float(), torch.from_numpy(y))
    else:
        source = {"tumours": "breast-cancer", "clothes": "fashion-mnist"}.get(name, name)
        found = dataset(source)
    parts = [one for one in (found.train, found.valid, found.test) if isinstance(one, Split)]
    if len(parts[0]) > 5000:
        parts = [parts[0].select(torch.arange(5000))]
    inputs = torch.cat([one.inputs for one in parts])
    targets = torch.cat([one.targets for one in parts])
    return Split(inputs, targets, found.signature)


def parts(name: str, seed: int, /) -> Parts:
    """Two fifths to learn from, a fifth to choose by and two fifths to count on, by the seed."""
    whole = pool(name)
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(seed))
    first, second = 2 * len(whole) // 5, 3 * len(whole) // 5
    cuts: list[Tensor] = [order[:first], order[first:second], order[second:]]
    return Parts(*(whole.select(rows) for rows in cuts))


def learned(spec: str, optimizer: str, given: Parts, /, *, seed: int) -> Signed:
    """A model after its training, by the objective that is its own."""
    torch.manual_seed(seed)
    model = build(spec, signature=given.train.signature)
    card, _ = find(Spec.parse(spec).name, kind="model")
    objective, grows = card.objective or "classify", card.objective == "grow"
    size = len(given.train) if grows else 64
    epochs = 1 if grows else max(1, round(STEPS * size / len(given.train)))
    fit(
        build(objective, model=model), given.train.batches(batch_size=size), optimizer=optimizer,
        epochs=epochs, seed=seed, device="cpu", schedule=None if grows else "cosine",
    )  # fmt: skip
    return model


def best(kinds: dict[str, Kind], name: str, given: Parts, /, *, seed: int) -> dict[str, float]:
    """The test accuracy of each kind, and as `best` that of the kind with most on validation."""
    found, top = dict[str, float](), (-1.0, 0.0)
    for kind, own in kinds.items():
        if own.only and name not in own.only:
            continue
        models = [learned(spec, one, given, seed=seed)
                  for spec in own.specs for one in own.optimizers]  # fmt: skip
        scores = [accuracy(one, given.valid) for one in models]
        score = max(scores)
        found[kind] = accuracy(models[scores.index(score)], given.test)
        if score > top[0]:
            top = score, found[kind]
    return found | {"best": top[1]}
