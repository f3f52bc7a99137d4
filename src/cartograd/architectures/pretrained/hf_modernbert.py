"""ModernBERT as Hugging Face keeps it: fused matrices, two sorts of rotary positions.

References:
    Benjamin Warner et al. ModernBERT. 2024. https://arxiv.org/abs/2412.13663
"""

from typing import Any

from cartograd.architectures.pretrained import hf_bert
from cartograd.architectures.pretrained.published_config import shown, typed
from cartograd.architectures.pretrained.published_decoder import reach, windows
from cartograd.architectures.pretrained.published_head import head_of, labels
from cartograd.core.errors import UsageError
from cartograd.core.key_map import Table, parts
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {
    "ModernBertForMaskedLM": "masked",
    "ModernBertModel": "hidden",
    "ModernBertForSequenceClassification": "classify",
    "ModernBertForTokenClassification": "tag",
    "ModernBertForQuestionAnswering": "extract",
}
"""Our heads by the names of theirs."""

MODEL = "modernbert"
SIZES = {
    "vocabulary": "vocab_size", "padding_id": "pad_token_id", "dim": "hidden_size",
    "heads": "num_attention_heads", "depth": "num_hidden_layers", "ffn_dim": "intermediate_size",
    "context": "max_position_embeddings", "pooling": "classifier_pooling", "eps": "norm_eps",
}  # fmt: skip
"""What our settings are called in config.json; both ways go by it."""

READS = {
    **dict.fromkeys(SIZES.values(), "count"), "pad_token_id": "id?", "classifier_pooling": "word",
    "norm_eps": "number", "local_attention": "count", "layer_types": "words?",
    "global_attn_every_n_layers": "count", "rope_parameters": "table?",
    "global_rope_theta": "number", "local_rope_theta": "number",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

PARTS = {"full_attention": "global_rope_theta", "sliding_attention": "local_rope_theta"}
"""What rotary positions are said of apart, and what that was called before."""

_LAYER, _BLOCK = r"(?:model\.)?layers\.(\d+)", r"blocks.\1"

BODY = (
    (r"(?:model\.)?embeddings\.tok_embeddings\.weight", "tokens.weight"),
    (r"(?:model\.)?embeddings\.norm\.weight", "norm.weight"),
    (r"(?:model\.)?final_norm\.weight", "final_norm.weight"),
    (
        rf"{_LAYER}\.attn\.Wqkv\.weight",
        tuple(f"{_BLOCK}.attention.{part}.weight" for part in ("query", "key", "value")),
        parts(3),
    ),
    (rf"{_LAYER}\.attn\.Wo\.weight", f"{_BLOCK}.attention.out.weight"),
    (
        rf"{_LAYER}\.mlp\.Wi\.weight",
        tuple(f"{_BLOCK}.feed_forward.{part}.weight" for part in ("gate", "up")),
        parts(2),
    ),
    (rf"{_LAYER}\.mlp\.Wo\.weight", f"{_BLOCK}.feed_forward.down.weight"),
    (rf"{_LAYER}\.attn_norm\.weight", f"{_BLOCK}.attention_norm.weight"),
    (rf"{_LAYER}\.mlp_norm\.weight", f"{_BLOCK}.feed_forward_norm.weight"),
)
"""All but the heads."""

DENSE = ((r"head\.dense\.weight", "dense.weight"), (r"head\.norm\.weight", "dense_norm.weight"))
CLASSIFIER = (*DENSE, (r"classifier\.(weight|bias)", r"classifier.\1"))

OWN = {
    "hidden": (),
    "masked": (*DENSE, (r"decoder\.bias", "bias"), (r"decoder\.weight", "tokens.weight")),
    "classify": CLASSIFIER,
    "tag": CLASSIFIER,
    "extract": CLASSIFIER,
}
"""What each head adds."""

LEFT_OUT = ((r"head\..*|decoder\..*", None),)
"""Heads that a file may hold besides."""


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map for the folder's head."""
    return (*BODY, *OWN[head_of(config, HEADS)], *LEFT_OUT)


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made.

    Raises:
        UsageError: an unknown way to pool, or rotary positions that are slowed down.
    """
    head, pooling = head_of(config, HEADS), config["classifier_pooling"]
    if pooling not in ("cls", "mean"):
        raise UsageError(f"config.json: classifier_pooling={shown(pooling)}; expected cls or mean")
    every, depth = config["global_attn_every_n_layers"], config["num_hidden_layers"]
    there = windows(config, [bool(n % every) for n in range(min(depth, 10_000))])
    base, local = (_base(config, part, older) for part, older in PARTS.items())
    args = {ours: config[theirs] for ours, theirs in SIZES.items()} | {
        "window": config["local_attention"] // 2 + 1, "base": base, "local_base": local,
        "reach": reach("".join("fw"[one] for one in there)), "head": head,
    }  # fmt: skip
    classes = {"classes": len(labels(config))} if head in ("classify", "tag") else {}
    return Spec(MODEL, args | classes)


def _base(config: dict[str, Any], part: str, older: str) -> float:
    said = (config.get("rope_parameters") or {}).get(part)
    typed("config.json: rope_parameters", part, said, "table?")
    said = said or {}
    for key, value in said.items():
        if key != "rope_theta" and not (key == "rope_type" and value == "default"):
            raise UsageError(
                f"config.json: rope_parameters: {key}={shown(value)} of {part} is not understood "
                "for modernbert"
            )
    base = said.get("rope_theta", config[older])
    typed(f"config.json: rope_parameters: {part}", "rope_theta", base, "number")
    return float(base)


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes."""
    letters = (args["reach"] * args["depth"])[: args["depth"]]
    names = {"f": "full_attention", "w": "sliding_attention"}
    return {
        "local_attention": 2 * (args["window"] - 1), "global_rope_theta": args["base"],
        "local_rope_theta": args["local_base"], "layer_types": [names[one] for one in letters],
    }  # fmt: skip


def signature(config: dict[str, Any], /) -> Signature:
    """Text in; what comes out depends on the head."""
    return hf_bert.ports(config, head_of(config, HEADS), segments=0)
