"""Small GPTs look four bytes back, eight times as far as they were trained to read."""

import torch
import torch.nn.functional as F

from cartograd.architectures.transformer.gpt import GPT
from cartograd.data.dataset.dataset import Split
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset, few
from cartograd.evidence.language import learn

CLAIM = Claim(
    id="positions-extrapolate",
    place="transformer/positional-encoding",
    en="Sinusoidal positions extrapolate to longer inputs",
    zh="正弦编码可外推",
    hypothesis="GPTs of two blocks read Shakespeare byte by byte and say at each place the byte "
    "of four places before, for which a network has to know places. They learn it from windows of "
    "64, 1000 steps, with sinusoidal, learned, rotary and ALiBi positions, and read windows of 512 "
    "unseen bytes. Learned places beyond 64 were never trained: the loss of the last 64 places "
    "has to be 0.5 nats above that of the first 64 with them, and sinusoids have to have learned "
    "the task where they were trained, or else nothing is told. If sinusoids extrapolate, their "
    "loss rises by less than 0.1 nats.",
    rule=("mean rise, sinusoidal < 0.1",),
    requires=("mean rise, learned > 0.5", "mean trained, sinusoidal < 1"),
    seeds=3,
    first=300,
    data="shakespeare",
    remark="ALiBi, made for longer inputs, and rotary positions are shown beside them.",
    draw=("sinusoidal", "learned", "rotary", "alibi"),
    axes=("place", "loss in nats"),
)
KINDS = ("sinusoidal", "learned", "rotary", "alibi")
TRAINED, READ, STEPS, BACK = 64, 512, 1000, 4


def measure(seed: int, /) -> Measured:
    """How much the loss rises from the first places to the last, and the loss by place."""
    data = dataset(f"shakespeare:window={READ}")
    train, test = _back(data.train), _back(few(data.test, 12, seed=0))
    found: dict[str, float | Curve] = {}
    for kind in KINDS:
        torch.manual_seed(seed)
        model = GPT(
            vocabulary=256, context=READ, dim=48, heads=4, depth=2, positions=kind, dropout=0.0
        )
        learn(model, train, window=TRAINED, steps=STEPS, seed=seed)
        with torch.inference_mode():
            losses = torch.cat(
                [
                    F.cross_entropy(model(x).mT, y, reduction="none")
                    for x, y in zip(test.inputs.split(8), test.targets.long().split(8), strict=True)
                ]
            )
        parts = losses.unflatten(1, (-1, TRAINED)).mean((0, 2)).tolist()
        found |= {f"rise, {kind}": parts[-1] - parts[0], f"trained, {kind}": parts[0]}
        found[kind] = Curve([TRAINED * (i + 0.5) for i in range(len(parts))], parts)
    return found


def _back(split: Split) -> Split:
    """The same windows; a place is to say the byte of four before it, or the first of all."""
    places = (torch.arange(READ) - BACK).clamp(min=0)
    return Split(split.inputs, split.inputs[:, places], split.signature, [])
