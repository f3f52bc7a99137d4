"""Images for augmentations, and torchvision's answer for each of them."""

import torch

from cartograd.data.dataset.counter_random import CounterRandom


def images(n=6, channels=3, height=9, width=12, dtype=torch.float32, seed=7):
    generator = torch.Generator().manual_seed(seed)
    levels = torch.randint(0, 256, (n, channels, height, width), generator=generator)
    return levels.byte() if dtype == torch.uint8 else levels.to(dtype) / 255


def rng(n=6, epoch=0, seed=0):
    return CounterRandom(torch.arange(n), seed=seed, epoch=epoch)


def each(function, x, *parameters):
    """A function of one image on all of them, each with its own parameters."""
    rows = [[p[i].tolist() for p in parameters] for i in range(len(x))]
    return torch.stack([function(image, *row) for image, row in zip(x, rows, strict=True)])


def agree(ours, theirs, *, levels=0):
    """To 1e-10 in float64, 1e-5 in float32; bytes to some levels."""
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    if ours.dtype == torch.uint8:
        assert (ours.int() - theirs.int()).abs().max() <= levels
    else:
        within = 1e-10 if ours.dtype == torch.float64 else 1e-5
        torch.testing.assert_close(ours, theirs, rtol=0, atol=within)


DTYPES = (torch.float32, torch.float64, torch.uint8)
