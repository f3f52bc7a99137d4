"""T5 as Hugging Face keeps it (`model_type` t5), 1.0 and 1.1, whole or its encoder alone."""

from typing import Any

from cartograd.architectures.pretrained import hf_bert
from cartograd.architectures.pretrained.published_config import required
from cartograd.architectures.pretrained.published_head import head_of, pairs
from cartograd.core.errors import UsageError
from cartograd.core.key_map import Op, Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

ACTIVATIONS = {"relu": "relu", "gated-gelu": "geglu"}

HEADS = {
    "T5ForConditionalGeneration": "translate",
    "T5WithLMHeadModel": "translate",
    "T5EncoderModel": "hidden",
}
"""Our head by the names of theirs; the second is that of 2019."""

READS = {
    "vocab_size": "count", "d_model": "count", "d_kv": "count", "d_ff": "count",
    "num_layers": "count", "num_decoder_layers": "count?", "num_heads": "count",
    "pad_token_id": "id?", "dropout_rate": "number", "feed_forward_proj": "word",
    "tie_word_embeddings": "flag", "scale_decoder_outputs": "flag", "is_encoder_decoder": "flag",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

MODEL = "t5"
SIZES = {
    "vocabulary": "vocab_size", "padding_id": "pad_token_id", "dim": "d_model",
    "heads": "num_heads", "head_dim": "d_kv", "ffn_dim": "d_ff", "depth": "num_layers",
    "dropout": "dropout_rate",
}  # fmt: skip
"""What our settings are called in config.json; both ways go by it."""

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


LEFT_OUT = ((r"decoder\..*|lm_head\..*", None),)
"""What a file may hold beside its encoder."""


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map for the folder's head."""
    return keys(config, head_of(config, HEADS))


def keys(config: dict[str, Any], head: str, /) -> Table:
    """The key map. Scores are by the embedding, scaled, or by a matrix of their own, unscaled.

    Args:
        config: of T5 or its kin.
        head: ours.
    """
    up = "wi" if config["feed_forward_proj"] == "relu" else "wi_1"
    encoder = _stack("encoder", "encoder", 1, up)
    if head == "hidden":
        return ((r"shared\.weight", "tokens.weight"), *encoder, *LEFT_OUT)
    scaled, own, root = is_scaled(config), config["own_output"], config["d_model"] ** -0.5
    shared: tuple[Any, ...] = ("tokens.weight",)
    if not scaled and not own:  # as transformers 5 ties T5 1.1
        shared = (("tokens.weight", "head.weight"), Op(lambda one: (one, one), lambda one, _: one))
    by = Op(lambda tensor: tensor * root, lambda tensor: tensor / root)
    scores: tuple[Any, ...] = ("head.weight", by) if scaled else ("head.weight",)
    return (
        (r"shared\.weight", *shared),
        *encoder,
        *_stack("decoder", "decoder_blocks", 2, up),
        (r"lm_head\.weight", *(scores if own else ("tokens.weight",))),
    )


def is_scaled(config: dict[str, Any], /) -> bool:
    """Whether scores are scaled, as in T5 1.0; newer configurations say so by a key of its own."""
    return config.get("scale_decoder_outputs", config["tie_word_embeddings"])


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made.

    Raises:
        UsageError: the folder's model differs from T5 in a way that ours has not.
    """
    return made(config, head_of(config, HEADS))


def made(config: dict[str, Any], head: str, /) -> Spec:
    """How a model of T5's kin is made.

    Args:
        config: in T5's keys.
        head: ours.

    Raises:
        UsageError: as `spec`.
    """
    required(config, "feed_forward_proj", *ACTIVATIONS)
    args = {ours: config[theirs] for ours, theirs in SIZES.items()} | {
        "activation": ACTIVATIONS[config["feed_forward_proj"]], "head": head,
    }  # fmt: skip
    if head == "hidden":
        return Spec(MODEL, args)
    required(config, "is_encoder_decoder", True)
    depth = config["num_layers"]
    if config.get("num_decoder_layers") not in (None, depth):
        raise UsageError(
            f"config.json: num_decoder_layers={config['num_decoder_layers']}, and the encoder has "
            f"{depth}; expected as many"
        )
    return Spec(MODEL, args | {"tied": is_scaled(config) and not config["own_output"]})


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes."""
    theirs = {ours: name for name, ours in ACTIVATIONS.items()}
    said = {"feed_forward_proj": theirs.get(args["activation"], args["activation"])}
    tied = {"tie_word_embeddings": args["tied"], "scale_decoder_outputs": args["tied"]}
    whole = {"is_encoder_decoder": args["head"] != "hidden"}
    return said | tied | whole | {"decoder_start_token_id": args["padding_id"]}


def signature(config: dict[str, Any], /) -> Signature:
    """Source and target in, logits of the target's next token out; of an encoder its features."""
    return ports(config, head_of(config, HEADS))


def ports(config: dict[str, Any], head: str, /) -> Signature:
    """What a model of T5's kin takes and gives, by our head."""
    if head == "translate":
        return pairs(config)
    return hf_bert.ports(config | {"hidden_size": config["d_model"]}, head, segments=0)
