"""What diffusers' configurations mean: how our model is made of them, and what it takes and gives.

References:
    Patrick von Platen and others. Diffusers: state-of-the-art diffusion models. 2022.
    https://github.com/huggingface/diffusers
"""

from pathlib import Path
from typing import Any

from cartograd.architectures.pretrained.published_config import required, shown
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.spec import Spec
from cartograd.data.text.tokenizer import Tokenizer

NETWORK = {
    "in_channels": "count", "out_channels": "count", "block_out_channels": "counts",
    "layers_per_block": "count", "attention_head_dim": "count", "cross_attention_dim": "count",
    "norm_num_groups": "count", "sample_size": "count", "down_block_types": "words",
    "up_block_types": "words",
}  # fmt: skip
AUTOENCODER = {
    "in_channels": "count", "out_channels": "count", "block_out_channels": "counts",
    "layers_per_block": "count", "latent_channels": "count", "norm_num_groups": "count",
    "sample_size": "count", "scaling_factor": "number", "down_block_types": "words",
    "up_block_types": "words",
}  # fmt: skip
READER = {
    "vocab_size": "count", "hidden_size": "count", "intermediate_size": "count",
    "num_hidden_layers": "count", "num_attention_heads": "count",
    "max_position_embeddings": "count", "hidden_act": "word",
}  # fmt: skip
SCHEDULER = {
    "num_train_timesteps": "count", "beta_start": "number", "beta_end": "number",
    "beta_schedule": "word", "prediction_type": "word", "timestep_spacing": "word",
    "steps_offset": "id", "set_alpha_to_one": "flag", "clip_sample": "flag",
}  # fmt: skip
"""Keys that are read, and their types."""

ACTIVATIONS = {"quick_gelu": "gelu-sigmoid", "gelu": "gelu"}
PREDICTS = {"epsilon": "noise", "sample": "example", "v_prediction": "v"}
SCHEDULES = {"linear": "linear", "scaled_linear": "scaled-linear", "squaredcos_cap_v2": "cosine"}
"""Our words for theirs."""


def spec_of(folder: Path, config: dict[str, dict[str, Any]], /) -> Spec:
    """How our model is made.

    Raises:
        UsageError: a part is of another form.
    """
    vae, unet, text, chain = (config[part] for part in ("vae", "unet", "text_encoder", "scheduler"))
    _check_blocks(
        folder / "vae",
        vae,
        ("DownEncoderBlock2D", "DownEncoderBlock2D"),
        ("UpDecoderBlock2D", "UpDecoderBlock2D"),
    )
    _check_blocks(
        folder / "unet", unet, ("CrossAttnDownBlock2D", "DownBlock2D"),
        ("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    required(unet, "in_channels", vae["latent_channels"])
    required(unet, "out_channels", vae["latent_channels"])
    required(vae, "out_channels", vae["in_channels"])
    required(unet, "cross_attention_dim", text["hidden_size"])
    required(text, "hidden_act", *ACTIVATIONS)
    return Spec(
        "latent-diffusion",
        {
            "autoencoder": Spec("autoencoder-kl", {
                "latent": vae["latent_channels"], "widths": tuple(vae["block_out_channels"]),
                "blocks": vae["layers_per_block"], "groups": vae["norm_num_groups"],
            }),
            "encoder": Spec("clip-text", {
                "context": text["max_position_embeddings"], "dim": text["hidden_size"],
                "heads": text["num_attention_heads"], "depth": text["num_hidden_layers"],
                "ffn_dim": text["intermediate_size"],
                "activation": ACTIVATIONS[text["hidden_act"]],
            }),
            "network": Spec("latent-unet", {
                "widths": tuple(unet["block_out_channels"]), "blocks": unet["layers_per_block"],
                "heads": unet["attention_head_dim"], "groups": unet["norm_num_groups"],
            }),
            "chain": chain["num_train_timesteps"], "beta_schedule": _schedule(chain),
            "predicts": PREDICTS[chain["prediction_type"]],
            "sampling_steps": min(50, chain["num_train_timesteps"] // 2),
        },
    )  # fmt: skip


def _schedule(chain: dict[str, Any]) -> Spec:
    """The chain of noise, and which of its steps are taken.

    Raises:
        UsageError: it is of another form.
    """
    required(chain, "beta_schedule", *SCHEDULES)
    required(chain, "prediction_type", *PREDICTS)
    required(chain, "timestep_spacing", "leading", "trailing", "linspace")
    if "clip_sample" in chain:
        required(chain, "clip_sample", False)
    name = SCHEDULES[chain["beta_schedule"]]
    betas = {"start": chain["beta_start"], "end": chain["beta_end"]} if name != "cosine" else {}
    return Spec(name, betas | {
        "spacing": chain["timestep_spacing"], "offset": chain["steps_offset"],
        "whole": chain.get("set_alpha_to_one", True),
    })  # fmt: skip


def _check_blocks(
    folder: Path, config: dict[str, Any], down: tuple[str, str], up: tuple[str, str]
) -> None:
    """Refuse other blocks than these, first and last of the two ways.

    Raises:
        UsageError: there are some, or not as many as sizes.
    """
    sizes = len(config["block_out_channels"])
    expected = {
        "down_block_types": [down[0]] * (sizes - 1) + [down[1]],
        "up_block_types": [up[0]] + [up[1]] * (sizes - 1),
    }
    for key, right in expected.items():
        if config[key] != right:
            raise UsageError(
                f"{folder / 'config.json'}: {key}={shown(config[key])} is not known here; expected "
                f"{shown(right)}"
            )


def signature_of(config: dict[str, dict[str, Any]], tokenizer: Tokenizer, /) -> Signature:
    """Noise and a text in, a picture out."""
    vae, unet, text = (config[part] for part in ("vae", "unet", "text_encoder"))
    side, larger = unet["sample_size"], 2 ** (len(vae["block_out_channels"]) - 1)
    noise = Port("noise", "vector", (vae["latent_channels"], side, side))
    words = Port(
        "text", "text", (text["max_position_embeddings"],), "int64",
        bounds=(0, text["vocab_size"] - 1), padding_id=tokenizer.padding,
    )  # fmt: skip
    picture = Port(
        "image", "image", (vae["in_channels"], side * larger, side * larger), bounds=(0.0, 1.0),
        mean=(0.5,), std=(0.5,), task="generate",
    )  # fmt: skip
    return Signature((noise, words), (picture,))
