"""Gemma 3 as Hugging Face keeps its language models: Gemma 2 with norms of queries and keys.

Five layers in six have a window and rotary positions of their own, which are not slowed down. The
models that see, too (`model_type` gemma3), are others.

References:
    Gemma team. Gemma 3 technical report. 2025. https://arxiv.org/abs/2503.19786
"""

from typing import Any

from cartograd.architectures.pretrained import hf_gemma2, published_rope
from cartograd.architectures.pretrained.hf_gemma2 import MODEL, NORMS, ONE_MORE, SIZES
from cartograd.architectures.pretrained.published_config import shown, typed
from cartograd.architectures.pretrained.published_decoder import (
    answers,
    query_key_norms,
    reads_on,
    table,
)
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.core.errors import UsageError
from cartograd.core.key_map import Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {"Gemma3ForCausalLM": "next", "Gemma3TextForSequenceClassification": "classify"}
"""Our heads by the names of theirs."""

READS = {
    **{key: kind for key, kind in hf_gemma2.READS.items() if key != "attn_logit_softcapping"},
    "rope_local_base_freq": "number", "sliding_window_pattern": "count?",
    "_sliding_window_pattern": "count",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

PARTS = ("full_attention", "sliding_attention")
"""What rotary positions are said of apart."""


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map."""
    own = query_key_norms(ONE_MORE)
    return table(config, head_of(config, HEADS), norms=NORMS, op=(ONE_MORE,), own=own)


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made."""
    head = head_of(config, HEADS)
    every = config.get("sliding_window_pattern") or config["_sliding_window_pattern"]
    args = hf_gemma2.made(config, head) | {"qk_norm": "head"} | hf_gemma2.sliding(config, every)
    return answers(Spec(MODEL, args | _rotary(config)), config, head)


def _rotary(config: dict[str, Any]) -> dict[str, Any]:
    """The rotary positions of both sorts of layers, said apart (transformers 5) or not (before)."""
    said = config.get("rope_parameters") or {}
    for part in PARTS:
        typed("config.json: rope_parameters", part, said.get(part), "table?")
    whole, local = (said.get(part) or {} for part in PARTS)
    if set(said) - set(PARTS):
        whole, local = said, {}
    if config.get("rope_scaling"):
        whole = whole | config["rope_scaling"]
    if local.get("rope_type", "default") != "default":
        raise UsageError(
            f"config.json: rope_parameters: sliding_attention={shown(local)} is slowed down; "
            "expected rope_type default"
        )
    of_windows = {"rope_theta": config["rope_local_base_freq"]} | local
    found = published_rope.rotary(config, whole)
    return found | {"local_base": published_rope.rotary(config, of_windows)["base"]}


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes."""
    local = args["base"] if args["local_base"] is None else args["local_base"]
    return hf_gemma2.back(args) | {"rope_local_base_freq": local}


def signature(config: dict[str, Any], /) -> Signature:
    """Tokens in, logits of the next token or classes out."""
    return reads_on(config, head_of(config, HEADS))


__all__ = ["HEADS", "KEYS", "MODEL", "READS", "SIZES", "back", "signature", "spec"]
