"""XLM-R as Hugging Face keeps it (`model_type` xlm-roberta): RoBERTa over a hundred languages.

References:
    Alexis Conneau et al. Unsupervised cross-lingual representation learning at scale. 2019,
    ACL 2020. https://arxiv.org/abs/1911.02116
"""

from typing import Any

from cartograd.architectures.pretrained import hf_roberta
from cartograd.architectures.pretrained.hf_roberta import MODEL, READS, SIZES, back
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.core.key_map import Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {f"XLM{name}": head for name, head in hf_roberta.HEADS.items()}
"""Our heads by the names of theirs."""


def _as_roberta(config: dict[str, Any]) -> dict[str, Any]:
    names = config.get("architectures") or []
    return config | {"architectures": [name.removeprefix("XLM") for name in names]}


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map for the folder's head."""
    return hf_roberta.KEYS(_as_roberta(config))


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made."""
    head_of(config, HEADS)
    return hf_roberta.spec(_as_roberta(config))


def signature(config: dict[str, Any], /) -> Signature:
    """Text in; what comes out depends on the head."""
    return hf_roberta.signature(_as_roberta(config))


__all__ = ["HEADS", "KEYS", "MODEL", "READS", "SIZES", "back", "signature", "spec"]
