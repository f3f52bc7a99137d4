"""Clipped sums of the gradients of examples, as a private step takes them, against opacus.

Opacus' default keeps the gradient of each example; its ghost clipping takes two backward passes
and keeps none. Ours chooses the quickest way that is right on three examples, once.
"""

from collections.abc import Callable
from typing import Any

from benchmarks.case import Case, Timer

CLIP, REPEATS = 1.0, 5


def _convolutions() -> tuple[Any, Any, Any]:
    """Two convolutions and two linear layers, 256 pictures of 28 by 28."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 8, 2, padding=3), nn.ReLU(), nn.MaxPool2d(2, 1),
        nn.Conv2d(16, 32, 4, 2), nn.ReLU(), nn.MaxPool2d(2, 1), nn.Flatten(),
        nn.Linear(32 * 4 * 4, 256), nn.ReLU(), nn.Linear(256, 10),
    )  # fmt: skip
    return model, torch.randn(256, 1, 28, 28), torch.arange(256) % 10


def _layers() -> tuple[Any, Any, Any]:
    """Three linear layers, 256 examples of 784 numbers."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
    )
    return model, torch.randn(256, 784), torch.arange(256) % 10


def _ours(clock: Timer, made: Callable[[], tuple[Any, Any, Any]]) -> list[float]:
    from torch.nn import functional as F

    from cartograd.frontier.privacy.per_example import ExampleGradients

    model, x, y = made()

    def losses(batch: Any) -> Any:
        return F.cross_entropy(model(batch[0]), batch[1], reduction="none")

    gradients = ExampleGradients(model, losses)
    gradients.clipped((x, y), CLIP)
    with clock(REPEATS * len(x)):
        for _ in range(REPEATS):
            found, _, _ = gradients.clipped((x, y), CLIP)
    return [float(one.norm()) for one in found]


def _opacus(clock: Timer, made: Callable[[], tuple[Any, Any, Any]]) -> list[float]:
    import torch
    from opacus import GradSampleModule
    from torch.nn import functional as F

    model, x, y = made()
    wrapped = GradSampleModule(model)

    def step() -> list[Any]:
        wrapped.zero_grad(set_to_none=True)
        F.cross_entropy(wrapped(x), y).backward()
        each = [weight.grad_sample.flatten(1) for weight in wrapped.parameters()]
        length = torch.stack([one.norm(dim=1) for one in each]).norm(dim=0)
        share = (CLIP / (length + 1e-6)).clamp(max=1)
        return [share @ one for one in each]

    step()
    with clock(REPEATS * len(x)):
        for _ in range(REPEATS):
            found = step()
    return [float(one.norm()) for one in found]


def _ghost(clock: Timer, made: Callable[[], tuple[Any, Any, Any]]) -> list[float]:
    import torch
    from opacus.grad_sample import GradSampleModuleFastGradientClipping
    from torch.nn import functional as F

    model, x, y = made()
    wrapped = GradSampleModuleFastGradientClipping(
        model, max_grad_norm=CLIP, use_ghost_clipping=True
    )

    def step() -> list[Any]:
        wrapped.enable_hooks()
        loss = F.cross_entropy(wrapped(x), y, reduction="none")
        loss.mean().backward(retain_graph=True)
        wrapped.disable_hooks()
        share = wrapped.get_clipping_coef()
        wrapped.zero_grad(set_to_none=True)
        (share * loss).sum().backward()
        return [weight.grad for weight in wrapped.parameters()]

    step()
    with clock(REPEATS * len(x)):
        for _ in range(REPEATS):
            found = step()
    return [float(torch.linalg.vector_norm(one)) for one in found]


def _case(name: str, what: str, made: Callable[[], tuple[Any, Any, Any]]) -> Case:
    return Case(
        name=name,
        what=f"{what} The clipped sums have to agree.",
        unit="example",
        sides={
            "cartograd": lambda clock: _ours(clock, made),
            "opacus": lambda clock: _opacus(clock, made),
            "opacus, ghost clipping": lambda clock: _ghost(clock, made),
        },
        asked={"opacus": 5.0},
        tolerance=1e-3,
    )


CASES = (
    _case("convolutions", _convolutions.__doc__ or "", _convolutions),
    _case("linear layers", _layers.__doc__ or "", _layers),
)
