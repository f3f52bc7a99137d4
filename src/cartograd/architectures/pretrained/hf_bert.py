"""BERT as Hugging Face keeps it (`model_type` bert), with the head that `architectures` names.

Published files often hold more than that head: what it does not need is left out. Old files call
the scale and shift of a norm gamma and beta.
"""

from typing import Any

from cartograd.architectures.pretrained.published_head import (
    classes,
    head_of,
    labels,
    passages,
    tags,
)
from cartograd.core.key_map import Table
from cartograd.core.ports import Port, Signature
from cartograd.core.spec import Spec

HEADS = {
    "BertModel": "hidden",
    "BertForMaskedLM": "masked",
    "BertForPreTraining": "pretraining",
    "BertForSequenceClassification": "classify",
    "BertForTokenClassification": "tag",
    "BertForQuestionAnswering": "extract",
}
"""Our heads by the names of theirs."""

READS = {
    "vocab_size": "count", "hidden_size": "count", "num_hidden_layers": "count",
    "num_attention_heads": "count", "intermediate_size": "count",
    "max_position_embeddings": "count", "pad_token_id": "id?", "hidden_dropout_prob": "number",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

MODEL = "bert"
SIZES = {
    "vocabulary": "vocab_size", "padding_id": "pad_token_id", "dim": "hidden_size",
    "heads": "num_attention_heads", "depth": "num_hidden_layers", "ffn_dim": "intermediate_size",
    "dropout": "hidden_dropout_prob", "context": "max_position_embeddings",
}  # fmt: skip
"""What our settings are called in config.json; both ways go by it."""

_LAYER = r"(?:bert\.)?encoder\.layer\.(\d+)\."
_NORMS = {
    r"(?:bert\.)?embeddings": "norm",
    _LAYER + r"attention\.output": r"blocks.\1.attention_norm",
    _LAYER + r"output": r"blocks.\1.feed_forward_norm",
    r"cls\.predictions\.transform": "masked.norm",
}

BODY = (
    (r"(?:bert\.)?embeddings\.word_embeddings\.weight", "tokens.weight"),
    (r"(?:bert\.)?embeddings\.position_embeddings\.weight", "positions.weight"),
    (r"(?:bert\.)?embeddings\.token_type_embeddings\.weight", "segments.weight"),
    (r"(?:bert\.)?embeddings\.position_ids", None),
    *(
        (rf"{theirs}\.LayerNorm\.{name}", f"{ours}.{own}")
        for theirs, ours in _NORMS.items()
        for name, own in (
            ("weight", "weight"), ("bias", "bias"), ("gamma", "weight"), ("beta", "bias"),
        )
        if not ours.startswith("masked")
    ),
    (_LAYER + r"attention\.self\.(query|key|value)\.(weight|bias)", r"blocks.\1.attention.\2.\3"),
    (_LAYER + r"attention\.output\.dense\.(weight|bias)", r"blocks.\1.attention.out.\2"),
    (_LAYER + r"intermediate\.dense\.(weight|bias)", r"blocks.\1.feed_forward.up.\2"),
    (_LAYER + r"output\.dense\.(weight|bias)", r"blocks.\1.feed_forward.down.\2"),
)  # fmt: skip
"""All but the heads."""

POOLER = ((r"(?:bert\.)?pooler\.dense\.(weight|bias)", r"pooler.\1"),)

MASKED = (
    (r"cls\.predictions\.transform\.dense\.(weight|bias)", r"masked.dense.\1"),
    (r"cls\.predictions\.transform\.LayerNorm\.weight", "masked.norm.weight"),
    (r"cls\.predictions\.transform\.LayerNorm\.bias", "masked.norm.bias"),
    (r"cls\.predictions\.transform\.LayerNorm\.gamma", "masked.norm.weight"),
    (r"cls\.predictions\.transform\.LayerNorm\.beta", "masked.norm.bias"),
    (r"cls\.predictions\.bias", "masked.bias"),
    (r"cls\.predictions\.decoder\.bias", "masked.bias"),
    (r"cls\.predictions\.decoder\.weight", "tokens.weight"),
)

OWN = {
    "hidden": POOLER,
    "masked": MASKED,
    "pretraining": (
        *POOLER,
        *MASKED,
        (r"cls\.seq_relationship\.(weight|bias)", r"next_sentence.\1"),
    ),
    "classify": (*POOLER, (r"classifier\.(weight|bias)", r"classifier.\1")),
    "extract": ((r"qa_outputs\.(weight|bias)", r"classifier.\1"),),
    "tag": ((r"classifier\.(weight|bias)", r"classifier.\1"),),
}
"""What each head adds."""

LEFT_OUT = ((r"(?:bert\.)?pooler\..*", None), (r"cls\..*", None))
"""Heads that a file may hold besides."""


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map for the folder's head."""
    return (*BODY, *OWN[head_of(config, HEADS)], *LEFT_OUT)


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made."""
    return made(config, head_of(config, HEADS), {})


def made(config: dict[str, Any], head: str, own: dict[str, Any], /) -> Spec:
    """How a model of BERT's kin is made.

    Args:
        config: in BERT's keys.
        head: ours.
        own: arguments by which the family differs.
    """
    args = {ours: config[theirs] for ours, theirs in SIZES.items()} | {"head": head} | own
    return Spec(
        "bert", args | ({"classes": len(labels(config))} if head in ("classify", "tag") else {})
    )


def back(_args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes: nothing."""
    return {}


def signature(config: dict[str, Any], /) -> Signature:
    """Text in; what comes out depends on the head."""
    return ports(config, head_of(config, HEADS), segments=2)


def ports(config: dict[str, Any], head: str, /, *, segments: int) -> Signature:
    """What a model of BERT's kin takes and gives.

    Args:
        config: its configuration.
        head: ours.
        segments: how many sentences it tells apart; where it answers questions it is told which is
            which.
    """
    size = config["vocab_size"]
    text = Port(
        "text", "text", ("t",), "int64", bounds=(0, size - 1), padding_id=config["pad_token_id"]
    )
    if head == "extract":
        if segments < 2:
            return Signature((text,), (passages(config),))
        sides = Port("segments", "vector", ("t",), "int64", bounds=(0, segments - 1))
        return Signature((text, sides), (passages(config),))
    if head == "hidden":
        answer = Port("features", "vector", ("t", config["hidden_size"]), task="embed")
    elif head == "detect":
        names = ("original", "replaced")
        answer = Port("tag", "label", ("t", 2), labels=names, task="tag")
    elif head in ("classify", "tag"):
        answer = classes(config) if head == "classify" else tags(config)
    else:
        answer = Port("token", "label", ("t", size), task="masked-token")
    return Signature((text,), (answer,))
