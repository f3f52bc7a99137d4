"""T5 as Hugging Face keeps it (`model_type` t5), 1.0 and 1.1, with the head of `architectures`."""

from typing import Any

from cartograd.architectures.pretrained import hf_bart, hf_bert
from cartograd.architectures.pretrained.published_config import required, typed
from cartograd.architectures.pretrained.published_head import head_of, labels, pairs
from cartograd.architectures.pretrained.published_t5 import stack
from cartograd.architectures.transformer.t5 import ENCODERS
from cartograd.core.errors import UsageError
from cartograd.core.key_map import Op, Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

ACTIVATIONS = {"relu": "relu", "gated-gelu": "geglu"}

HEADS = {
    "T5ForConditionalGeneration": "translate",
    "T5WithLMHeadModel": "translate",
    "T5EncoderModel": "hidden",
    "T5ForSequenceClassification": "classify",
    "T5ForTokenClassification": "tag",
    "T5ForQuestionAnswering": "extract",
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

OWN = {"tag": hf_bert.OWN["tag"]} | {
    head: hf_bart.OWN[head] for head in ("classify", "extract", "hidden")
}
"""What each head adds, but for the one that writes."""

ROOT = r"(?:transformer\.)?"
"""What names begin with where the model is part of another."""


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map for the folder's head."""
    return keys(config, head_of(config, HEADS))


def keys(config: dict[str, Any], head: str, /, *, each: bool = False) -> Table:
    """The key map. Scores are by the embedding, scaled, or by a matrix of their own, unscaled.

    Args:
        config: of T5 or its kin.
        head: ours.
        each: whether each block has biases of its own.
    """
    up = "wi" if config["feed_forward_proj"] == "relu" else "wi_1"
    root = ROOT if head in ("classify", "tag") else ""
    encoder = stack("encoder", "encoder", 1, up, root=root, each=each)
    decoder = stack("decoder", "decoder_blocks", 2, up, root=root, each=each)
    if head == "translate":
        return (*_scored(config), *encoder, *decoder)
    if head in ENCODERS:
        decoder = ((rf"{root}decoder\..*", None),)
    shared = (rf"{root}shared\.weight", "tokens.weight")
    return (shared, *encoder, *decoder, *OWN[head], (r"lm_head\..*", None))


def _scored(config: dict[str, Any]) -> Table:
    """How tokens are read, and how they are scored."""
    scaled, own, root = is_scaled(config), config["own_output"], config["d_model"] ** -0.5
    shared: tuple[Any, ...] = ("tokens.weight",)
    if not scaled and not own:  # as transformers 5 ties T5 1.1
        shared = (("tokens.weight", "head.weight"), Op(lambda one: (one, one), lambda one, _: one))
    by = Op(lambda tensor: tensor * root, lambda tensor: tensor / root)
    scores: tuple[Any, ...] = ("head.weight", by) if scaled else ("head.weight",)
    return (
        (r"shared\.weight", *shared),
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
        "tied": is_scaled(config) and not (config["own_output"] and head == "translate"),
    }  # fmt: skip
    args |= {"classes": len(labels(config))} if head in ("classify", "tag") else {}
    if head in ENCODERS:
        return Spec(MODEL, args)
    required(config, "is_encoder_decoder", True)
    depth = config["num_layers"]
    if config.get("num_decoder_layers") not in (None, depth):
        raise UsageError(
            f"config.json: num_decoder_layers={config['num_decoder_layers']}, and the encoder has "
            f"{depth}; expected as many"
        )
    if head != "translate" and "decoder_start_token_id" in config:
        required(config, "decoder_start_token_id", config["pad_token_id"])
    return Spec(MODEL, args | (_end(config) if head == "classify" else {}))


def _end(config: dict[str, Any]) -> dict[str, int]:
    """The token whose features are classified; transformers' class has 1 where nothing is said."""
    end = config.get("eos_token_id", 1)
    typed("config.json", "eos_token_id", end, "id")
    return {"end_id": end}


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes."""
    theirs = {ours: name for name, ours in ACTIVATIONS.items()}
    said = {"feed_forward_proj": theirs.get(args["activation"], args["activation"])}
    tied = {"tie_word_embeddings": args["tied"], "scale_decoder_outputs": args["tied"]}
    whole = {"is_encoder_decoder": args["head"] != "hidden"}
    end = {"eos_token_id": args["end_id"]} if args["head"] == "classify" else {}
    return said | tied | whole | end | {"decoder_start_token_id": args["padding_id"]}


def signature(config: dict[str, Any], /) -> Signature:
    """Source and target in, logits of the target's next token out; else as of BERT's heads."""
    return ports(config, head_of(config, HEADS))


def ports(config: dict[str, Any], head: str, /) -> Signature:
    """What a model of T5's kin takes and gives, by our head."""
    if head == "translate":
        return pairs(config)
    return hf_bert.ports(config | {"hidden_size": config["d_model"]}, head, segments=0)
