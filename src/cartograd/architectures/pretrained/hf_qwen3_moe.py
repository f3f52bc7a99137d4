"""Qwen3 with experts as Hugging Face keeps it.

References:
    An Yang et al. Qwen3 technical report. 2025. https://arxiv.org/abs/2505.09388
"""

from typing import Any

from cartograd.architectures.pretrained import published_decoder, published_rope
from cartograd.architectures.pretrained.published_decoder import (
    BLOCK,
    LAYER,
    answers,
    query_key_norms,
    reach,
    reads_on,
    sizes,
    table,
)
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.core.errors import UsageError
from cartograd.core.key_map import Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {
    "Qwen3MoeForCausalLM": "next",
    "Qwen3MoeForSequenceClassification": "classify",
    "Qwen3MoeForTokenClassification": "tag",
}
"""Our heads by the names of theirs."""

DEFAULT = 128
"""The number of experts where nothing is said."""

COUNT = ("num_local_experts", "num_experts")
"""The number of experts, in files of transformers 5 and of before."""

READS = published_decoder.READS | published_rope.READS | {
    **dict.fromkeys(COUNT, "count?"), "num_experts_per_tok": "count", "norm_topk_prob": "flag",
    "moe_intermediate_size": "count", "attention_bias": "flag", "use_sliding_window": "flag",
    "sliding_window": "count?", "max_window_layers": "number?", "decoder_sparse_step": "count",
    "mlp_only_layers": "places?",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

MODEL = "decoder"
SIZES = published_decoder.SIZES | {"k": "num_experts_per_tok", "ffn_dim": "moe_intermediate_size"}
"""What our settings are called in config.json; both ways go by it."""


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map."""
    theirs, ours = rf"{LAYER}\.mlp", rf"{BLOCK}.feed_forward"
    own = [
        *query_key_norms(),
        (rf"{theirs}\.gate\.weight", rf"{ours}.router.weight"),
        (
            rf"{theirs}\.experts\.(\d+)\.(gate|up|down)_proj\.weight",
            rf"{ours}.experts.\2.\3.weight",
        ),
    ]
    return table(config, head_of(config, HEADS), own=own)


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made."""
    head = head_of(config, HEADS)
    args = sizes(config, head) | published_rope.rotary(config) | {"qk_norm": "head"}
    args |= {"ffn_dim": config["moe_intermediate_size"], "k": config["num_experts_per_tok"]}
    args |= {"experts": _count(config), "normalised": config["norm_topk_prob"]}
    args |= {"biases": "qkvo"} if config["attention_bias"] else {}
    letters = _letters(config)
    if "d" in letters:
        args |= {"mixture": reach(letters), "dense_dim": config["intermediate_size"]}
    if config["use_sliding_window"] and config["sliding_window"] is not None:
        args |= {"window": config["sliding_window"], "reach": "w"}
    return answers(Spec(MODEL, args), config, head)


def _letters(config: dict[str, Any]) -> str:
    """Of each layer, whether it has experts (`e`) or a single part (`d`)."""
    single, step = set(config["mlp_only_layers"] or ()), config["decoder_sparse_step"]
    layers = range(min(config["num_hidden_layers"], 10_000))
    return "".join("d" if n in single or (n + 1) % step else "e" for n in layers)


def _count(config: dict[str, Any]) -> int:
    new, old = (config.get(key) for key in COUNT)
    if old is not None and new not in (None, old, DEFAULT):
        raise UsageError(f"config.json: {COUNT[0]}={new} and {COUNT[1]}={old}; which is right?")
    return old or new or DEFAULT


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes."""
    window = args["window"]
    letters = (args["mixture"] * args["depth"])[: args["depth"]]
    return published_rope.back(args) | {
        "tie_word_embeddings": args["tied"], "attention_bias": args["biases"] == "qkvo",
        "use_sliding_window": window is not None, "sliding_window": window,
        "num_experts": args["experts"], "norm_topk_prob": args["normalised"],
        "intermediate_size": args["dense_dim"] or args["ffn_dim"], "decoder_sparse_step": 1,
        "mlp_only_layers": [n for n, letter in enumerate(letters) if letter == "d"],
    }  # fmt: skip


def signature(config: dict[str, Any], /) -> Signature:
    """Tokens in, logits of the next token or classes out."""
    return reads_on(config, head_of(config, HEADS))
