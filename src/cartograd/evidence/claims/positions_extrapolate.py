"""A small GPT reads eight times as far as it was trained to, with positions of three kinds."""

import torch
import torch.nn.functional as F

from cartograd.architectures.transformer.gpt import GPT
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset, few
from cartograd.evidence.language import learn

CLAIM = Claim(
    id="positions-extrapolate",
    place="transformer/positional-encoding",
    en="Sinusoidal positions extrapolate to longer inputs",
    zh="正弦编码可外推",
    hypothesis="GPTs of two blocks learn Shakespeare byte by byte from windows of 64, 400 steps, "
    "with sinusoidal, learned and ALiBi positions, and read windows of 512 unseen bytes. Learned "
    "places beyond 64 were never trained: the loss of the last 64 places has to be 0.5 nats "
    "above that of the first 64 with them, or else the network does not use places enough to "
    "tell anything. If sinusoids extrapolate, theirs rises by less than 0.1 nats.",
    rule=("mean rise, sinusoidal < 0.1",),
    requires=("mean rise, learned > 0.5",),
    seeds=3,
    first=100,
    data="shakespeare",
    remark="400 steps on windows of 64 were not enough for learned places to be missed much. "
    "ALiBi, made for this, shows what a network as small can do with distances alone.",
    draw=("sinusoidal", "learned", "alibi"),
    axes=("place", "loss in nats"),
)
KINDS = ("sinusoidal", "learned", "alibi")
TRAINED, READ, STEPS = 64, 512, 400


def measure(seed: int, /) -> Measured:
    """How much the loss rises from the first places to the last, and the loss by place."""
    data = dataset(f"shakespeare:window={READ}")
    test = few(data.test, 12, seed=0)
    found: dict[str, float | Curve] = {}
    for kind in KINDS:
        torch.manual_seed(seed)
        model = GPT(
            vocabulary=256, context=READ, dim=48, heads=4, depth=2, positions=kind, dropout=0.0
        )
        learn(model, data.train, window=TRAINED, steps=STEPS, seed=seed)
        with torch.inference_mode():
            losses = torch.cat(
                [
                    F.cross_entropy(model(x).mT, y, reduction="none")
                    for x, y in zip(test.inputs.split(8), test.targets.long().split(8), strict=True)
                ]
            )
        parts = losses.unflatten(1, (-1, TRAINED)).mean((0, 2)).tolist()
        found[f"rise, {kind}"] = parts[-1] - parts[0]
        found[kind] = Curve([TRAINED * (i + 0.5) for i in range(len(parts))], parts)
    return found
