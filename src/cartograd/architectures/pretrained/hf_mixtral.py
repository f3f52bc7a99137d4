"""Mixtral as Hugging Face keeps it: Mistral with experts.

References:
    Albert Jiang et al. Mixtral of experts. 2024. https://arxiv.org/abs/2401.04088
"""

from typing import Any

from cartograd.architectures.pretrained import published_decoder, published_rope
from cartograd.architectures.pretrained.published_decoder import (
    BLOCK,
    LAYER,
    answers,
    reads_on,
    sizes,
    table,
)
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.core.key_map import Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {
    "MixtralForCausalLM": "next",
    "MixtralForSequenceClassification": "classify",
    "MixtralForTokenClassification": "tag",
}
"""Our heads by the names of theirs."""

READS = published_decoder.READS | published_rope.READS | {
    "sliding_window": "count?", "num_local_experts": "count", "num_experts_per_tok": "count",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

MODEL = "decoder"
SIZES = published_decoder.SIZES | {"experts": "num_local_experts", "k": "num_experts_per_tok"}
"""What our settings are called in config.json; both ways go by it."""

PARTS = {"w1": "gate", "w3": "up", "w2": "down"}
"""Their names of an expert's matrices, and ours."""


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map."""
    theirs, ours = rf"{LAYER}\.block_sparse_moe", rf"{BLOCK}.feed_forward"
    own = [(rf"{theirs}\.gate\.weight", rf"{ours}.router.weight")]
    own += [
        (rf"{theirs}\.experts\.(\d+)\.{name}\.weight", rf"{ours}.experts.\2.{part}.weight")
        for name, part in PARTS.items()
    ]
    return table(config, head_of(config, HEADS), own=own)


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made."""
    head, wide = head_of(config, HEADS), config.get("sliding_window")
    args = sizes(config, head) | published_rope.rotary(config)
    args |= {"experts": config["num_local_experts"], "k": config["num_experts_per_tok"]}
    args |= {} if wide is None else {"window": wide, "reach": "w"}
    return answers(Spec(MODEL, args), config, head)


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes."""
    said = {"tie_word_embeddings": args["tied"], "sliding_window": args["window"]}
    return said | published_rope.back(args)


def signature(config: dict[str, Any], /) -> Signature:
    """Tokens in, logits of the next token or classes out."""
    return reads_on(config, head_of(config, HEADS))
