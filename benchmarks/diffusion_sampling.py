"""Sampling by a diffusion model, against diffusers.

The diffusion transformer has the same weights on both sides, so the pictures are the same; the time
embedding of diffusers is given the paper's frequencies for that. One thread, float32.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.case import Case, Timer

BATCH, SIZE, STEPS = 8, 32, 20
DIM, DEPTH, HEADS = 128, 4, 4
DIT = f"ddpm:network='dit:depth={DEPTH},heads={HEADS}',width={DIM // 4}"


def theirs() -> Any:
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


def _untrained() -> Any:
    """Our DDPM of such a transformer."""
    import cartograd as cg

    picture = cg.Port("image", "image", (3, SIZE, SIZE), bounds=(0.0, 1.0), mean=(0.5,), std=(0.5,))
    noise = cg.Port("noise", "vector", picture.dims)
    told = cg.Port("class", "label", (), "int64", labels=tuple("0123456789"))
    made = replace(picture, task="generate")
    return cg.build(DIT, signature=cg.Signature((noise, told), (made,)))


def _ours() -> Any:
    """The same transformer in it, with the same weights."""
    from tests.generative.diffusion.test_dit import ours_of

    model = _untrained()
    net = model.model.denoiser.net
    net.load_state_dict(ours_of(theirs().state_dict(), 3), strict=False)
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

        model, (x, y) = theirs(), _noise()
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


def operations(pictures: int, /, *, backward: bool = False) -> float:
    """Floating-point operations of the network on so many pictures, as torch counts them."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    x, y = torch.zeros(pictures, 3, SIZE, SIZE), torch.zeros(pictures, dtype=torch.long)
    net, counter = _untrained().model.denoiser.net, FlopCounterMode(display=False)
    with counter:
        answer = net(x, y.float(), y)
        if backward:
            answer.mean().backward()
    return float(counter.get_total_flops())


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
        flops=lambda: STEPS * operations(1),
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
        flops=lambda: STEPS * operations(1),
    ),
)
