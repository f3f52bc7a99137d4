"""Every architecture of the library, pruned at 25 and 50 %: or the reason why not.

Those whose graph takes seconds to write down are made of what others are made of; they are pruned
here where `CARTOGRAD_EVERY_MODEL` is 1.
"""

import os

import pytest
import torch

from cartograd.core import registry
from cartograd.core.build import build
from cartograd.core.example import drawn_for
from cartograd.practice.compression.cut import cut, masked
from cartograd.practice.compression.dependencies import dependencies, exported
from cartograd.practice.compression.importance import least, scored
from tests.conformance.support import signature_of

WHOLE = {
    "boosted-trees": "it has no layers",
    "decision-tree": "it has no layers",
    "exponential-smoothing": "it has no layers",
    "matrix-factorisation": "its bias is a column of the matrix that has its factors",
    "naive": "it has no layers",
    "neuron": "its only layer gives the answer",
    "perceptron": "its only layer gives the answer",
    "random-forest": "it has no layers",
    "seasonal-naive": "it has no layers",
    "iaf": "each weight is multiplied by a mask of fixed size",
    "maf": "each weight is multiplied by a mask of fixed size",
    "pixelcnn": "each weight is multiplied by a mask of fixed size",
    "two-towers": "its bias is a column of the matrix that has its vectors",
    "stylegan2": "weights are scaled by a norm over all channels of the style",
    "word2vec": "its vectors are the answer",
}
"""Architectures of which nothing can be cut, with what keeps it."""


LONG = {
    "conv-real-nvp": "glow", "flow-plus-plus": "glow", "inception-v3": "googlenet",
    "jukebox": "vq-vae", "latent-diffusion": "ddpm", "neural-spline-flow": "real-nvp",
    "pixelcnn-plus-plus": "ddpm", "speaker-encoder": "lstm", "spectrogram-diffusion": "ddpm",
    "vqgan": "vq-vae",
}  # fmt: skip
"""Whose graphs take seconds to write down, and what else has their layers."""
EVERY = os.environ.get("CARTOGRAD_EVERY_MODEL") == "1"
ONCE = {"ddpm", "googlenet", "efficientnet", "glow"}
"""Whose graph is written down once: the half is cut alone, and not exported again."""


def answers(value):
    if isinstance(value, torch.Tensor):
        return [value]
    values = value.values() if isinstance(value, dict) else value
    return [one for each in values or () for one in answers(each)]


MODELS = sorted(
    card.name
    for card in registry.cards().values()
    if card.kind == "model" and (EVERY or card.name not in LONG)
)


@pytest.mark.compile
@pytest.mark.law("prune-channels")
@pytest.mark.parametrize("name", MODELS)
def test_is_pruned_and_runs(name):
    card = next(c for c in registry.cards().values() if c.name == name and c.kind == "model")
    torch.manual_seed(0)
    signature = signature_of(card)
    model = build(name, kind="model", signature=signature, **card.tiny).eval()
    inputs = tuple(x.double() if x.is_floating_point() else x
                   for x in drawn_for(model, signature))  # fmt: skip
    model = model.double()
    found = dependencies(model, inputs)
    several = any(len(width.groups) > 1 for width in found.widths)
    assert several == (name not in WHOLE), found.fixed
    for amount in (0.5,) if name in ONCE and not EVERY else (0.25, 0.5):
        gone = least(found, scored(model, found, "l2"), amount, "local")
        if not gone:
            continue
        done = cut(model, found, gone, inputs)
        small, count = done.model, sum(p.numel() for p in model.parameters())
        assert sum(p.numel() for p in small.parameters()) < count
        left = {group for width, _ in done.left_whole for group in width.groups}
        torch.manual_seed(0)
        made = small(*inputs)
        torch.manual_seed(0)
        expected = masked(model, found, gone - left)(*inputs)
        for one, other in zip(answers(made), answers(expected), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12, equal_nan=True)
        real = [one for one in answers(made) if one.requires_grad]
        sum(one.nan_to_num().sum() for one in real).backward()
        assert any(p.grad is not None for p in small.parameters())
    if several and (EVERY or name not in ONCE):
        exported(small, inputs)
