r"""Whisper as Hugging Face keeps it.

References:
    Hugging Face: transformers, model type `whisper`. 2022.
    https://huggingface.co/docs/transformers/model_doc/whisper
"""

from typing import Any

from torch import Tensor

from cartograd.architectures.pretrained.published_head import head_of
from cartograd.architectures.speech.mel import RATE
from cartograd.architectures.speech.whisper import waves
from cartograd.core.errors import UsageError
from cartograd.core.key_map import Op
from cartograd.core.ports import Port, Signature
from cartograd.core.spec import Spec

ROUNDED = 5e-3
"""How far half precision may be from what is computed."""

SECONDS = 0.02
"""Of sound, for each position of the encoder."""

HEADS = {"WhisperForConditionalGeneration": "transcribe"}
"""Our head by the name of theirs."""

READS = {
    **{
        f"{side}_{size}": "count"
        for side in ("encoder", "decoder")
        for size in ("layers", "attention_heads", "ffn_dim")
    },
    "d_model": "count", "vocab_size": "count", "max_target_positions": "count",
    "max_source_positions": "count", "num_mel_bins": "count", "pad_token_id": "id?",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

MODEL = "whisper"
SIZES = {
    "dim": "d_model", "heads": "encoder_attention_heads", "depth": "encoder_layers",
    "vocabulary": "vocab_size", "context": "max_target_positions", "n_mels": "num_mel_bins",
}  # fmt: skip
"""What our settings are called in config.json; both ways go by it."""

PARTS = (
    (r"self_attn\.q_proj", "attention.query"),
    (r"self_attn\.k_proj", "attention.key"),
    (r"self_attn\.v_proj", "attention.value"),
    (r"self_attn\.out_proj", "attention.out"),
    (r"self_attn_layer_norm", "attention_norm"),
    (r"encoder_attn\.q_proj", "cross.query"),
    (r"encoder_attn\.k_proj", "cross.key"),
    (r"encoder_attn\.v_proj", "cross.value"),
    (r"encoder_attn\.out_proj", "cross.out"),
    (r"encoder_attn_layer_norm", "cross_norm"),
    (r"fc1", "feed_forward.up"),
    (r"fc2", "feed_forward.down"),
    (r"final_layer_norm", "feed_forward_norm"),
)
"""The parts of a block."""


def _computed(tensor: Tensor) -> Tensor:
    expected = waves(*tensor.shape)
    if (tensor.float() - expected).abs().max() > ROUNDED:
        raise UsageError("the encoder's positions are learned; expected sines and cosines")
    return tensor


computed = Op(_computed, lambda tensor: tensor)
"""Refuses positions of the encoder that are not what ours computes."""

KEYS = (
    (r"(?:model\.)?encoder\.(conv\d)\.(weight|bias)", r"listener.\1.\2"),
    (r"(?:model\.)?encoder\.embed_positions\.weight", None, computed),
    (r"(?:model\.)?encoder\.layer_norm\.(weight|bias)", r"listener.norm.\1"),
    (r"(?:model\.)?decoder\.embed_tokens\.weight", "writer.embed.weight"),
    (r"(?:model\.)?decoder\.embed_positions\.weight", "writer.positions.weight"),
    (r"(?:model\.)?decoder\.layer_norm\.(weight|bias)", r"writer.norm.\1"),
    (r"proj_out\.weight", "writer.embed.weight"),
    *(
        (
            rf"(?:model\.)?{side}\.layers\.(\d+)\.{theirs}\.(weight|bias)",
            rf"{own}.blocks.\1.{ours}.\2",
        )
        for side, own in (("encoder", "listener"), ("decoder", "writer"))
        for theirs, ours in PARTS
    ),
)


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made.

    Raises:
        UsageError: the configuration asks for something else than the published models.
    """
    head_of(config, HEADS)
    for size in ("layers", "attention_heads", "ffn_dim"):
        sides = [f"{side}_{size}" for side in ("encoder", "decoder")]
        expected = 4 * config["d_model"] if size == "ffn_dim" else config[sides[0]]
        if any(config[side] != expected for side in sides):
            said = " and ".join(f"{side}={config[side]}" for side in sides)
            raise UsageError(
                f"config.json: {said}: expected an encoder and a decoder of equal size, "
                "with four times their width inside"
            )
    args = {ours: config[theirs] for ours, theirs in SIZES.items()}
    return Spec(MODEL, args | {"seconds": config["max_source_positions"] * SECONDS})


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes."""
    sides = {"layers": args["depth"], "attention_heads": args["heads"], "ffn_dim": 4 * args["dim"]}
    said = {
        f"{side}_{size}": value for side in ("encoder", "decoder") for size, value in sides.items()
    }
    return said | {"max_source_positions": round(args["seconds"] / SECONDS)}


def added(config: dict[str, Any], /) -> dict[str, Tensor]:
    """What a folder holds beside our weights: the encoder's positions, which ours computes."""
    positions = waves(config["max_source_positions"], config["d_model"])
    return {"model.encoder.embed_positions.weight": positions}


def signature(config: dict[str, Any], /) -> Signature:
    """What it takes and gives."""
    return hears(config["vocab_size"])


def hears(vocabulary: int, /) -> Signature:
    """Of any Whisper: a sound, and the tokens written so far."""
    sound = Port("sound", "audio", (1, "n"), bounds=(-1.0, 1.0), rate=RATE)
    tokens = Port("tokens", "text", ("t",), "int64", (0, vocabulary - 1))
    return Signature(
        (sound, tokens), (Port("next", "label", ("t", vocabulary), task="transcribe"),)
    )
