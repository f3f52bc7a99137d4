"""How unlikely a stronger judge finds what a small language model writes, place by place."""

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.architectures.transformer.gpt import GPT
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset, few
from cartograd.evidence.language import learn

CLAIM = Claim(
    id="ar-errors-accumulate",
    place="ar/error-accumulation",
    en="Errors accumulate in free-running generation",
    zh="生成错误会累积",
    hypothesis="A GPT of one block and 32 units learns Shakespeare byte by byte for 300 steps, a "
    "judge of three blocks and 96 units by another order for 400. Behind 96 prompts of 64 unseen "
    "bytes the small one draws 128 places: running free, each behind its own, and forced, each "
    "behind the true text. The judge's negative log-likelihood of what was drawn, by place, each "
    "behind what it was drawn behind: if errors accumulate, free less forced rises with the place, "
    "its slope by least squares above 0. The judge has to be a judge: at least 0.1 nats better "
    "than the small one on the true text.",
    rule=("mean slope > 0",),
    requires=("every judge ahead > 0.1",),
    seeds=6,
    data="shakespeare",
    draw=("free", "forced"),
    axes=("place behind the prompt", "judge's negative log-likelihood in nats"),
)
PROMPT, WRITTEN, PROMPTS, BLOCK = 64, 128, 96, 16
JUDGE, TUNING = {"dim": 96, "depth": 3, "steps": 400}, 9000
WRITER = {"dim": 32, "depth": 1, "steps": 300}


def measure(seed: int, /) -> Measured:
    """The slope by 100 places, the means, and how far the judge is ahead."""
    writer, judge = _learned(seed, **WRITER), _judge()
    torch.manual_seed(seed)
    split = few(dataset(f"shakespeare:window={PROMPT + WRITTEN}").test, PROMPTS, seed=seed)
    true, targets = split.inputs.long(), split.targets.long()
    with torch.inference_mode():
        logits = writer(true)
        drawn = _drawn(logits)[:, PROMPT - 1 : -1]
        forced = F.cross_entropy(judge(true)[:, PROMPT - 1 : -1].mT, drawn, reduction="none")
        text = _written(writer, true[:, :PROMPT])
        marks = F.cross_entropy(judge(text)[:, :-1].mT, text[:, 1:], reduction="none")
        free = marks[:, PROMPT - 1 :]
        ahead = F.cross_entropy(logits.mT, targets) - F.cross_entropy(judge(true).mT, targets)
    gap = (free - forced).mean(0).numpy()
    x = [float(place) for place in range(BLOCK // 2, WRITTEN, BLOCK)]
    blocks = {"free": free, "forced": forced}
    return {
        "slope": 100 * float(np.polyfit(np.arange(WRITTEN), gap, 1)[0]),
        "free - forced, first half": float(gap[: WRITTEN // 2].mean()),
        "free - forced, second half": float(gap[WRITTEN // 2 :].mean()),
        "judge ahead": ahead.item(),
    } | {
        name: Curve(x, each.unflatten(1, (-1, BLOCK)).mean((0, 2)).tolist())
        for name, each in blocks.items()
    }


def _drawn(logits: Tensor) -> Tensor:
    """A token for each place, by its probability."""
    return torch.distributions.Categorical(logits=logits).sample()


def _written(writer: nn.Module, text: Tensor) -> Tensor:
    """Prompts and what is written behind them."""
    for _ in range(WRITTEN):
        text = torch.cat([text, _drawn(writer(text)[:, -1:])], 1)
    return text


@cache
def _judge() -> nn.Module:
    return _learned(TUNING, **JUDGE)


def _learned(seed: int, *, dim: int, depth: int, steps: int) -> nn.Module:
    torch.manual_seed(seed)
    window = PROMPT + WRITTEN
    model = GPT(vocabulary=256, context=window, dim=dim, heads=4, depth=depth, dropout=0.0)
    split = dataset(f"shakespeare:window={window}").train
    learn(model, split, window=window, steps=steps, seed=seed)
    return model.eval()
