"""Phi-3 and Phi-4 as Hugging Face keeps them: LLaMA with fused matrices and LongRoPE.

References:
    Marah Abdin et al. Phi-3 technical report. 2024. https://arxiv.org/abs/2404.14219
    Yiran Ding et al. LongRoPE. 2024. https://arxiv.org/abs/2402.13753
"""

from typing import Any

from cartograd.architectures.pretrained import published_decoder, published_rope
from cartograd.architectures.pretrained.published_decoder import (
    BLOCK,
    LAYER,
    SIZES,
    answers,
    reads_on,
    sizes,
    table,
)
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.architectures.pretrained.published_rope import ORIGINAL
from cartograd.core.key_map import Table, parts
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {
    "Phi3ForCausalLM": "next",
    "Phi3ForSequenceClassification": "classify",
    "Phi3ForTokenClassification": "tag",
}
"""Our heads by the names of theirs."""

READS = published_decoder.READS | published_rope.READS | {
    "sliding_window": "count?", ORIGINAL: "count?", "partial_rotary_factor": "number",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

MODEL = "decoder"

OLDER = ("su", "yarn")
"""What LongRoPE was called in earlier files."""


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map: queries, keys and values are one matrix, gate and up another."""
    made = sizes(config, "next")
    groups = made["kv_heads"] * made["head_dim"]
    own = (
        (
            rf"{LAYER}\.self_attn\.qkv_proj\.weight",
            tuple(f"{BLOCK}.attention.{part}.weight" for part in ("query", "key", "value")),
            parts((made["heads"] * made["head_dim"], groups, groups)),
        ),
        (
            rf"{LAYER}\.mlp\.gate_up_proj\.weight",
            tuple(f"{BLOCK}.feed_forward.{part}.weight" for part in ("gate", "up")),
            parts(2),
        ),
    )
    return table(config, head_of(config, HEADS), own=own)


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made."""
    head, wide = head_of(config, HEADS), config.get("sliding_window")
    rope = dict(config.get("rope_scaling") or config.get("rope_parameters") or {})
    kind = "rope_type" if "rope_type" in rope else "type"
    if rope.get(kind) in OLDER:
        rope[kind] = "longrope"
    args = sizes(config, head) | published_rope.rotary(config, rope)
    args |= {} if wide is None else {"window": wide, "reach": "w"}
    return answers(Spec(MODEL, args), config, head)


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes."""
    said = published_rope.back(args)
    scaling = said.get("rope_scaling", {})
    trained = {ORIGINAL: scaling[ORIGINAL]} if ORIGINAL in scaling else {}
    own = {"tie_word_embeddings": args["tied"], "partial_rotary_factor": args["share"]}
    return said | own | trained | {"sliding_window": args["window"]}


def signature(config: dict[str, Any], /) -> Signature:
    """Tokens in, logits of the next token or classes out."""
    return reads_on(config, head_of(config, HEADS))


__all__ = ["HEADS", "KEYS", "MODEL", "READS", "SIZES", "back", "signature", "spec"]
