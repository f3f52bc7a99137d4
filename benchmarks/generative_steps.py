"""Training steps of generative models, against diffusers, zuko, nflows and plain loops.

Networks of other packages have the same sizes, not the same weights; the loop of the GAN is written
by hand around our networks. One thread, float32.
"""

import functools
import itertools
from collections.abc import Callable
from typing import Any

from benchmarks.case import Case, Timer
from benchmarks.diffusion_sampling import DIT, SIZE, operations, theirs

ROWS, WARM, LR = 32, 2, 1e-3
"""Of a training: examples in a step, steps before those that count, and the learning rate."""
TRAINED = {"density": 600, "generate": 96}
"""Steps that count, by the task: those of flows are small. Our side rehearses one more, of which
it counts the operations, as `fit` does before every training: a 25th of 48 rounds of a GAN."""
FEATURES, LATENT, GENERATOR = 16, 64, "gan:width=16,latent=64"
"""Of the flows' rows; of the generator."""


class _First:
    """The first few batches of others."""

    def __init__(self, batches: Any, count: int) -> None:
        self.batches, self.count = batches, count

    def __len__(self) -> int:
        return self.count

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Any:
        return itertools.islice(self.batches.epoch(number, seed=seed, start=start), self.count)


def _fitted(spec: str, task: str, objective: str, **told: Any) -> Callable[[Timer], list[float]]:
    """Our side: `fit` on batches of a data set; what is told is of `own_targets`."""

    def side(clock: Timer) -> list[float]:
        import cartograd as cg
        from cartograd.data.dataset.own_targets import own_targets

        x, y = _examples(task)
        few = x[:ROWS], y[:ROWS]
        kind: dict[str, Any] = {"standardise": False}  # as in the plain loops
        if x.ndim == 4:  # which have pictures from -1 to 1
            kind = {"kind": "image", "bounds": (0.0, 1.0)}
        data = own_targets(cg.tensors(x, y, valid=few, test=few, **kind), task, **told)
        learned = cg.build(
            objective, kind="objective", model=cg.build(spec, signature=data.signature)
        )
        batches = data.train.batches(batch_size=ROWS, shuffle=False)
        options: dict[str, Any] = {"optimizer": f"adamw:lr={LR}", "precision": "float32"}
        options["decay"] = "all"  # as in the plain loops: one group of weights, not two
        cg.fit(learned, _First(batches, WARM), epochs=1, **options)
        with clock(TRAINED[task]):
            cg.fit(learned, batches, epochs=1, **options)
        return []

    return side


def _examples(task: str) -> tuple[Any, Any]:
    """Pictures and classes to draw the like of; rows of numbers for densities."""
    import torch

    draw, count = torch.Generator().manual_seed(5), ROWS * TRAINED[task]
    shape = (count, FEATURES) if task == "density" else (count, 3, SIZE, SIZE)
    return torch.rand(*shape, generator=draw), torch.arange(count) % 10


def _looped(
    step: Callable[[Any, Any, Any], None], models: Callable[[], list[Any]], task: str
) -> Any:
    """A plain loop: its step is given networks, an optimizer for each, and a batch."""

    def side(clock: Timer) -> list[float]:
        import torch

        torch.manual_seed(3)
        networks = models()
        optimizers = [torch.optim.AdamW(one.parameters(), lr=LR, fused=True) for one in networks]
        x, y = _examples(task)
        rows = list(zip(x.split(ROWS), y.split(ROWS), strict=True))
        for batch in rows[:WARM]:
            step(networks, optimizers, batch)
        with clock(TRAINED[task]):
            for batch in rows:
                step(networks, optimizers, batch)
        return []

    return side


def _denoise(networks: Any, optimizers: Any, batch: Any) -> None:
    """A step of diffusers' network on what its scheduler makes noisy."""
    import torch

    x, y = batch
    noise, t = torch.randn_like(x), torch.randint(0, 1000, (len(x),))
    predicted = networks[0](_chain().add_noise(2 * x - 1, noise, t), t, y).sample
    optimizers[0].zero_grad()
    torch.nn.functional.mse_loss(predicted, noise).backward()
    optimizers[0].step()


