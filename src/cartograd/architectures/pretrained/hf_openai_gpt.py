"""GPT-1 as Hugging Face keeps it (`model_type` openai-gpt)."""

from typing import Any

from cartograd.architectures.pretrained import hf_gpt2
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

KEYS = (
    (r"(?:transformer\.)?tokens_embed\.weight", "tokens.weight"),
    (r"(?:transformer\.)?positions_embed\.weight", "positions.weight"),
    *hf_gpt2.BLOCKS,
)


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made.

    Raises:
        UsageError: the folder's model differs from GPT-1 in a way that ours has not.
    """
    hf_gpt2.required(config, "afn", "gelu")
    hf_gpt2.required(config, "layer_norm_epsilon", 1e-5)
    return Spec("gpt", hf_gpt2.sizes(config) | {"order": "post"})


def signature(config: dict[str, Any], /) -> Signature:
    """Text in, logits of the next token out."""
    return hf_gpt2.signature(config)
