"""What the losses of GoogLeNet's auxiliary heads do to the gradient of its first layers."""

from functools import cache

import torch

from cartograd.architectures.cnn.googlenet import GoogLeNet
from cartograd.engine.loop.fit import fit
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.heads import WEIGHTS, Watched
from cartograd.evidence.lab import accuracy, dataset, few, loss
from cartograd.evidence.rates import Best, best_rate

CLAIM = Claim(
    id="aux-heads",
    place="arch/googlenet",
    en="Auxiliary heads ease vanishing gradients",
    zh="辅助分类器缓解梯度消失",
    hypothesis="GoogLeNet of an eighth of its width, 22 layers, learns 640 digits for 8 epochs, "
    "with the losses of its two heads at the paper's weight 0.3 and without, in the paper's form "
    "and with batch normalisation; each at the rate of least validation loss by a seed that is not "
    "counted, on a grid that goes on where the best is at its edge. At the start and along the "
    "training with heads, the norm of the gradient in the first three convolutions with the heads' "
    "losses, over that of the same weights and examples without them: since no head reaches the "
    "last layers, it is also how much the first gain on the last. Above 1 without batch "
    "normalisation, by the geometric mean. Accuracies are told.",
    rule=("ratio with/without heads, plain > 1",),
    requires=("every best rates inside >= 1",),
    seeds=6,
    draw=("plain", "batch-norm"),
    axes=("step", "gradient of the first layers with the heads' losses / without"),
    scale="y",
)
FORMS = {"plain": False, "batch-norm": True}
COUNT, EPOCHS, PROBE, EVERY, TUNING = 640, 8, 64, 20, 9000
RATES = tuple(10 ** (k / 3) for k in range(-9, -6))


def measure(seed: int, /) -> Measured:
    """Ratios of gradients, and test accuracies with heads and without."""
    found, inside = dict[str, float | Curve](), True
    for form in FORMS:
        for arm in WEIGHTS:
            best = _best(form, arm)
            inside = inside and best.inside
            task = _trained(form, arm, best.rate, seed)
            found |= {
                f"rate {arm}, {form}": best.rate,
                f"accuracy {arm}, {form}": accuracy(task.model, dataset("digits").test),
            }
            if arm == "with":
                gains = torch.tensor(task.gains)
                found |= {
                    f"with/without heads, {form}": gains.log().mean().exp().item(),
                    f"at the start, {form}": task.gains[0],
                    f"first/last without heads at the start, {form}": task.early[0] / task.late[0],
                    form: Curve([float(EVERY * i) for i in range(len(gains))], task.gains),
                }
    return found | {"best rates inside": float(inside)}


@cache
def _best(form: str, arm: str) -> Best:
    valid = dataset("digits").valid
    return best_rate(lambda rate: loss(_trained(form, arm, rate, TUNING).model, valid), RATES)


def _trained(form: str, arm: str, rate: float, seed: int) -> Watched:
    torch.manual_seed(seed)
    split = few(dataset("digits").train, COUNT, seed=seed)
    model = GoogLeNet(
        width=8, channels=1, size=8, classes=10, batch_norm=FORMS[form], aux_logits=True, dropout=0
    )
    probe = split.inputs[:PROBE], split.targets[:PROBE]
    task = Watched(model, probe, aux_weight=WEIGHTS[arm], every=EVERY)
    how = {"optimizer": f"adamw:lr={rate}", "epochs": EPOCHS, "seed": seed, "device": "cpu"}
    fit(task, split.batches(), **how)
    return task
