"""What a picture costs to draw, number by number and at once, beside what one costs to look at."""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from cartograd.core.build import build
from cartograd.core.generative import Draws
from cartograd.evidence.claim import Claim, Measured

CLAIM = Claim(
    id="ar-slow",
    place="ar/chain-rule",
    en="Autoregressive sampling is slow; flows and GANs are not",
    zh="自回归生成慢",
    hypothesis="PixelCNN, Glow, a RealNVP of pictures and a GAN, each as it comes, draw 64 "
    "pictures of 8x8 pixels of the digits' 17 levels; untrained, since that costs as much. The "
    "processor time of a picture with PixelCNN is more than ten times that with each of the "
    "others. Models differ in size, so that it is also taken in passes: the time of drawing over "
    "that of the model's own forward pass over as many pictures (a GAN's is its drawing). It is "
    "above ten with PixelCNN and below three with both flows.",
    rule=(
        "ratio PixelCNN / Glow > 10",
        "ratio PixelCNN / RealNVP > 10",
        "ratio PixelCNN / GAN > 10",
        "ratio passes PixelCNN > 10",
        "ratio passes Glow < 3",
        "ratio passes RealNVP < 3",
    ),
    decide="each",
    remark="Not of all flows: MAF, which is autoregressive, takes 44 of its own passes to draw a "
    "picture, as PixelCNN takes 38. Its passes are small.",
    draw=("passes PixelCNN", "passes MAF", "passes Glow", "passes RealNVP"),
    axes=("time of drawing over that of a forward pass", ""),
    scale="x",
)
MODELS = {
    "PixelCNN": "pixelcnn:channels=1,size=8,levels=17",
    "Glow": "glow:channels=1,size=8,levels=17",
    "RealNVP": "conv-real-nvp:channels=1,size=8,levels=17",
    "MAF": "maf:features=64,levels=17",
}
GENERATOR, DRAWN, LEAST = "gan:channels=1,size=8,latent=64", 64, 3
"""The shortest of so many times counts."""


def measure(seed: int, /) -> Measured:
    """Processor time of a picture by each, and in passes of the model over it."""
    gan = build(GENERATOR, kind="model").eval()
    noise = torch.randn(DRAWN, 64)
    each, passes = {"GAN": _shortest(lambda: gan(noise))}, {}
    for name, spec in MODELS.items():
        model: nn.Module = build(spec, kind="model")
        x = torch.randint(17, (DRAWN, 1, 8, 8)) / 16
        x = x.flatten(1) if name == "MAF" else x
        model(x)  # Glow's first batch sets its scales
        model.eval()
        assert isinstance(model, Draws)
        each[name] = _shortest(lambda model=model: _drawn(model, seed))
        passes[name] = each[name] / _shortest(lambda model=model, x=x: model(x))
    slow = each["PixelCNN"]
    return {
        **{f"PixelCNN / {name}": slow / each[name] for name in ("Glow", "RealNVP", "GAN", "MAF")},
        **{f"passes {name}": value for name, value in passes.items()},
        **{f"milliseconds {name}": 1000 * value / DRAWN for name, value in each.items()},
    }


def _drawn(model: Draws, seed: int) -> Tensor:
    return model.sample(DRAWN, torch.Generator().manual_seed(seed))


@torch.inference_mode()
def _shortest(work: Callable[[], Tensor]) -> float:
    """Seconds of processor time, once warm."""
    work()
    found = []
    for _ in range(LEAST):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)
