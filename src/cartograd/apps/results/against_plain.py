"""What a plain way without learning would reach on degraded pictures."""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.build import build
from cartograd.core.ports import Signature
from cartograd.data.dataset.dataset import Examples


def against_plain(
    signature: Signature,
    examples: Examples,
    outputs: Float[Tensor, "n c y x"],
    targets: Float[Tensor, "n c y x"],
    /,
) -> str:
    """A sentence that holds restored pictures against those of a plain way, by PSNR.

    Enlarging by cubic interpolation, for example. Where the way is the mean picture, it is that of
    these pictures, which is an advantage for it.

    Args:
        signature: whose input says how the pictures were degraded.
        examples: batches of (degraded, whole).
        outputs: what the model answered.
        targets: whole pictures.
    """
    from cartograd.practice.metrics.paired import difference

    way, mean = build(signature.input.made_by, kind="degradation"), targets.mean(0)
    batches = examples.batches(batch_size=256, shuffle=False).epoch(0, seed=0)
    plain = torch.cat([way.guess(batch[0].cpu(), mean.cpu()) for batch in batches])
    measure = build("psnr", kind="metric")
    low, high = difference(measure, plain, outputs.cpu(), targets.cpu())
    word = "better" if low > 0 else "worse" if high < 0 else "no better"
    return f"{word} than {way.plain} ({measure(plain, targets.cpu()):.2f} dB)"
