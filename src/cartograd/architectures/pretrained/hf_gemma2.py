"""Gemma 2 as Hugging Face keeps it: norms on both sides of parts, caps, every other layer a window.

Its norms are kept as w of 1 + w. Tokens' vectors are multiplied by the root of their size.

References:
    Gemma team. Gemma 2: improving open language models at a practical size. 2024.
    https://arxiv.org/abs/2408.00118
"""

from typing import Any

from cartograd.architectures.pretrained import published_decoder, published_rope
from cartograd.architectures.pretrained.published_decoder import (
    SIZES,
    answers,
    layer_types,
    reach,
    reads_on,
    sizes,
    table,
    windows,
)
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.core.key_map import Op, Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {
    "Gemma2ForCausalLM": "next",
    "Gemma2ForSequenceClassification": "classify",
    "Gemma2ForTokenClassification": "tag",
}
"""Our heads by the names of theirs."""

READS = published_decoder.READS | published_rope.READS | {
    "attention_bias": "flag", "query_pre_attn_scalar": "count", "sliding_window": "count?",
    "attn_logit_softcapping": "number?", "final_logit_softcapping": "number?",
    "layer_types": "words?",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

MODEL = "decoder"

NORMS = {
    "input_layernorm": "attention_norm", "post_attention_layernorm": "attention_after",
    "pre_feedforward_layernorm": "feed_forward_norm",
    "post_feedforward_layernorm": "feed_forward_after",
}  # fmt: skip
"""Their names of a layer's norms, and ours."""

ONE_MORE = Op(
    lambda tensor: tensor.double() + 1, lambda tensor: (tensor.double() - 1).to(tensor.dtype)
)
"""Norms are kept without the one; half precision would round the sum."""


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map."""
    return table(config, head_of(config, HEADS), norms=NORMS, op=(ONE_MORE,))


def made(config: dict[str, Any], head: str, /) -> dict[str, Any]:
    """Our settings of a Gemma, but for its rotary positions and windows."""
    caps = {"attention_cap": "attn_logit_softcapping", "output_cap": "final_logit_softcapping"}
    said = {ours: config.get(theirs) for ours, theirs in caps.items()}
    return sizes(config, head) | {key: cap for key, cap in said.items() if cap is not None} | {
        "order": "sandwich", "activation": "geglu", "embedding_scale": config["hidden_size"] ** 0.5,
        "scale": config["query_pre_attn_scalar"] ** -0.5,
        "biases": "qkvo" if config["attention_bias"] else "",
    }  # fmt: skip


def sliding(config: dict[str, Any], every: int, /) -> dict[str, Any]:
    """Our `window` and `reach`; usually all layers but each so manieth have one."""
    usual = [bool((n + 1) % every) for n in range(min(config["num_hidden_layers"], 10_000))]
    there, wide = windows(config, usual), config["sliding_window"]
    if wide is None or not any(there):
        return {}
    return {"window": wide, "reach": reach("".join("fw"[one] for one in there))}


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made."""
    head = head_of(config, HEADS)
    args = made(config, head) | published_rope.rotary(config) | sliding(config, 2)
    return answers(Spec(MODEL, args), config, head)


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes."""
    scale = args["head_dim"] if args["scale"] is None else args["scale"] ** -2
    return published_rope.back(args) | {
        "tie_word_embeddings": args["tied"], "attention_bias": args["biases"] == "qkvo",
        "query_pre_attn_scalar": round(scale), "sliding_window": args["window"],
        "attn_logit_softcapping": args["attention_cap"],
        "final_logit_softcapping": args["output_cap"], "layer_types": layer_types(args),
    }  # fmt: skip


def signature(config: dict[str, Any], /) -> Signature:
    """Tokens in, logits of the next token or classes out."""
    return reads_on(config, head_of(config, HEADS))


__all__ = ["HEADS", "KEYS", "MODEL", "READS", "SIZES", "back", "signature", "spec"]
