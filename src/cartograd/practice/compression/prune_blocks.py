"""Whole blocks that change least what passes through them are taken out of a network.

A block with a shortcut adds something to a stream; where it adds little, the network does without
it. How much a block does is told by how far what leaves it has turned from what went in:

    score = 1 - mean cos(x, block(x))

over the examples (or drawn ones, where there are none). What is left is a shallower network, of
which each step is one less: unlike fewer channels, fewer blocks are faster on any machine.

Shapes: blocks of one list that give the shape they take.

Departures: none; a block is scored in the whole network, once.

References:
    Xin Men et al. ShortGPT: layers in large language models are more redundant than you expect.
    2024. https://arxiv.org/abs/2403.03853
    Angela Fan, Edouard Grave, Armand Joulin. Reducing transformer depth on demand with structured
    dropout. ICLR 2020. https://arxiv.org/abs/1909.11556

>>> from cartograd.core.build import build
>>> from cartograd.core.ports import Port, Signature
>>> picture = Port("image", "image", (1, 4, 4), "float32", (0.0, 1.0))
>>> signature = Signature((picture,), (Port("class", "label", (2,)),))
>>> model = build("vit:patch=2,dim=8,heads=2,depth=4", signature=signature)
>>> len(prune_blocks(model, amount=0.5).model.blocks)
2
"""

import copy
from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.example import drawn_for
from cartograd.core.narrowed import Narrowing, narrowing_of
from cartograd.core.protocols import Batches
from cartograd.core.signed import signature_of
from cartograd.practice.compression.cut import inner_of

CARD = Card(
    name="prune-blocks",
    kind="compressor",
    entry="prune_blocks",
    nodes=("compress/prune-blocks",),
    title="Block pruning",
    zh="层剪枝",
    aliases=("layer-dropping", "depth-pruning"),
    paper="ShortGPT: layers in large language models are more redundant than you expect",
    year=2024,
    url="https://arxiv.org/abs/2403.03853",
    proofs=(
        "law: a Transformer without blocks that add nothing is the same function, to 1e-12 in "
        "float64, and those are what goes",
        "law: a bundle builds it again, after channels were cut, too",
    ),
    tiny={"amount": 0.5},
    evidence={"compress/prune-blocks": ("acceptance:pruned-transformer",)},
)

BATCHES = 4
"""Batches that blocks are scored on."""


def prune_blocks(
    model: nn.Module, data: Batches | None = None, /, *, amount: float = 0.25
) -> nn.Module:
    """A copy of a model without the blocks that do least.

    Args:
        model: with its signature.
        data: examples to score blocks by; drawn ones if not given.
        amount: share of the blocks of each list that go, rounded down.

    Raises:
        UsageError: there is no list of blocks that could go without the rest, or the share is less
            than one.
    """
    lists = scored(model, list(_examples(model, data)))
    if not lists:
        raise UsageError(
            "the model has no list of like blocks that give the shape that they take, of which one "
            "could go"
        )
    made = copy.deepcopy(model)
    inner, prefix = inner_of(made)
    count = 0
    for path, scores in lists.items():
        gone = sorted(range(len(scores)), key=lambda n: scores[n])[: int(amount * len(scores))]
        left = [number for number in range(len(scores)) if number not in gone]
        count += len(gone)
        if gone:
            _leave(inner, path.removeprefix(prefix), left)
    if not count:
        sizes = ", ".join(f"{len(scores)} of {path}" for path, scores in lists.items())
        raise UsageError(f"amount={amount} is less than one block ({sizes}); take more")
    return made


def _examples(model: nn.Module, data: Batches | None) -> Iterator[tuple[Tensor, ...]]:
    signature = signature_of(model)
    if data is None:
        yield drawn_for(model, signature)
        return
    for batch in islice(data.epoch(0, seed=0), BATCHES):
        yield batch[: len(signature.inputs)]


def scored(model: nn.Module, examples: list[tuple[Tensor, ...]], /) -> dict[str, list[float]]:
    """How far each block of each list turns what passes through it; lists that can be shortened."""
    found = {
        path: list(part.children())
        for path, part in model.named_modules()
        if isinstance(part, nn.ModuleList | nn.Sequential) and len(part) > 1
    }
    found = {path: those for path, those in found.items() if len({*map(type, those)}) == 1}
    turned: dict[int, list[float]] = {}

    def note(block: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        x = inputs[0] if inputs else None
        if not (isinstance(x, Tensor) and isinstance(output, Tensor)):
            return
        if x.shape == output.shape and x.is_floating_point():
            alike = F.cosine_similarity(x.flatten(1), output.flatten(1), 1)
            turned.setdefault(id(block), []).append(1 - float(alike.mean()))

    blocks = [block for those in found.values() for block in those if list(block.parameters())]
    hooks = [block.register_forward_hook(note) for block in blocks]
    try:
        with evaluating(model), torch.no_grad():
            for inputs in examples:
                model(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return {
        path: [sum(turned[id(block)]) / len(examples) for block in those]
        for path, those in found.items()
        if all(len(turned.get(id(block), ())) == len(examples) for block in those)
    }


def _leave(inner: nn.Module, path: str, left: list[int]) -> None:
    """Keep some blocks of a list, and the note of all that was changed under their new numbers."""
    blocks = inner.get_submodule(path)
    whole = list(blocks.children())
    blocks._modules.clear()
    blocks._modules.update((str(new), whole[old]) for new, old in enumerate(left))
    before = narrowing_of(inner) or Narrowing()
    names = {f"{path}.{old}": f"{path}.{new}" for new, old in enumerate(left)}
    already = before.kept.get(path, tuple(range(len(whole))))
    inner.narrowing = Narrowing(  # pyright: ignore[reportArgumentType] a note, no part
        dict(_renamed(before.shapes.items(), path, names)),
        dict(_renamed(before.numbers.items(), path, names)),
        {**before.kept, path: tuple(already[number] for number in left)},
        tuple(name for name, _ in _renamed(((one, 0) for one in before.sparse), path, names)),
    )


def _renamed(items: Any, path: str, names: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """What is said of the blocks that are left, under their new names."""
    for name, value in items:
        if not name.startswith(f"{path}."):
            yield name, value
            continue
        number = name[len(path) + 1 :].partition(".")[0]
        if f"{path}.{number}" in names:
            yield names[f"{path}.{number}"] + name[len(path) + 1 + len(number) :], value
