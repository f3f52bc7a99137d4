"""GPT-2 as Hugging Face keeps it (`model_type` gpt2).

Its linear layers are stored as (inputs, outputs), queries, keys and values in one matrix.
"""

from typing import Any

from cartograd.architectures.pretrained.published_config import required
from cartograd.architectures.pretrained.published_decoder import answers, classified, reads_on
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.core.key_map import Op, Table, parts, transposed
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {
    "GPT2LMHeadModel": "next",
    "GPT2Model": "next",
    "GPT2ForSequenceClassification": "classify",
}
"""Our heads by the names of theirs; a body alone scores tokens by its embedding."""

READS = {
    "vocab_size": "count", "n_positions": "count", "n_embd": "count", "n_head": "count",
    "n_layer": "count", "n_inner": "count?", "resid_pdrop": "number",
    "activation_function": "word", "pad_token_id": "id?",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

MODEL = "gpt"
SIZES = {
    "vocabulary": "vocab_size", "context": "n_positions", "dim": "n_embd", "heads": "n_head",
    "depth": "n_layer", "dropout": "resid_pdrop", "ffn_dim": "n_inner",
}  # fmt: skip
"""What our settings are called in config.json; both ways go by it."""

_CUT = parts(3, dim=1)
cut = Op(
    lambda tensor: tuple(piece.mT for piece in _CUT.there(tensor)),
    lambda *pieces: _CUT.back(*(piece.mT for piece in pieces)),
)
"""A matrix of three, stored as (inputs, outputs)."""

_ATTENTION = tuple(rf"blocks.\1.attention.{name}." for name in ("query", "key", "value"))

BLOCKS = (
    (r"(?:transformer\.)?h\.(\d+)\.ln_1\.(weight|bias)", r"blocks.\1.attention_norm.\2"),
    (
        r"(?:transformer\.)?h\.(\d+)\.attn\.c_attn\.weight",
        tuple(f"{name}weight" for name in _ATTENTION),
        cut,
    ),
    (
        r"(?:transformer\.)?h\.(\d+)\.attn\.c_attn\.bias",
        tuple(f"{name}bias" for name in _ATTENTION),
        parts(3),
    ),
    (
        r"(?:transformer\.)?h\.(\d+)\.attn\.c_proj\.weight",
        r"blocks.\1.attention.out.weight",
        transposed,
    ),
    (r"(?:transformer\.)?h\.(\d+)\.attn\.c_proj\.bias", r"blocks.\1.attention.out.bias"),
    (r"(?:transformer\.)?h\.\d+\.attn\.(?:masked_)?bias", None),
    (r"(?:transformer\.)?h\.(\d+)\.ln_2\.(weight|bias)", r"blocks.\1.feed_forward_norm.\2"),
    (
        r"(?:transformer\.)?h\.(\d+)\.mlp\.c_fc\.weight",
        r"blocks.\1.feed_forward.up.weight",
        transposed,
    ),
    (r"(?:transformer\.)?h\.(\d+)\.mlp\.c_fc\.bias", r"blocks.\1.feed_forward.up.bias"),
    (
        r"(?:transformer\.)?h\.(\d+)\.mlp\.c_proj\.weight",
        r"blocks.\1.feed_forward.down.weight",
        transposed,
    ),
    (r"(?:transformer\.)?h\.(\d+)\.mlp\.c_proj\.bias", r"blocks.\1.feed_forward.down.bias"),
    (r"lm_head\.weight", "tokens.weight"),
)
"""The part of the map that GPT-1 shares."""

BODY = (
    (r"(?:transformer\.)?wte\.weight", "tokens.weight"),
    (r"(?:transformer\.)?wpe\.weight", "positions.weight"),
    (r"(?:transformer\.)?ln_f\.(weight|bias)", r"norm.\1"),
    *BLOCKS,
)


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map for the folder's head."""
    return classified(BODY) if head_of(config, HEADS) == "classify" else BODY


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made.

    Raises:
        UsageError: the folder's model differs from GPT-2 in a way that ours has not.
    """
    required(config, "activation_function", "gelu_new", "gelu_pytorch_tanh")
    own = {"ffn_dim": config.get("n_inner") or 4 * config["n_embd"]}
    return answers(Spec("gpt", sizes(config) | own), config, head_of(config, HEADS))


def sizes(config: dict[str, Any], /) -> dict[str, Any]:
    """What GPT-1 and GPT-2 call the same."""
    return {ours: config[theirs] for ours, theirs in SIZES.items() if ours != "ffn_dim"}


def back(_args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes: nothing."""
    return {}


def signature(config: dict[str, Any], /) -> Signature:
    """Text in, logits of the next token or classes out."""
    return reads_on(config, head_of(config, HEADS))
