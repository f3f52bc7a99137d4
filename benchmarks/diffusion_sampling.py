"""Sampling by a diffusion model, against diffusers.

Ours is what users call, `sample`. The diffusion transformer has the same weights on both sides, so
the pictures are the same; the time embedding of diffusers is given the paper's frequencies for
that. U-Nets are each package's own, as shipped, with as many numbers to a tenth; the pictures are
not compared. Ours cuts pictures of this size into patches of 2 by 2, as it does for users; the
other one is timed on whole pictures and on pictures that were cut in the same way. One thread,
float32.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.case import Case, Timer

BATCH, SIZE, STEPS = 8, 32, 20
DIM, DEPTH, HEADS = 128, 4, 4
UNET = 32, 56
"""Channels of diffusers' U-Net that has as many numbers as ours."""
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


def _untrained(spec: str = DIT, *, classes: bool = True) -> Any:
    """Our DDPM of such a transformer, or another one."""
    import cartograd as cg

    picture = cg.Port("image", "image", (3, SIZE, SIZE), mean=(0.5,), std=(0.5,))  # in no bounds
    noise = cg.Port("noise", "vector", picture.dims)
    told = cg.Port("class", "label", (), "int64", labels=tuple("0123456789"))
    made = replace(picture, task="generate")
    inputs = (noise, told) if classes else (noise,)
    return cg.build(spec, signature=cg.Signature(inputs, (made,)))


def _ours() -> Any:
    """The same transformer in it, with the same weights; guesses have no bounds, as theirs."""
    from tests.generative.diffusion.test_dit import ours_of

    model = _untrained()
    model.model.denoiser.net.load_state_dict(ours_of(theirs().state_dict(), 3), strict=False)
    model.model.denoiser.limit = None
    return model.eval()


def _noise() -> tuple[Any, Any]:
    """The noise and classes of a batch that `sample` draws for the seed 0."""
    import torch

    from cartograd.data.dataset.own_targets import noise

    classes = torch.arange(BATCH)
    return noise(_untrained().signature, classes, seed=0), classes


def _shown(x: Any) -> list[float]:
    return x.flatten()[:4096].tolist()


def _sampled(model: Callable[[], Any], name: str, **told: Any) -> Callable[[Timer], list[float]]:
    """Our side: what users call, with a sampler of this name."""

    def side(clock: Timer) -> list[float]:
        from cartograd.apps.verbs.sample import sample

        drawn = model()
        sample(drawn, BATCH, sampler=f"{name}:steps=2", **told)
        with clock(BATCH):
            x = sample(drawn, BATCH, sampler=f"{name}:steps={STEPS}", **told)
        return _shown(x) if told else [_numbers(drawn)]

    return side


def _numbers(network: Any) -> int:
    """How many numbers a network learns."""
    return sum(weight.numel() for weight in network.parameters())


def _piped(cut: int) -> Callable[[Timer], list[float]]:
    """Diffusers' pipeline around its own U-Net, on pictures cut into patches of this side."""

    def side(clock: Timer) -> list[float]:
        from diffusers.models.unets.unet_2d import UNet2DModel
        from diffusers.pipelines.ddim.pipeline_ddim import DDIMPipeline
        from diffusers.schedulers.scheduling_ddim import DDIMScheduler

        ways = ("DownBlock2D",) * 2, ("UpBlock2D",) * 2
        net: Any = UNet2DModel(
            sample_size=SIZE // cut, in_channels=3 * cut**2, out_channels=3 * cut**2,
            layers_per_block=1, block_out_channels=UNET, norm_num_groups=8,
            down_block_types=ways[0], up_block_types=ways[1],
        )  # fmt: skip
        pipe: Any = DDIMPipeline(net.eval(), DDIMScheduler())
        pipe.set_progress_bar_config(disable=True)
        pipe(batch_size=BATCH, num_inference_steps=2, output_type="np")
        with clock(BATCH):
            pipe(batch_size=BATCH, num_inference_steps=STEPS, output_type="np")
        return [_numbers(net)]

    return side


def _scheduled(name: str, **told: Any) -> Callable[[Timer], list[float]]:
    """Diffusers' side: a scheduler of this name around its own network."""

    def side(clock: Timer) -> list[float]:
        import torch
        from diffusers import schedulers

        model, (x, y) = theirs(), _noise()
        sigma = _untrained().model.denoiser.levels(STEPS).sigma[0].float()
        x = x * sigma  # as ours begins
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
        return _shown(x / 2 + 0.5)

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
            "Cartograd": _sampled(_ours, "ddim", condition=[*range(BATCH)]),
            "diffusers": _scheduled("DDIMScheduler", clip_sample=False, set_alpha_to_one=True),
        },
        asked={"diffusers": 1.0},
        tolerance=1e-3,
        flops=lambda: STEPS * operations(1),
    ),
    Case(
        name="DPM-Solver++, 20 steps",
        what="The same pictures by DPM-Solver++(2M).",
        unit="picture",
        sides={
            "Cartograd": _sampled(_ours, "dpm-solver-pp", condition=[*range(BATCH)]),
            "diffusers": _scheduled("DPMSolverMultistepScheduler", **DPM),
        },
        asked={"diffusers": 1.0},
        tolerance=1e-3,
        flops=lambda: STEPS * operations(1),
    ),
    Case(
        name="DDIM, 20 steps, U-Nets as shipped",
        what="Eight pictures of 3 x 32 x 32 by each package's own U-Net of half a million numbers: "
        "`sample` of `ddpm:width=32`, and DDIMPipeline of a UNet2DModel.",
        unit="picture",
        sides={
            "Cartograd": _sampled(
                lambda: _untrained("ddpm:width=32", classes=False).eval(), "ddim"
            ),
            "diffusers": _piped(1),
            "diffusers, pictures cut alike": _piped(2),
        },
        asked={"diffusers": 1.5, "diffusers, pictures cut alike": 1.0},
        tolerance=0.1,
    ),
)
