"""SpecAugment: bands of frequencies and stretches of time of a spectrogram blanked out.

The model learns to understand what it heard from what is left. It is erasing for sounds, and is
done on the features, so it costs nothing.

    x'[f, t] = 0 for f0 <= f < f0 + a and for t0 <= t < t0 + b, several times;
    a uniform in 0 .. freq_mask_param, b in 0 .. min(time_mask_param, p t)

Shapes: spectrograms `b m t`, floats, kept (m: bands of frequency).

Departures: no time warping, which the authors find to matter least. Blank is 0, the mean of
normalised spectrograms.

References:
    Daniel S. Park et al. SpecAugment: a simple data augmentation method for automatic speech
    recognition. Interspeech 2019. https://arxiv.org/abs/1904.08779

>>> x = torch.ones(2, 80, 300)
>>> spec_augment(x, CounterRandom(torch.arange(2))).unique().tolist()
[0.0, 1.0]
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.data.dataset.counter_random import CounterRandom

CARD = Card(
    name="spec-augment",
    kind="augmentation",
    entry="spec_augment",
    nodes=("regularize/augmentation-audio",),
    title="SpecAugment",
    zh="频谱增强 SpecAugment",
    paper="SpecAugment: a simple data augmentation method for automatic speech recognition",
    year=2019,
    url="https://arxiv.org/abs/1904.08779",
    proofs=(
        "law: what is blank is whole bands and stretches, no more of them and no wider than asked, "
        "each width as often as the others",
        "paper: the four policies of table 1",
    ),
    evidence={"regularize/augmentation-audio": ("test_policies_of_table_1",)},
    renamed={
        "frequency_width": "freq_mask_param",
        "time_width": "time_mask_param",
        "time_share": "p",
    },
)

PRESETS = {
    "spec-augment-lb": {"frequency_masks": 1, "time_masks": 1},
    "spec-augment-ld": {},
    "spec-augment-sm": {"freq_mask_param": 15, "time_mask_param": 70, "p": 0.2},
    "spec-augment-ss": {"freq_mask_param": 27, "time_mask_param": 70, "p": 0.2},
}


def spec_augment(
    x: Float[Tensor, "b m t"],
    rng: CounterRandom,
    /,
    *,
    frequency_masks: int = 2,
    freq_mask_param: int = 27,
    time_masks: int = 2,
    time_mask_param: int = 100,
    p: float = 1.0,
) -> Float[Tensor, "b m t"]:
    """Each spectrogram with some bands and stretches blank.

    Args:
        x: a batch of sounds.
        rng: random numbers of each example.
        frequency_masks: bands of frequency that are blanked out.
        freq_mask_param: most frequencies that one band covers.
        time_masks: stretches of time that are blanked out.
        time_mask_param: most frames that one stretch covers.
        p: largest share of all frames that one stretch covers.

    Raises:
        UsageError: these are no spectrograms: there is one band.
    """
    bands, frames = x.shape[1:]
    if bands == 1:
        raise UsageError(
            "spec-augment is for spectrograms, several bands of frequency by time, and these are "
            "sounds of one channel"
        )
    widest = min(time_mask_param, int(p * frames))
    rows = masks(rng.within(0), bands, frequency_masks, freq_mask_param)
    columns = masks(rng.within(1), frames, time_masks, widest)
    blank = rows[:, :, None] | columns[:, None, :]
    return x.masked_fill(blank.to(x.device), 0)


def masks(rng: CounterRandom, size: int, count: int, width: int, /) -> Bool[Tensor, "b n"]:
    """Which of `size` places are under one of `count` masks of at most `width` places."""
    mask = torch.zeros(len(rng), size, dtype=torch.bool)
    index = torch.arange(size)
    for number in range(count):
        u1, u2 = rng.within(number).uniform(2)[:, :, None].unbind(1)
        long = (u1 * (min(width, size) + 1)).long()
        start = (u2 * (size - long + 1)).long()
        mask |= (index >= start) & (index < start + long)
    return mask
