"""OLMo 2 as Hugging Face keeps it: norms behind the parts, and over all queries and all keys.

References:
    Team OLMo. 2 OLMo 2 furious. 2024. https://arxiv.org/abs/2501.00656
"""

from typing import Any

from cartograd.architectures.pretrained import published_decoder, published_rope
from cartograd.architectures.pretrained.published_decoder import (
    SIZES,
    answers,
    query_key_norms,
    reads_on,
    sizes,
    table,
)
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.core.key_map import Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {"Olmo2ForCausalLM": "next", "Olmo2ForSequenceClassification": "classify"}
"""Our heads by the names of theirs."""

READS = published_decoder.READS | published_rope.READS | {"attention_bias": "flag"}
"""Keys of config.json that are read, and their types."""

MODEL = "decoder"

NORMS = {
    "post_attention_layernorm": "attention_after",
    "post_feedforward_layernorm": "feed_forward_after",
}
"""Their names of a layer's norms, and ours."""


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map."""
    return table(config, head_of(config, HEADS), norms=NORMS, own=query_key_norms())


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made."""
    head = head_of(config, HEADS)
    args = sizes(config, head) | published_rope.rotary(config)
    args |= {"qk_norm": "all", "order": "reordered"}
    args |= {"biases": "qkvo"} if config["attention_bias"] else {}
    return answers(Spec(MODEL, args), config, head)


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes."""
    said = {"tie_word_embeddings": args["tied"], "attention_bias": args["biases"] == "qkvo"}
    return said | published_rope.back(args)


def signature(config: dict[str, Any], /) -> Signature:
    """Tokens in, logits of the next token or classes out."""
    return reads_on(config, head_of(config, HEADS))


__all__ = ["HEADS", "KEYS", "MODEL", "READS", "SIZES", "back", "signature", "spec"]
