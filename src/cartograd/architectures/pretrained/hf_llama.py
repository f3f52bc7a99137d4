"""LLaMA and its descendants (Mistral, Qwen2) as Hugging Face keeps them."""

from typing import Any

from cartograd.architectures.pretrained.published_config import shown, typed
from cartograd.architectures.pretrained.published_decoder import answers, classified, reads_on
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.core.errors import UsageError
from cartograd.core.key_map import Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {
    f"{family}For{task}": head
    for family in ("Llama", "Mistral", "Qwen2")
    for task, head in (("CausalLM", "next"), ("SequenceClassification", "classify"))
}
"""Our heads by the names of theirs."""

READS = {
    "vocab_size": "count", "hidden_size": "count", "intermediate_size": "count",
    "num_hidden_layers": "count", "num_attention_heads": "count", "num_key_value_heads": "count?",
    "head_dim": "count?", "max_position_embeddings": "count", "rms_norm_eps": "number",
    "pad_token_id": "id?", "tie_word_embeddings": "flag", "rope_parameters": "table?",
    "rope_scaling": "table?", "rope_theta": "number",
    "attention_bias": "flag",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

MODEL = "llama"
SIZES = {
    "vocabulary": "vocab_size", "dim": "hidden_size", "depth": "num_hidden_layers",
    "heads": "num_attention_heads", "kv_heads": "num_key_value_heads",
    "ffn_dim": "intermediate_size", "context": "max_position_embeddings", "eps": "rms_norm_eps",
}  # fmt: skip
"""What our settings are called in config.json; both ways go by it."""

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
    classifies = head_of(config, HEADS) == "classify"
    # A classifier scores no tokens; its decoder is one with tied weights.
    head = "embedding.weight" if classifies or is_tied(config) else "head.weight"
    body = [
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
    return classified(body) if classifies else body


def is_tied(config: dict[str, Any], /) -> bool:
    """Whether one matrix reads and scores: where it is said, unless the file holds two."""
    return config["tie_word_embeddings"] and not config["own_output"]


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made.

    Raises:
        UsageError: the configuration asks for what this architecture has not.
    """
    heads, head = config["num_attention_heads"], head_of(config, HEADS)
    if config.get("head_dim") not in (None, config["hidden_size"] // heads):
        raise UsageError(
            f"config.json: head_dim={config['head_dim']}; LLaMA here has hidden_size / heads, "
            f"{config['hidden_size'] // heads}"
        )
    rope = config.get("rope_scaling") or config.get("rope_parameters") or {}
    base = rope.get("rope_theta", config["rope_theta"])
    typed("config.json", "rope_theta", base, "number")
    args = {ours: config.get(theirs) for ours, theirs in SIZES.items()} | {
        "kv_heads": config.get("num_key_value_heads") or heads,
        "base": float(base),
        "tied": head == "classify" or is_tied(config),
    }
    if config["model_type"] == "qwen2":
        args["biases"] = "qkv"
    elif config.get("attention_bias"):
        args["biases"] = "qkvo"
    window, scaling = _window(config), _scaling(rope, config["max_position_embeddings"])
    found = {"window": window, "scaling": scaling}
    args |= {key: value for key, value in found.items() if value is not None}
    return answers(Spec("llama", args), config, head)


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes; older readers know this form."""
    said = {"tie_word_embeddings": args["tied"], "rope_theta": args["base"]}
    said |= {"attention_bias": True} if args["biases"] == "qkvo" else {}
    if args["scaling"] is None:
        return said
    scaling = Spec.parse(args["scaling"])
    words = {ours: theirs for theirs, ours in SCALINGS.get(scaling.name, {}).items()}
    lacking = [name for name in scaling.args if name not in words]
    if scaling.name not in SCALINGS or lacking:
        raise UsageError(f"scaling={args['scaling']} has no name in config.json of LLaMA")
    usual = {"low": 1.0, "high": 4.0} if scaling.name == "llama3" else {}
    rope = {words[name]: value for name, value in (usual | scaling.args).items()}
    return said | {"rope_scaling": {"rope_type": scaling.name} | rope}


def signature(config: dict[str, Any], /) -> Signature:
    """Tokens in, logits of the next token or classes out."""
    return reads_on(config, head_of(config, HEADS))


def _window(config: dict[str, Any]) -> int | None:
    """How far back each position attends, in all layers alike."""
    if config["model_type"] != "qwen2":
        return config.get("sliding_window")
    depth = config["num_hidden_layers"]
    slides = config["use_sliding_window"] and config["sliding_window"] is not None
    first = config["max_window_layers"] if slides else depth
    usual = [layer >= first for layer in range(min(depth, 10_000))]
    kinds = config.get("layer_types")
    if kinds is not None and kinds != [
        f"{'sliding' if one else 'full'}_attention" for one in usual
    ]:
        raise UsageError(
            f"config.json: layer_types={shown(kinds)} does not follow from use_sliding_window, "
            "sliding_window and max_window_layers, as it does in Qwen2"
        )
    if any(usual) and not all(usual):
        raise UsageError(
            f"config.json: max_window_layers={first}, so that only some of the layers have a "
            "window; expected 0, or use_sliding_window=false"
        )
    return config["sliding_window"] if any(usual) else None


def _scaling(rope: dict[str, Any], context: int) -> str | None:
    """How rotary positions are slowed down."""
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind not in ("default", *SCALINGS):
        raise UsageError(
            f"config.json: rope_parameters: rope_type={shown(kind)}: such rotary positions are not "
            f"known; expected default, {', '.join(SCALINGS)}"
        )
    words = SCALINGS.get(kind, {})
    args = {}
    for key, value in rope.items():
        if key in words and value is not None:
            typed("config.json: rope_parameters", key, value, "number")
            args[words[key]] = value
        elif key not in ("rope_type", "type", "rope_theta") and value not in (None, False):
            raise UsageError(
                f"config.json: rope_parameters: {key}={shown(value)} is not understood for rotary "
                f"positions of type {kind}"
            )
    if kind == "default":
        return None
    if "factor" not in args:
        raise UsageError(f"config.json: rope_parameters of type {kind} lack 'factor'")
    if "context" in words.values():
        args.setdefault("context", context)
    return str(Spec(kind, args))


KEYS = keys
