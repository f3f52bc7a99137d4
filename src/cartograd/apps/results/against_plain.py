"""What a plain way without learning would reach: on degraded pictures, on series."""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.results.baseline import Beside, against_constant
from cartograd.apps.results.of_pixels import against_class, counts
from cartograd.core.build import build
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed
from cartograd.data.dataset.dataset import Examples


def baseline(
    model: Signed,
    examples: Examples,
    outputs: Tensor,
    targets: Tensor,
    intervals: dict[str, tuple[float, float]],
    /,
    *,
    weighted: bool = False,
) -> Beside | None:
    """What a model has to beat: a plain way, or a constant answer; None of other answers.

    Args:
        model: it was measured.
        examples: what was answered.
        outputs: the model's answers.
        targets: the right ones.
        intervals: the 95 % interval of each metric that was measured.
        weighted: whether the classes were weighted in training.
    """
    signature = model.signature
    if signature.task.of_pixels:
        return against_class(signature, counts(signature, intervals, outputs, targets))
    if signature.input.made_by:
        return against_plain(signature, examples, outputs, targets)
    if signature.task.name == "forecast":
        return against_season(outputs, targets)
    spelled = str
    if model.tokenizer is not None and signature.task.each:
        spelled = model.tokenizer.token
    return against_constant(
        signature, outputs, targets, intervals, weighted=weighted, spelled=spelled
    )


def against_plain(
    signature: Signature,
    examples: Examples,
    outputs: Float[Tensor, "n c y x"],
    targets: Float[Tensor, "n c y x"],
    /,
) -> Beside:
    """How restored pictures compare with those of a plain way, by PSNR.

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
    value = float(measure(plain, targets.cpu()))
    return Beside(way.plain, "psnr", low, high, f"{way.plain} ({value:.2f} dB)", {"psnr": value})


def against_season(outputs: Float[Tensor, "n t 3"], targets: Float[Tensor, "n t 3"], /) -> Beside:
    """How forecasts compare with the values of a season before, by MASE (how much of it is gained).

    Args:
        outputs: what the model answered.
        targets: with the values of a season before.
    """
    from cartograd.practice.metrics.paired import difference

    before = targets[:, :, 1:2].expand(-1, -1, 3)
    measure = build("mase", kind="metric")
    low, high = difference(measure, outputs.cpu(), before.cpu(), targets.cpu())
    plain, own = measure(before, targets), measure(outputs, targets)
    gained, ends = (own - plain, (-high, -low)) if high < 0 else (plain - own, (low, high))
    differ, limits = low > 0 or high < 0, f"{ends[0]:.3g} to {ends[1]:.3g}"
    by = f") by {gained:.3g} ({limits})" if differ else f", difference {gained:.3g}, {limits})"
    text = f"seasonal naive (MASE {plain:.3g}{by}"
    over = f" over {len(outputs)} windows"
    return Beside("seasonal naive", "mase", low, high, text + over, {"mase": plain})