@functools.cache
def _chain() -> Any:
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

    return DDPMScheduler()


def _likely(networks: Any, optimizers: Any, batch: Any) -> None:
    """A step of a flow of zuko or nflows."""
    flow, x = networks[0], batch[0]
    density = flow().log_prob(x) if isinstance(networks[0], _lazy()) else flow.log_prob(x)
    optimizers[0].zero_grad()
    (-density.mean()).backward()
    optimizers[0].step()


def _lazy() -> type:
    from zuko.lazy import Flow

    return Flow


def _zuko(name: str, **told: Any) -> Callable[[], list[Any]]:
    def made() -> list[Any]:
        import zuko

        sizes: dict[str, Any] = {"transforms": 4, "hidden_features": (64, 64)}
        return [getattr(zuko.flows, name)(FEATURES, **sizes, **told)]

    return made


def _nflows() -> list[Any]:
    from nflows.flows import MaskedAutoregressiveFlow

    return [MaskedAutoregressiveFlow(FEATURES, 64, 4, 1, use_residual_blocks=False)]


def _players() -> list[Any]:
    """Our generator and critic, without our engine."""
    import cartograd as cg
    from cartograd.data.dataset.own_targets import own_targets
    from cartograd.generative.gan.critic import critic_for

    x, y = _examples("generate")
    data = own_targets(cg.tensors(x, y, kind="image", bounds=(0.0, 1.0)), "generate", latent=LATENT)
    generator = cg.build(GENERATOR, signature=data.signature)
    return [generator, critic_for(data.signature, width=32, norm="spectral")]


def _played(networks: Any, optimizers: Any, batch: Any) -> None:
    """A move of both, as one writes it by hand."""
    import torch
    from torch.nn.functional import softplus

    generator, critic = networks
    real = 2 * batch[0] - 1
    fake = 2 * generator(torch.randn(len(real), LATENT)) - 1
    cost = softplus(-critic(real)) + softplus(critic(fake.detach()))
    optimizers[1].zero_grad()
    cost.mean().backward()
    optimizers[1].step()
    optimizers[0].zero_grad()
    softplus(-critic(fake)).mean().backward()
    optimizers[0].step()


CASES = (
    Case(
        name="a step of a diffusion model",
        what="A training step of that transformer on 32 pictures, AdamW.",
        unit="step",
        sides={
            "Cartograd": _fitted(DIT, "generate", "denoising", conditional=True),
            "diffusers, plain loop": _looped(_denoise, lambda: [theirs().train()], "generate"),
        },
        asked={"diffusers, plain loop": 1.0},
        flops=lambda: operations(ROWS, backward=True),
    ),
    Case(
        name="a step of a MAF",
        what="A training step of a masked autoregressive flow of 4 layers, each with two hidden "
        "ones of 64 (nflows: one such block), on 32 rows of 16 numbers, AdamW.",
        unit="step",
        sides={
            "Cartograd": _fitted("maf:depth=4,widths=[64,64]", "density", "likelihood"),
            "zuko": _looped(_likely, _zuko("MAF"), "density"),
            "nflows": _looped(_likely, _nflows, "density"),
        },
        asked={"zuko": 1.0, "nflows": 1.0},
    ),
    Case(
        name="a step of a neural spline flow",
        what="The same for couplings by rational quadratic splines of 8 bins.",
        unit="step",
        sides={
            "Cartograd": _fitted(
                "neural-spline-flow:depth=4,widths=[64,64]", "density", "likelihood"
            ),
            "zuko": _looped(_likely, _zuko("NSF", passes=2), "density"),
        },
        asked={"zuko": 1.0},
    ),
    Case(
        name="a round of a GAN",
        what="A move of critic and generator on 32 pictures of 3 x 32 x 32, AdamW, against a loop "
        "written by hand around the same networks.",
        unit="round",
        sides={
            "Cartograd": _fitted(GENERATOR, "generate", "adversarial", latent=LATENT),
            "plain loop": _looped(_played, _players, "generate"),
        },
        asked={"plain loop": 1.0},
    ),
)
