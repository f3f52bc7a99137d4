"""Generative models: sampling and training steps against diffusers, zuko, nflows and plain loops.

The diffusion transformer has the same weights on both sides, so the pictures are the same; the time
embedding of diffusers is given the paper's frequencies for that. Flows of other packages have the
same sizes, not the same weights. The last two cases are ours against ours without what is kept from
one drawn number to the next. One thread, float32.
"""

import functools
import itertools
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.case import Case, Timer

BATCH, SIZE, STEPS = 8, 32, 20
DIM, DEPTH, HEADS = 128, 4, 4
ROWS, WARM, LR = 32, 2, 1e-3
"""Of a training: examples in a step, steps before those that count, and the learning rate."""
TRAINED = {"density": 200, "generate": 8}
"""Steps that count, by the task: those of flows are small."""
FEATURES, LATENT, GENERATOR = 16, 64, "gan:width=16,latent=64"
"""Of the flows' rows; of the generator."""


def _theirs() -> Any:
    """Diffusers' transformer, the noise on top of its pictures."""
    import torch
    from diffusers.models.transformers.dit_transformer_2d import DiTTransformer2DModel

    from cartograd.generative.diffusion.told import waves

    class Waves(torch.nn.Module):
        def forward(self, time: Any) -> Any:
            return waves(time.float(), 256)

    warnings.simplefilter("ignore")
    torch.manual_seed(3)
    model: Any = DiTTransformer2DModel(
        num_attention_heads=HEADS, attention_head_dim=DIM // HEADS, in_channels=3, out_channels=3,
        num_layers=DEPTH, sample_size=SIZE, patch_size=2, num_embeds_ada_norm=10, norm_eps=1e-6,
    )  # fmt: skip
    first = model.transformer_blocks[0].norm1.emb
    first.time_proj = Waves()
    for block in model.transformer_blocks:
        block.norm1.emb = first
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.02)
    return model.eval()


def _ours() -> Any:
    """The same transformer in our DDPM."""
    import cartograd as cg
    from tests.generative.diffusion.test_dit import ours_of

    picture = cg.Port("image", "image", (3, SIZE, SIZE), bounds=(0.0, 1.0), mean=(0.5,), std=(0.5,))
    noise = cg.Port("noise", "vector", picture.dims)
    told = cg.Port("class", "label", (), "int64", labels=tuple("0123456789"))
    made = replace(picture, task="generate")
    model = cg.build(DIT, signature=cg.Signature((noise, told), (made,)))
    net = model.model.denoiser.net
    net.load_state_dict(ours_of(_theirs().state_dict(), 3), strict=False)
    return model.eval()


def _noise() -> tuple[Any, Any]:
    """Noise and classes of a batch, the same on all sides."""
    import torch

    draw = torch.Generator().manual_seed(7)
    return torch.randn(BATCH, 3, SIZE, SIZE, generator=draw), torch.arange(BATCH)


def _shown(x: Any) -> list[float]:
    return x.flatten()[:4096].tolist()


def _sampled(name: str) -> Callable[[Timer], list[float]]:
    """Our side: a sampler of this name."""

    def side(clock: Timer) -> list[float]:
        import torch

        import cartograd as cg
        from cartograd.core.eval_mode import inferring
        from cartograd.generative.diffusion.denoiser import Conditioned

        model, (noise, y) = _ours(), _noise()
        denoiser = Conditioned(model.model.denoiser, y, limited=False)
        noise = noise / denoiser.levels(STEPS).sigma[0].float()  # theirs begin with noise of std 1
        with inferring(model):
            draws = cg.build(f"{name}:steps={STEPS}", kind="sampler")
            cg.build(f"{name}:steps=2", kind="sampler")(denoiser, noise, torch.Generator())
            with clock(BATCH):
                x = draws(denoiser, noise, torch.Generator())
        return _shown(x)

    return side


def _scheduled(name: str, **told: Any) -> Callable[[Timer], list[float]]:
    """Diffusers' side: a scheduler of this name around its own network."""

    def side(clock: Timer) -> list[float]:
        import torch
        from diffusers import schedulers

        model, (x, y) = _theirs(), _noise()
        scheduler = getattr(schedulers, name)(
            beta_start=1e-4, beta_end=0.02, timestep_spacing="trailing", **told
        )
        scheduler.set_timesteps(STEPS)
        with torch.inference_mode():
            model(x, scheduler.timesteps[:1].expand(BATCH), y)
            with clock(BATCH):
                for t in scheduler.timesteps:
                    predicted = model(x, t.expand(BATCH), y).sample
                    x = scheduler.step(predicted, t, x).prev_sample
        return _shown(x)

    return side


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
        kind = {"kind": "image", "bounds": (0.0, 1.0)} if x.ndim == 4 else {}
        data = own_targets(cg.tensors(x, y, valid=few, test=few, **kind), task, **told)
        learned = cg.build(
            objective, kind="objective", model=cg.build(spec, signature=data.signature)
        )
        batches = data.train.batches(batch_size=ROWS, shuffle=False)
        options: dict[str, Any] = {"optimizer": f"adamw:lr={LR}", "precision": "float32"}
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


SOUND, PICTURE = "wavenet:depth=7,repeats=2", "pixelcnn:levels=17,width=32,depth=5"
DIT = f"ddpm:network='dit:depth={DEPTH},heads={HEADS}',width={DIM // 4}"
DPM = {
    "algorithm_type": "dpmsolver++", "solver_order": 2, "lower_order_final": False,
    "euler_at_final": True, "final_sigmas_type": "zero",
}  # fmt: skip

CASES = (
    Case(
        name="DDIM, 20 steps",
        what="Eight pictures of 3 x 32 x 32 by a diffusion transformer of 4 layers of 128, by "
        "DDIM, from the same weights and noise.",
        unit="picture",
        sides={
            "Cartograd": _sampled("ddim"),
            "diffusers": _scheduled("DDIMScheduler", clip_sample=False, set_alpha_to_one=True),
        },
        tolerance=1e-3,
    ),
    Case(
        name="DPM-Solver++, 20 steps",
        what="The same pictures by DPM-Solver++(2M).",
        unit="picture",
        sides={
            "Cartograd": _sampled("dpm-solver-pp"),
            "diffusers": _scheduled("DPMSolverMultistepScheduler", **DPM),
        },
        tolerance=1e-3,
    ),
    Case(
        name="a step of a diffusion model",
        what="A training step of that transformer on 32 pictures, AdamW.",
        unit="step",
        sides={
            "Cartograd": _fitted(DIT, "generate", "denoising", conditional=True),
            "diffusers, plain loop": _looped(_denoise, lambda: [_theirs().train()], "generate"),
        },
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
    ),
    Case(
        name="WaveNet, 512 samples",
        what="A sound of 512 samples by 14 layers: queues, against the whole sound for each one.",
        unit="sound",
        sides={"Cartograd": _kept(SOUND, (512,)), "naive": _naive(SOUND, (512,))},
    ),
    Case(
        name="PixelCNN, 28 x 28",
        what="A picture of 28 x 28 by 5 blocks of 32: the rows that matter, against the whole "
        "picture for each pixel.",
        unit="picture",
        sides={"Cartograd": _kept(PICTURE, (1, 28, 28)), "naive": _naive(PICTURE, (1, 28, 28))},
    ),
)
