"""DistilBERT as Hugging Face keeps it (`model_type` distilbert): BERT's encoder with fewer blocks.

It tells the sentences of a pair not apart, and pools by a dense layer and a ReLU. Its positions may
be those of a formula; a file holds them in either case.
"""

from typing import Any

from cartograd.architectures.pretrained import hf_bert
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.core.key_map import Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {
    "DistilBertForMaskedLM": "masked",
    "DistilBertForSequenceClassification": "classify",
    "DistilBertForTokenClassification": "tag",
    "DistilBertForQuestionAnswering": "extract",
    "DistilBertModel": "hidden",
}
"""Our heads by the names of theirs."""

READS = {
    "vocab_size": "count", "dim": "count", "n_layers": "count", "n_heads": "count",
    "hidden_dim": "count", "max_position_embeddings": "count", "pad_token_id": "id?",
    "dropout": "number",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

NAMES = {
    "hidden_size": "dim", "num_hidden_layers": "n_layers", "num_attention_heads": "n_heads",
    "intermediate_size": "hidden_dim", "hidden_dropout_prob": "dropout",
}  # fmt: skip
"""BERT's names of these keys."""

MODEL = "bert"
SIZES = {ours: NAMES.get(theirs, theirs) for ours, theirs in hf_bert.SIZES.items()}
"""What our settings are called in config.json; both ways go by it."""

_LAYER = r"(?:distilbert\.)?transformer\.layer\.(\d+)\."

BODY = (
    (r"(?:distilbert\.)?embeddings\.word_embeddings\.weight", "tokens.weight"),
    (r"(?:distilbert\.)?embeddings\.position_embeddings\.weight", "positions.weight"),
    (r"(?:distilbert\.)?embeddings\.LayerNorm\.(weight|bias)", r"norm.\1"),
    *(
        (_LAYER + rf"attention\.{theirs}_lin\.(weight|bias)", rf"blocks.\1.attention.{ours}.\2")
        for theirs, ours in (("q", "query"), ("k", "key"), ("v", "value"), ("out", "out"))
    ),
    (_LAYER + r"sa_layer_norm\.(weight|bias)", r"blocks.\1.attention_norm.\2"),
    (_LAYER + r"ffn\.lin1\.(weight|bias)", r"blocks.\1.feed_forward.up.\2"),
    (_LAYER + r"ffn\.lin2\.(weight|bias)", r"blocks.\1.feed_forward.down.\2"),
    (_LAYER + r"output_layer_norm\.(weight|bias)", r"blocks.\1.feed_forward_norm.\2"),
)  # fmt: skip
"""All but the heads."""

OWN = {
    "masked": (
        (r"vocab_transform\.(weight|bias)", r"masked.dense.\1"),
        (r"vocab_layer_norm\.(weight|bias)", r"masked.norm.\1"),
        (r"vocab_projector\.bias", "masked.bias"),
        (r"vocab_projector\.weight", "tokens.weight"),
    ),
    "classify": (
        (r"pre_classifier\.(weight|bias)", r"pooler.\1"),
        *hf_bert.OWN["tag"],
    ),
    "hidden": (),
    "extract": hf_bert.OWN["extract"],
    "tag": hf_bert.OWN["tag"],
}
"""What each head adds."""

LEFT_OUT = ((r"vocab_.*", None),)
"""Heads that a file may hold besides."""


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map for the folder's head."""
    return (*BODY, *OWN[head_of(config, HEADS)], *LEFT_OUT)


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made."""
    own = {"segments": 0, "activation": "relu"}
    return hf_bert.made(_as_berts(config), head_of(config, HEADS), own)


def _as_berts(config: dict[str, Any]) -> dict[str, Any]:
    return config | {name: config[key] for name, key in NAMES.items()}


def back(_args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes: nothing."""
    return {}


def signature(config: dict[str, Any], /) -> Signature:
    """Text in; what comes out depends on the head."""
    return hf_bert.ports(_as_berts(config), head_of(config, HEADS), segments=0)
