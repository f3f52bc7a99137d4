"""Drawing number by number: what is kept from one to the next, against doing without.

WaveNet keeps what each layer has heard in queues, PixelCNN what each has seen in maps. Both sides
draw the same numbers. One thread, float32.
"""

from collections.abc import Callable
from typing import Any

from benchmarks.case import Case, Timer

SOUND, PICTURE = "wavenet:depth=7,repeats=2", "pixelcnn:levels=17,width=32,depth=5"


def _kept(spec: str, shape: tuple[int, ...]) -> Callable[[Timer], list[float]]:
    """Our side: numbers drawn one by one, with what is kept from one to the next."""

    def side(clock: Timer) -> list[float]:
        import torch

        from cartograd.core.eval_mode import inferring

        model = _numbers(spec, shape)
        with inferring(model), clock(1):
            x = model.sample(1, torch.Generator().manual_seed(0))
        return x.flatten().tolist()

    return side


def _naive(spec: str, shape: tuple[int, ...]) -> Callable[[Timer], list[float]]:
    """The same numbers, the whole example through the network for each."""

    def side(clock: Timer) -> list[float]:
        import torch

        from cartograd.core.eval_mode import inferring
        from cartograd.generative.autoregressive.mu_law import sounded
        from cartograd.generative.level_distributions import picked

        model = _numbers(spec, shape)
        count, sound = torch.Size(shape).numel(), len(shape) == 1
        levels = model.distribution.levels
        with inferring(model), clock(1):
            draw = torch.Generator().manual_seed(0)
            u = torch.rand(1, count, generator=draw, dtype=torch.float64)
            x = torch.zeros(1, *shape)
            for place in range(count):
                table = model.distribution.table(model.parameters_of(x).flatten(1, -2)[:, place])
                level = picked(table, u[:, place], temperature=1.0)
                new = sounded(level, levels) if sound else level / (levels - 1)
                x.view(1, -1)[:, place] = new.to(x)
        return x.flatten().tolist()

    return side


def _numbers(spec: str, shape: tuple[int, ...]) -> Any:
    import torch

    import cartograd as cg

    torch.manual_seed(3)
    sizes = {"features": shape[0]} if len(shape) == 1 else {"channels": 1, "size": shape[1]}
    return cg.build(spec, **sizes).eval()


CASES = (
    Case(
        name="WaveNet, 512 samples",
        what="A sound of 512 samples by 14 layers: queues, against the whole sound for each one.",
        unit="sound",
        sides={"Cartograd": _kept(SOUND, (512,)), "naive": _naive(SOUND, (512,))},
    ),
    Case(
        name="PixelCNN, 28 x 28",
        what="A picture of 28 x 28 by 5 blocks of 32: one pixel at a time, against the whole "
        "picture for each pixel.",
        unit="picture",
        sides={"Cartograd": _kept(PICTURE, (1, 28, 28)), "naive": _naive(PICTURE, (1, 28, 28))},
    ),
)
