"""ELECTRA as Hugging Face keeps it: BERT's encoder, tokens' vectors that may be shorter.

The published discriminators tell which tokens were replaced; the generators fill in masked ones.

References:
    Kevin Clark, Minh-Thang Luong, Quoc Le, Christopher Manning. ELECTRA. 2020, ICLR.
    https://arxiv.org/abs/2003.10555
"""

from typing import Any

from cartograd.architectures.pretrained import hf_bert
from cartograd.architectures.pretrained.hf_bert import MODEL
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.core.key_map import Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {
    "ElectraForPreTraining": "detect",
    "ElectraModel": "hidden",
    "ElectraForMaskedLM": "masked",
    "ElectraForSequenceClassification": "classify",
    "ElectraForTokenClassification": "tag",
    "ElectraForQuestionAnswering": "extract",
}
"""Our heads by the names of theirs."""

READS = hf_bert.READS | {
    "embedding_size": "count", "type_vocab_size": "count", "layer_norm_eps": "number",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

SIZES = hf_bert.SIZES | {
    "eps": "layer_norm_eps", "segments": "type_vocab_size", "token_dim": "embedding_size",
}  # fmt: skip
"""What our settings are called in config.json; both ways go by it."""

BODY = (
    *((pattern.replace("bert", "electra"), name) for pattern, name in hf_bert.BODY),
    (r"(?:electra\.)?embeddings_project\.(weight|bias)", r"widened.\1"),
)
"""All but the heads."""

OWN = {
    "hidden": (),
    "detect": (
        (r"discriminator_predictions\.dense\.(weight|bias)", r"pooler.\1"),
        (r"discriminator_predictions\.dense_prediction\.(weight|bias)", r"classifier.\1"),
    ),
    "masked": (
        (r"generator_predictions\.dense\.(weight|bias)", r"masked.dense.\1"),
        (r"generator_predictions\.LayerNorm\.(weight|bias)", r"masked.norm.\1"),
        (r"generator_lm_head\.bias", "masked.bias"),
        (r"generator_lm_head\.weight", "tokens.weight"),
    ),
    "classify": (
        (r"classifier\.dense\.(weight|bias)", r"pooler.\1"),
        (r"classifier\.out_proj\.(weight|bias)", r"classifier.\1"),
    ),
    "tag": hf_bert.OWN["tag"],
    "extract": hf_bert.OWN["extract"],
}
"""What each head adds."""

LEFT_OUT = ((r"(?:discriminator_predictions|generator_predictions|generator_lm_head)\..*", None),)
"""Heads that a file may hold besides."""


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map for the folder's head."""
    return (*BODY, *OWN[head_of(config, HEADS)], *LEFT_OUT)


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made."""
    own: dict[str, Any] = {
        "segments": config["type_vocab_size"], "eps": config["layer_norm_eps"],
        "activation": "gelu",
    }  # fmt: skip
    if config["embedding_size"] != config["hidden_size"]:
        own["token_dim"] = config["embedding_size"]
    return hf_bert.made(config, head_of(config, HEADS), own)


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes."""
    return {"embedding_size": args["token_dim"] or args["dim"]}


def signature(config: dict[str, Any], /) -> Signature:
    """Text in; what comes out depends on the head."""
    return hf_bert.ports(config, head_of(config, HEADS), segments=config["type_vocab_size"])


__all__ = ["HEADS", "KEYS", "MODEL", "READS", "SIZES", "back", "signature", "spec"]
