"""Qwen3 as Hugging Face keeps it: LLaMA with norms of queries and keys.

References:
    An Yang et al. Qwen3 technical report. 2025. https://arxiv.org/abs/2505.09388
"""

from typing import Any

from cartograd.architectures.pretrained import published_decoder, published_rope
from cartograd.architectures.pretrained.published_decoder import (
    SIZES,
    answers,
    late_windows,
    layer_types,
    query_key_norms,
    reads_on,
    sizes,
    table,
)
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.core.key_map import Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {
    "Qwen3ForCausalLM": "next",
    "Qwen3ForSequenceClassification": "classify",
    "Qwen3ForTokenClassification": "tag",
}
"""Our heads by the names of theirs."""

READS = published_decoder.READS | published_rope.READS | {
    "attention_bias": "flag", "use_sliding_window": "flag", "sliding_window": "count?",
    "max_window_layers": "number", "layer_types": "words?",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

MODEL = "decoder"


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map."""
    return table(config, head_of(config, HEADS), own=query_key_norms())


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made."""
    head = head_of(config, HEADS)
    args = sizes(config, head) | published_rope.rotary(config) | {"qk_norm": "head"}
    args |= late_windows(config) | ({"biases": "qkvo"} if config["attention_bias"] else {})
    return answers(Spec(MODEL, args), config, head)


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes."""
    window = args["window"]
    slides = {"use_sliding_window": window is not None, "sliding_window": window}
    said = {"tie_word_embeddings": args["tied"], "attention_bias": args["biases"] == "qkvo"}
    return said | slides | published_rope.back(args) | {"layer_types": layer_types(args)}


def signature(config: dict[str, Any], /) -> Signature:
    """Tokens in, logits of the next token or classes out."""
    return reads_on(config, head_of(config, HEADS))


__all__ = ["HEADS", "KEYS", "MODEL", "READS", "SIZES", "back", "signature", "spec"]
