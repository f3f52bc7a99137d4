"""GPT-2 as Hugging Face keeps it (`model_type` gpt2).

Its linear layers are stored as (inputs, outputs), queries, keys and values in one matrix.
"""

from typing import Any

from cartograd.core.errors import UsageError
from cartograd.core.key_map import Op, parts, transposed
from cartograd.core.ports import Port, Signature
from cartograd.core.spec import Spec

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

KEYS = (
    (r"(?:transformer\.)?wte\.weight", "tokens.weight"),
    (r"(?:transformer\.)?wpe\.weight", "positions.weight"),
    (r"(?:transformer\.)?ln_f\.(weight|bias)", r"norm.\1"),
    *BLOCKS,
)


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made.

    Raises:
        UsageError: the folder's model differs from GPT-2 in a way that ours has not.
    """
    required(config, "activation_function", "gelu_new", "gelu_pytorch_tanh")
    required(config, "scale_attn_weights", True)
    required(config, "scale_attn_by_inverse_layer_idx", False)
    required(config, "layer_norm_epsilon", 1e-5)
    return Spec("gpt", sizes(config) | {"ffn_dim": config.get("n_inner") or 4 * config["n_embd"]})


def sizes(config: dict[str, Any], /) -> dict[str, Any]:
    """What GPT-1 and GPT-2 call the same."""
    return {
        "vocabulary": config["vocab_size"],
        "context": config["n_positions"],
        "dim": config["n_embd"],
        "heads": config["n_head"],
        "depth": config["n_layer"],
        "dropout": config.get("resid_pdrop", 0.1),
    }


def signature(config: dict[str, Any], /) -> Signature:
    """Text in, logits of the next token out."""
    size = config["vocab_size"]
    text = Port("text", "text", ("t",), "int64", bounds=(0, size - 1))
    return Signature((text,), (Port("next", "label", ("t", size), task="next-token"),))


def required(config: dict[str, Any], key: str, *allowed: Any) -> None:
    """Refuse a configuration that says otherwise.

    Raises:
        UsageError: it does.
    """
    value = config.get(key, allowed[0])
    if value not in allowed:
        raise UsageError(
            f"config.json: {key}={value!r} is a form of {config.get('model_type')} that is not "
            f"known here; expected {' or '.join(map(repr, allowed))}"
        )
