import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from cartograd.apps.cli import main
from cartograd.apps.load.pretrained import pretrained
from cartograd.apps.load.target import as_signed
from cartograd.apps.verbs.generative_model import Generative
from cartograd.apps.verbs.sample import sample
from cartograd.core.errors import UsageError
from cartograd.core.generative import NotSupported
from cartograd.data.dataset.own_targets import noise as noise_of
from tests.data.text.test_clip_tokens import written

NOISY = ("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
pytestmark = pytest.mark.filterwarnings(*NOISY)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """A small Stable Diffusion of random weights, and the folder that diffusers wrote of it."""
    import warnings

    pytest.importorskip("diffusers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return made(tmp_path_factory.mktemp("pipeline"))


def made(folder):
    """The pipeline itself, and its folder."""
    from diffusers import (
        AutoencoderKL,
        PNDMScheduler,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    words = CLIPTokenizer.from_pretrained(str(written(folder / "words")), model_max_length=77)
    size = len(words)
    torch.manual_seed(0)
    config = CLIPTextConfig(
        vocab_size=size, hidden_size=8, intermediate_size=12, num_hidden_layers=1,
        num_attention_heads=2, bos_token_id=size - 2, eos_token_id=size - 1, pad_token_id=size - 1,
    )  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=4, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2,
        attention_head_dim=2, cross_attention_dim=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(2, 4), layers_per_block=1, norm_num_groups=2, sample_size=8,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    chain = PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True,
        steps_offset=1, set_alpha_to_one=False,
    )  # fmt: skip
    pipe = StableDiffusionPipeline(
        vae=vae, text_encoder=CLIPTextModel(config), tokenizer=words, unet=unet, scheduler=chain,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    pipe.save_pretrained(str(folder / "sd"))
    return pipe, folder / "sd"


def copied(source, target):
    """The folder again, to be changed."""
    import shutil

    return shutil.copytree(source, target)


def said(file, **changes):
    """Change keys of a configuration; `...` takes one away."""
    config = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: own for key, own in config.items() if own is not ...}))


def theirs(pipe, noise, scheduler, steps, **changes):
    """What diffusers draws of the same noise, by a scheduler of its folder's settings."""
    import diffusers

    made = getattr(diffusers, scheduler)
    usual = {} if scheduler == "PNDMScheduler" else {"clip_sample": False}
    pipe.scheduler = made.from_config(pipe.scheduler.config, **usual, **changes)
    return pipe(
        "a red cat", num_inference_steps=steps, guidance_scale=7.5, latents=noise.clone(),
        num_images_per_prompt=len(noise), output_type="pt",
    ).images  # fmt: skip


SAMPLERS = {"ddim": "DDIMScheduler", "dpm-solver-pp": "DPMSolverMultistepScheduler",
            "euler": "EulerDiscreteScheduler"}  # fmt: skip


@pytest.mark.place("diffusion/latent")
@pytest.mark.oracle("diffusers", "latent-diffusion")
@pytest.mark.parametrize(("sampler", "scheduler"), SAMPLERS.items())
def test_pictures_are_those_of_diffusers(pipeline, sampler, scheduler):
    pipe, folder = pipeline
    model = pretrained(f"diffusers:{folder}")
    noise = noise_of(model.signature, torch.arange(2), seed=3)
    for spacing in ("leading", "trailing", "linspace"):
        if (sampler, spacing) == ("ddim", "linspace"):
            continue  # diffusers steps to a level that it does not call next (its issue 9261)
        denoiser = model.model.denoiser
        denoiser.path = dataclasses.replace(denoiser.path, spacing=spacing)
        right = theirs(pipe, noise, scheduler, 4, timestep_spacing=spacing)
        asked = {"condition": "a red cat", "guidance": 7.5, "sampler": f"{sampler}:steps=4"}
        ours = sample(model, 2, **asked, seed=3)
        torch.testing.assert_close(ours, right, rtol=0, atol=1e-5)
        assert right.std() > 0.05


@pytest.mark.law("latent-diffusion")
def test_guidance_of_nought_is_the_empty_text(pipeline):
    model = as_signed(pipeline[1])  # a folder itself will do
    asked = {"seed": 1, "sampler": "ddim:steps=2"}
    empty = sample(model, 2, **asked)
    assert torch.equal(empty, sample(model, 2, condition="", **asked))
    nought = sample(model, 2, condition="a red cat", guidance=0, **asked)
    torch.testing.assert_close(nought, empty)
    told = sample(model, 2, condition=["a red cat", ""], **asked)
    assert (told[0] - empty[0]).abs().max() > 1e-4
    torch.testing.assert_close(told[1], empty[1])
    generative = Generative(model)
    assert generative.capabilities() == {"sample": "noise"}
    with pytest.raises(NotSupported, match="codes"):
        generative.encode(empty)


