r"""A folder as diffusers keeps pipelines: model_index.json, and a folder for each part.

Stable Diffusion 1's: `unet`, `vae`, `text_encoder`, `tokenizer`, `scheduler`. Each part's config is
read key by key: what is no default has to be known or change no picture. Weights are safetensors;
nothing is ever unpickled. Of the scheduler the chain and which of its steps are taken count; which
sampler takes them is said where pictures are drawn, and is DDIM of 50 steps if nothing is.

Shapes: noise `b 4 y x`, tokens `b 77`; pictures `b 3 8y 8x` in [0, 1].

Departures: prompts that are too long are refused, not cut; a safety checker is left out, and said.

References:
    Patrick von Platen and others. Diffusers: state-of-the-art diffusion models. 2022.
    https://github.com/huggingface/diffusers

>>> diffusers("no/such/folder")
Traceback (most recent call last):
cartograd.core.errors.UsageError: no/such/folder holds no model_index.json; expected a folder ...
"""

import tomllib
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cartograd.architectures.pretrained.filled import filled
from cartograd.architectures.pretrained.published_config import (
    settled,
    shown,
    understood,
)
from cartograd.architectures.pretrained.published_folder import configuration, tensors_of
from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed
from cartograd.data.text.clip_tokens import clip_tokens
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.generative.latent.published import keys
from cartograd.generative.latent.published.diffusers_forms import (
    AUTOENCODER,
    NETWORK,
    READER,
    SCHEDULER,
    signature_of,
    spec_of,
)

CARD = Card(
    name="diffusers",
    kind="weights",
    entry="diffusers",
    nodes=("diffusion/latent",),
    title="diffusers folder",
    zh="diffusers 管线文件夹",
    proofs=(
        "oracle: a small folder written by diffusers' StableDiffusionPipeline gives the same "
        "pictures from the same noise; keys changed one by one do, too, or are refused by name",
    ),
    evidence={"diffusion/latent": ("test_pictures_are_those_of_diffusers",)},
)

INDEX = "model_index.json"
"""What the parts are."""

PARTS = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "text_encoder": ("CLIPTextModel",),
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
    "scheduler": (
        "DDIMScheduler", "PNDMScheduler", "DPMSolverMultistepScheduler", "EulerDiscreteScheduler",
    ),
}  # fmt: skip
"""The classes of each part that are known."""


def diffusers(path: str | Path, /) -> Signed:
    """The pipeline of a folder with model_index.json.

    Args:
        path: the folder.

    Raises:
        UsageError: something is missing, damaged, of an unknown form, or does not fit together.
    """
    folder = Path(path)
    _check_index(folder)
    config = {part: _settled(folder, part) for part in ("unet", "vae", "text_encoder", "scheduler")}
    tokenizer = _tokenizer(folder / "tokenizer")
    spec, signature = spec_of(folder, config), signature_of(config, tokenizer)
    tensors: dict[str, Tensor] = {}
    for part, stem in (
        ("unet", STEM), ("vae", STEM), ("text_encoder", "model"),
    ):  # fmt: skip
        tensors |= keys.prefixed(tensors_of(folder / part, stem=stem), part)
    tensors |= {
        "ours.scale": torch.tensor(float(config["vae"]["scaling_factor"])),
        "ours.denoiser.empty": _empty(folder, tokenizer, signature),
    }
    sizes = [(len(one["block_out_channels"]), one["layers_per_block"])
             for one in (config["vae"], config["unet"])]  # fmt: skip
    table = (*keys.autoencoder(*sizes[0]), *keys.network(*sizes[1]), *keys.reader(), *keys.OURS)
    return filled(spec, signature, tensors, table, source=str(folder), tokenizer=tokenizer)


STEM = "diffusion_pytorch_model"
"""What files of weights are called in folders of parts that are diffusers' own."""


@cache
def _data() -> dict[str, dict[str, Any]]:
    file = Path(__file__).with_name("diffusers_config.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _check_index(folder: Path) -> None:
    """Refuse pipelines of other parts.

    Raises:
        UsageError: a part is of an unknown class, or there is one more.
    """
    said, file = configuration(folder, name=INDEX), str(folder / INDEX)
    if said.get("_class_name") != "StableDiffusionPipeline":
        raise UsageError(
            f"{file}: _class_name={shown(said.get('_class_name'))} is a pipeline that is not known "
            "here; expected StableDiffusionPipeline"
        )
    for part, classes in PARTS.items():
        found = said.get(part)
        if not isinstance(found, list) or len(found) != 2 or found[1] not in classes:
            raise UsageError(
                f"{file}: {part}={shown(found)} is not known here; expected one of "
                f"{', '.join(classes)}"
            )
    if said.get("safety_checker") not in (None, [None, None]):
        warnings.warn(f"{folder}: its safety_checker is left out", stacklevel=4)
    none = {key: None if value == [None, None] else value for key, value in said.items()}
    known = dict.fromkeys((*PARTS, "safety_checker"), "any")
    rest = {key: value for key, value in none.items() if key not in known}
    understood(file, rest, {}, _data(), "StableDiffusionPipeline")


def _settled(folder: Path, part: str) -> dict[str, Any]:
    """A part's configuration, complete and understood.

    Raises:
        UsageError: it is not, or is of another class than the index says.
    """
    name = "scheduler_config.json" if part == "scheduler" else "config.json"
    said = configuration(folder / part, name=name)
    if part == "text_encoder":
        if said.get("model_type") != "clip_text_model":
            raise unknown(
                "model_type", str(said.get("model_type")), ["clip_text_model"],
                hint=f"({folder / part / name})",
            )  # fmt: skip
        return settled(said, READER)
    file, family = str(folder / part / name), str(said.get("_class_name"))
    if family not in PARTS[part]:
        raise unknown("_class_name", family, PARTS[part], hint=f"({file})")
    reads = {"unet": NETWORK, "vae": AUTOENCODER, "scheduler": SCHEDULER}[part]
    config = understood(file, said, reads, _data(), family)
    missing = [key for key in ("sample_size",) if part == "unet" and not config.get(key)]
    if missing:
        raise UsageError(f"{file} lacks {missing[0]!r}, the side of a code")
    return config | {"model_type": family}


def _tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer, of either of its forms."""
    if (folder / "tokenizer.json").is_file():
        return Tokenizer.from_folder(folder)
    return clip_tokens(folder)


def _empty(folder: Path, tokenizer: Tokenizer, signature: Signature) -> Tensor:
    """The tokens of a text that says nothing."""
    length = int(signature.inputs[1].dims[0])
    row = tokenizer.encode("")
    if tokenizer.padding is None or len(row) > length:
        raise UsageError(f"{folder / 'tokenizer'} has no token for padding")
    return torch.tensor([*row, *[tokenizer.padding] * (length - len(row))])
