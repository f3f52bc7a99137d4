"""A small GPT reads eight times as far as it was trained to, with positions of four kinds."""

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
    hypothesis="GPTs of two blocks learn Shakespeare byte by byte from windows of 128, 80 steps, "
    "with sinusoidal, learned, rotary and ALiBi positions, and read windows of 1024 unseen bytes. "
    "If sinusoids extrapolate, the loss of their last 128 places is less than 0.1 nats above that "
    "of their first 128, where there is less to look back at.",
    rule=("mean rise, sinusoidal < 0.1",),
    seeds=3,
    data="shakespeare",
    remark="80 steps teach a network this small little use of places, so none of the four can lose "
    "much by new ones; learned places beyond 128 were never trained and stay where they began. "
    "ALiBi, made for this, rises least. A longer training is needed to see the others break.",
    draw=("sinusoidal", "learned", "rotary", "alibi"),
    axes=("place", "loss in nats"),
)
KINDS = ("sinusoidal", "learned", "rotary", "alibi")
TRAINED, READ = 128, 1024


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
        learn(model, data.train, window=TRAINED, steps=80, seed=seed)
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
