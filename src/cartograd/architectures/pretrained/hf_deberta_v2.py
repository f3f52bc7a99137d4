"""DeBERTa v3 as Hugging Face keeps it (`model_type` deberta-v2).

Of the forms that this type can have, v3's are read: distances in ranges, projected by the matrices
of the content, and no absolute positions. The convolution of v2 and its absolute positions are
refused by their keys.

References:
    Pengcheng He, Jianfeng Gao, Weizhu Chen. DeBERTaV3. 2021, ICLR 2023.
    https://arxiv.org/abs/2111.09543
"""

from typing import Any

from cartograd.architectures.pretrained import hf_bert
from cartograd.architectures.pretrained.published_config import required, shown
from cartograd.architectures.pretrained.published_head import head_of, labels
from cartograd.core.errors import UsageError
from cartograd.core.key_map import Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {
    "DebertaV2Model": "hidden",
    "DebertaV2ForMaskedLM": "masked",
    "DebertaV2ForSequenceClassification": "classify",
    "DebertaV2ForTokenClassification": "tag",
    "DebertaV2ForQuestionAnswering": "extract",
}
"""Our heads by the names of theirs."""

MODEL = "deberta"
SIZES = hf_bert.SIZES | {"eps": "layer_norm_eps", "ranges": "position_buckets"}
"""What our settings are called in config.json; both ways go by it."""

V3 = {
    "relative_attention": True, "share_att_key": True, "position_biased_input": False,
    "norm_rel_ebd": "layer_norm", "legacy": True, "pooler_hidden_act": "gelu",
}  # fmt: skip
"""What v3 says, and this type does not say by itself."""

BOTH = ["c2p", "p2c"]
"""The two further sorts of scores."""

READS = hf_bert.READS | {
    "layer_norm_eps": "number", "position_buckets": "count", "max_relative_positions": "id",
    "pos_att_type": "names?", "relative_attention": "flag", "share_att_key": "flag",
    "position_biased_input": "flag", "norm_rel_ebd": "word", "legacy": "flag",
    "pooler_hidden_act": "word", "pooler_hidden_size": "count?",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

_LAYER = r"(?:deberta\.)?encoder\.layer\.(\d+)\."

BODY = (
    (r"(?:deberta\.)?embeddings\.word_embeddings\.weight", "tokens.weight"),
    (r"(?:deberta\.)?embeddings\.LayerNorm\.(weight|bias)", r"norm.\1"),
    (r"(?:deberta\.)?embeddings\.position_(?:ids|embeddings\.weight)", None),
    (r"(?:deberta\.)?encoder\.rel_embeddings\.weight", "distances.weight"),
    (r"(?:deberta\.)?encoder\.LayerNorm\.(weight|bias)", r"distance_norm.\1"),
    (
        _LAYER + r"attention\.self\.(query|key|value)_proj\.(weight|bias)",
        r"blocks.\1.attention.\2.\3",
    ),
    (_LAYER + r"attention\.output\.dense\.(weight|bias)", r"blocks.\1.attention.out.\2"),
    (_LAYER + r"attention\.output\.LayerNorm\.(weight|bias)", r"blocks.\1.attention_norm.\2"),
    (_LAYER + r"intermediate\.dense\.(weight|bias)", r"blocks.\1.feed_forward.up.\2"),
    (_LAYER + r"output\.dense\.(weight|bias)", r"blocks.\1.feed_forward.down.\2"),
    (_LAYER + r"output\.LayerNorm\.(weight|bias)", r"blocks.\1.feed_forward_norm.\2"),
)
"""All but the heads."""

OWN = {
    "hidden": (),
    "masked": hf_bert.OWN["masked"],
    "classify": ((r"pooler\.dense\.(weight|bias)", r"pooler.\1"), *hf_bert.OWN["tag"]),
    "tag": hf_bert.OWN["tag"],
    "extract": hf_bert.OWN["extract"],
}
"""What each head adds."""

LEFT_OUT = (
    (r"(?:lm_predictions|mask_predictions|cls|pooler)\..*", None),
    (r"deberta\.pooler\..*", None),
)
"""Heads that a file may hold besides."""


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map for the folder's head."""
    return (*BODY, *OWN[head_of(config, HEADS)], *LEFT_OUT)


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made.

    Raises:
        UsageError: it is another of the forms that this type can have.
    """
    for key, value in V3.items():
        required(config, key, value)
    kinds = config["pos_att_type"] or []
    listed = kinds.lower().split("|") if isinstance(kinds, str) else kinds
    if sorted(one.strip() for one in listed) != BOTH:
        raise UsageError(
            f"config.json: pos_att_type={shown(kinds)} is a form of deberta-v2 that is not known "
            f"here; expected {' and '.join(BOTH)}"
        )
    if "pooler_hidden_size" in config:
        required(config, "pooler_hidden_size", None, config["hidden_size"])
    farthest = config["max_relative_positions"]
    if farthest >= 1:
        required(config, "max_relative_positions", config["max_position_embeddings"])
    head = head_of(config, HEADS)
    args = {ours: config[theirs] for ours, theirs in SIZES.items()} | {"head": head}
    classes = {"classes": len(labels(config))} if head in ("classify", "tag") else {}
    return Spec(MODEL, args | classes)


def back(_args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes."""
    return V3 | {"pos_att_type": BOTH, "max_relative_positions": -1, "type_vocab_size": 0}


def signature(config: dict[str, Any], /) -> Signature:
    """Text in; what comes out depends on the head."""
    return hf_bert.ports(config, head_of(config, HEADS), segments=0)
