"""GPT-1 as Hugging Face keeps it (`model_type` openai-gpt)."""

from typing import Any

from cartograd.architectures.pretrained import hf_gpt2
from cartograd.architectures.pretrained.published_decoder import answers, classified, reads_on
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.core.key_map import Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {
    "OpenAIGPTLMHeadModel": "next",
    "OpenAIGPTModel": "next",
    "OpenAIGPTForSequenceClassification": "classify",
}
"""Our heads by the names of theirs."""

READS = {
    key: kind
    for key, kind in hf_gpt2.READS.items()
    if key not in ("n_inner", "activation_function")
}
"""Keys of config.json that are read, and their types."""

MODEL = "gpt"
SIZES = {ours: theirs for ours, theirs in hf_gpt2.SIZES.items() if ours != "ffn_dim"}
"""What our settings are called in config.json; both ways go by it."""

BODY = (
    (r"(?:transformer\.)?tokens_embed\.weight", "tokens.weight"),
    (r"(?:transformer\.)?positions_embed\.weight", "positions.weight"),
    *hf_gpt2.BLOCKS,
)


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map for the folder's head."""
    return classified(BODY) if head_of(config, HEADS) == "classify" else BODY


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made."""
    made = Spec("gpt", hf_gpt2.sizes(config) | {"order": "post"})
    return answers(made, config, head_of(config, HEADS))


def back(_args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes: nothing."""
    return {}


def signature(config: dict[str, Any], /) -> Signature:
    """Text in, logits of the next token or classes out."""
    return reads_on(config, head_of(config, HEADS))