def test_the_command_draws_what_a_prompt_says(pipeline, tmp_path, capsys):
    line = ["generate", str(pipeline[1]), "--count", "1", "--out", str(tmp_path / "x.png")]
    how = ["--sampler", "euler:steps=2", "--guidance", "7.5"]
    assert main([*line, *how, "--prompt", "a red cat"]) == 0
    assert (tmp_path / "x.png").is_file()
    for wrong, message in (
        (["--prompt", "a " * 99], "reads 77"), (["--class", "3"], "told by texts"),
        (["a red cat", "--guidance", "classifier:x"], "denoises codes"),
        (["a red cat", "--sampler", "ddim:steps=1001"], "chain of this model has 1000"),
    ):  # fmt: skip
        (tmp_path / "x.png").unlink(missing_ok=True)
        assert main([*line, *wrong]) == 2
        assert message in capsys.readouterr().err
        assert not (tmp_path / "x.png").exists()


REFUSED = [
    ("model_index.json", {"_class_name": "FluxPipeline"}, "_class_name"),
    ("model_index.json", {"unet": ["diffusers", "UNet2DModel"]}, "unet="),
    ("model_index.json", {"image_encoder": ["transformers", "CLIPVision"]}, "image_encoder"),
    ("model_index.json", {"text_encoder_2": ["transformers", "CLIPTextModel"]}, "text_encoder_2"),
    ("unet/config.json", {"attention_head_dim": [2, 4]}, "attention_head_dim"),
    ("unet/config.json", {"use_linear_projection": True}, "use_linear_projection"),
    ("unet/config.json", {"down_block_types": ["DownBlock2D", "DownBlock2D"]}, "down_block_types"),
    ("unet/config.json", {"cross_attention_dim": 9}, "cross_attention_dim"),
    ("unet/config.json", {"block_out_channels": [8, 8]}, "another model"),
    ("unet/config.json", {"sample_size": ...}, "sample_size"),
    ("unet/config.json", {"norm_eps": 1e-6}, "norm_eps"),
    ("vae/config.json", {"shift_factor": 0.1}, "shift_factor"),
    ("vae/config.json", {"use_quant_conv": False}, "use_quant_conv"),
    ("vae/config.json", {"latent_channels": 8}, "in_channels"),
    ("text_encoder/config.json", {"hidden_act": "relu"}, "hidden_act"),
    ("text_encoder/config.json", {"model_type": "clip"}, "model_type"),
    ("text_encoder/config.json", {"layer_norm_eps": 1e-6}, "layer_norm_eps"),
    ("scheduler/scheduler_config.json", {"_class_name": "LCMScheduler"}, "_class_name"),
    ("scheduler/scheduler_config.json", {"clip_sample": True}, "clip_sample"),
    ("scheduler/scheduler_config.json", {"beta_schedule": "laplace"}, "beta_schedule"),
    ("scheduler/scheduler_config.json", {"trained_betas": [0.1]}, "trained_betas"),
    ("scheduler/scheduler_config.json", {"rescale_betas_zero_snr": True}, "rescale_betas_zero"),
    ("tokenizer/tokenizer_config.json", {"odd": 3}, "odd"),
]


@pytest.mark.parametrize(("file", "changes", "message"), REFUSED)
def test_what_is_not_known_is_refused_by_its_name(pipeline, tmp_path, file, changes, message):
    folder = copied(pipeline[1], tmp_path / "sd")
    said(folder / file, **changes)
    with pytest.raises(UsageError, match=message):
        pretrained(f"diffusers:{folder}")


def test_what_changes_no_picture_may_be_said(pipeline, tmp_path):
    folder = copied(pipeline[1], tmp_path / "sd")
    asked = {"condition": "a red cat", "sampler": "ddim:steps=2", "guidance": 3.0}
    before = sample(as_signed(folder), 1, **asked)
    said(folder / "model_index.json", safety_checker=["x", "y"], feature_extractor=["x", "y"])
    said(folder / "vae" / "config.json", force_upcast=False)
    said(folder / "text_encoder" / "config.json", projection_dim=5, dropout=0.1)
    said(folder / "scheduler" / "scheduler_config.json", clip_sample=False)
    (folder / "tokenizer" / "tokenizer.json").unlink()  # as older folders are
    written(folder / "tokenizer")
    weights = load_file(folder / "vae" / "diffusion_pytorch_model.safetensors")
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    for name in [name for name in weights if ".attentions." in name]:
        new = name
        for ours, theirs in old.items():
            new = new.replace(f".{ours}.", f".{theirs}.")
        weights[new] = weights.pop(name)
    save_file(weights, folder / "vae" / "diffusion_pytorch_model.fp16.safetensors")
    with pytest.warns(UserWarning, match="safety_checker is left out"):
        after = sample(as_signed(folder), 1, **asked)
    torch.testing.assert_close(after, before)


def test_pickles_are_not_read(pipeline, tmp_path):
    folder = copied(pipeline[1], tmp_path / "sd")
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.rename(file.with_suffix(".bin"))
    with pytest.raises(UsageError, match=r"diffusion_pytorch_model.bin is a pickle"):
        as_signed(folder)
