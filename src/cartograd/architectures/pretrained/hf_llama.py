"""LLaMA and its descendants (Mistral, Qwen2) as Hugging Face keeps them."""

from typing import Any

from cartograd.core.errors import UsageError
from cartograd.core.key_map import Table
from cartograd.core.ports import Port, Signature
from cartograd.core.spec import Spec

SCALINGS = {
    "linear": {"factor": "factor"},
    "yarn": {
        "factor": "factor", "original_max_position_embeddings": "context", "beta_fast": "fast",
        "beta_slow": "slow", "attention_factor": "sharpness",
    },
    "llama3": {
        "factor": "factor", "original_max_position_embeddings": "context",
        "low_freq_factor": "low", "high_freq_factor": "high",
    },
}  # fmt: skip
"""Ways to scale rotary positions: their words and ours."""


def keys(config: dict[str, Any], /) -> Table:
    """The key map; with tied weights the output's are the embedding's."""
    layer, block = r"model\.layers\.(\d+)", r"blocks.\1"
    ends = "(weight|bias)"
    parts = {"q": "query", "k": "key", "v": "value", "o": "out"}
    head = "embedding.weight" if config.get("tie_word_embeddings") else "head.weight"
    return [
        (r"model\.embed_tokens\.weight", "embedding.weight"),
        *(
            (rf"{layer}\.self_attn\.{theirs}_proj\.{ends}", rf"{block}.attention.{ours}.\2")
            for theirs, ours in parts.items()
        ),
        (rf"{layer}\.mlp\.(gate|up|down)_proj\.weight", rf"{block}.feed_forward.\2.weight"),
        (rf"{layer}\.input_layernorm\.weight", rf"{block}.attention_norm.weight"),
        (rf"{layer}\.post_attention_layernorm\.weight", rf"{block}.feed_forward_norm.weight"),
        (rf"{layer}\.self_attn\.rotary_emb\.inv_freq", None),
        (r"model\.norm\.weight", "norm.weight"),
        (r"lm_head\.weight", head),
    ]


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made.

    Raises:
        UsageError: the configuration asks for what this architecture has not.
    """
    heads = config["num_attention_heads"]
    for key, value in (("hidden_act", "silu"), ("mlp_bias", False)):
        if config.get(key, value) != value:
            raise UsageError(f"config.json: {key}={config[key]!r}; LLaMA here has {value!r} only")
    if config.get("head_dim") not in (None, config["hidden_size"] // heads):
        raise UsageError(
            f"config.json: head_dim={config['head_dim']}; LLaMA here has hidden_size / heads, "
            f"{config['hidden_size'] // heads}"
        )
    rope = config.get("rope_parameters") or {}
    args = {
        "vocabulary": config["vocab_size"],
        "dim": config["hidden_size"],
        "depth": config["num_hidden_layers"],
        "heads": heads,
        "kv_heads": config.get("num_key_value_heads") or heads,
        "ffn_dim": config["intermediate_size"],
        "context": config.get("max_position_embeddings", 2048),
        "base": float(rope.get("rope_theta") or config.get("rope_theta", 10_000.0)),
        "tied": bool(config.get("tie_word_embeddings")),
        "eps": config.get("rms_norm_eps", 1e-6),
    }
    return Spec("llama", args | _optional(config, rope or config.get("rope_scaling") or {}))


def signature(config: dict[str, Any], /) -> Signature:
    """Tokens in, logits of the next token out."""
    size, padding = config["vocab_size"], config.get("pad_token_id")
    inside = padding if padding is not None and 0 <= padding < size else None
    tokens = Port("text", "text", ("t",), "int64", (0, size - 1), padding_id=inside)
    return Signature((tokens,), (Port("next", "label", ("t", size), task="next-token"),))


def _optional(config: dict[str, Any], rope: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    family = config.get("model_type")
    if family == "qwen2":
        found["biases"] = "qkv"
    elif config.get("attention_bias"):
        found["biases"] = "qkvo"
    if config.get("sliding_window") and config.get("use_sliding_window", family != "qwen2"):
        found["window"] = config["sliding_window"]
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return found
    if kind not in SCALINGS:
        raise UsageError(
            f"config.json: rotary positions of type {kind!r} are not known; expected one of "
            f"default, {', '.join(SCALINGS)}"
        )
    words = SCALINGS[kind]
    args = {ours: rope[theirs] for theirs, ours in words.items() if rope.get(theirs) is not None}
    if "context" in words.values():
        args.setdefault("context", config["max_position_embeddings"])
    return found | {"scaling": str(Spec(kind, args))}


KEYS = keys
