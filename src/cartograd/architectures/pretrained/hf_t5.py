"""T5 as Hugging Face keeps it (`model_type` t5), 1.0 and 1.1."""

from typing import Any

from cartograd.architectures.pretrained.hf_gpt2 import required
from cartograd.core.errors import UsageError
from cartograd.core.key_map import Table
from cartograd.core.ports import Port, Signature
from cartograd.core.spec import Spec

ACTIVATIONS = {"relu": "relu", "gated-gelu": "geglu"}

_ATTENTION = (("q", "query"), ("k", "key"), ("v", "value"), ("o", "out"))


def _stack(theirs: str, ours: str, last: int, up: str) -> Table:
    """The map of one stack; its blocks end in a feed-forward part of the number `last`."""
    layer = rf"{theirs}\.block\.(\d+)\.layer\."
    return (
        (rf"{theirs}\.embed_tokens\.weight", "tokens.weight"),
        (
            rf"{theirs}\.block\.0\.layer\.0\.SelfAttention\.relative_attention_bias\.weight",
            f"{theirs}_bias.weight",
        ),
        *(
            (rf"{layer}0\.SelfAttention\.{name}\.weight", rf"{ours}.\1.attention.{own}.weight")
            for name, own in _ATTENTION
        ),
        *(
            (rf"{layer}1\.EncDecAttention\.{name}\.weight", rf"{ours}.\1.cross.{own}.weight")
            for name, own in _ATTENTION
        ),
        # Files of 2019 have a table that their authors' code never read.
        (rf"{layer}1\.EncDecAttention\.relative_attention_bias\.weight", None),
        (rf"{layer}{last}\.DenseReluDense\.{up}\.weight", rf"{ours}.\1.feed_forward.up.weight"),
        (rf"{layer}{last}\.DenseReluDense\.wi_0\.weight", rf"{ours}.\1.feed_forward.gate.weight"),
        (rf"{layer}{last}\.DenseReluDense\.wo\.weight", rf"{ours}.\1.feed_forward.down.weight"),
        (rf"{layer}0\.layer_norm\.weight", rf"{ours}.\1.attention_norm.weight"),
        (rf"{layer}{last}\.layer_norm\.weight", rf"{ours}.\1.feed_forward_norm.weight"),
        (rf"{layer}1\.layer_norm\.weight", rf"{ours}.\1.cross_norm.weight"),
        (rf"{theirs}\.final_layer_norm\.weight", f"{theirs}_norm.weight"),
    )


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map, with or without a matrix of its own for the scores."""
    tied = is_tied(config)
    up = "wi" if config.get("feed_forward_proj", "relu") == "relu" else "wi_1"
    return (
        (r"shared\.weight", "tokens.weight"),
        *_stack("encoder", "encoder", 1, up),
        *_stack("decoder", "decoder_blocks", 2, up),
        (r"lm_head\.weight", "tokens.weight" if tied else "head.weight"),
    )


def is_tied(config: dict[str, Any], /) -> bool:
    """Whether one matrix reads and scores; newer configurations say so only by the scaling."""
    return config.get("scale_decoder_outputs", config.get("tie_word_embeddings", True))


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made.

    Raises:
        UsageError: the folder's model differs from T5 in a way that ours has not.
    """
    required(config, "feed_forward_proj", *ACTIVATIONS)
    required(config, "relative_attention_num_buckets", 32)
    required(config, "relative_attention_max_distance", 128)
    required(config, "layer_norm_epsilon", 1e-6)
    depth = config["num_layers"]
    if config.get("num_decoder_layers", depth) not in (None, depth):
        raise UsageError(
            f"config.json: the decoder has {config['num_decoder_layers']} blocks and the encoder "
            f"{depth}; expected as many"
        )
    return Spec("t5", {
        "vocabulary": config["vocab_size"],
        "padding_id": config.get("pad_token_id", 0),
        "dim": config["d_model"],
        "heads": config["num_heads"],
        "head_dim": config["d_kv"],
        "ffn_dim": config["d_ff"],
        "depth": depth,
        "activation": ACTIVATIONS[config.get("feed_forward_proj", "relu")],
        "tied": is_tied(config),
        "dropout": config.get("dropout_rate", 0.1),
    })  # fmt: skip


def signature(config: dict[str, Any], /) -> Signature:
    """Source and target in, logits of the target's next token out."""
    size, padding = config["vocab_size"], config.get("pad_token_id", 0)
    ports = tuple(
        Port(name, "text", ("t",), "int64", bounds=(0, size - 1), padding_id=padding)
        for name in ("source", "target")
    )
    return Signature(ports, (Port("next", "label", ("t", size), task="translate"),))
