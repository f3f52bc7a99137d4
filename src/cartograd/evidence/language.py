"""What experiments on texts do: train a model of language for some steps, and ask for its loss."""

import torch
from torch import nn

from cartograd.data.dataset.dataset import Split
from cartograd.engine.loop.evaluate import collect
from cartograd.engine.loop.fit import Run, fit
from cartograd.training.losses.cross_entropy import cross_entropy
from cartograd.training.objectives.label_tokens import LabelTokens

BATCH = 16


def learn(model: nn.Module, split: Split, /, *, window: int, steps: int, seed: int) -> Run:
    """Train on windows of a split, each shortened to `window` tokens, by AdamW over one cycle.

    The windows and their order are functions of the seed only.
    """
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    chosen = order.repeat(-(-steps * BATCH // len(split)))[: steps * BATCH]
    tokens, targets = (part[chosen, :window].long() for part in (split.inputs, split.targets))
    return fit(
        LabelTokens(model=model),
        list(zip(tokens.split(BATCH), targets.split(BATCH), strict=True)),
        optimizer="adamw:lr=3e-3",
        decay="all",
        schedule="onecycle:max_lr=3e-3",
        epochs=1,
        seed=seed,
        device="cpu",
        precision="float32",
    )


def loss(model: nn.Module, split: Split, /) -> float:
    """Mean cross-entropy of a token, in evaluation mode."""
    outputs, targets = collect(model, split.batches(batch_size=64, shuffle=False), device="cpu")
    return cross_entropy(outputs, targets.long()).mean().item()
