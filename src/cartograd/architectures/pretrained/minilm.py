r"""MiniLM sentence embeddings: six thin layers of BERT that know which sentences mean the same.

Distilled from a larger BERT and tuned on a billion pairs of sentences. The folder is that of
sentence-transformers: a BERT as Hugging Face keeps it, and beside it how its features are pooled
and after how many tokens a text is cut.

Shapes: tokens `b t`; vectors of length one `b 384`.

References:
    Wenhui Wang et al. MiniLM: deep self-attention distillation for task-agnostic compression of
    pre-trained transformers. 2020. https://arxiv.org/abs/2002.10957

>>> minilm("no/such/folder")
Traceback (most recent call last):
cartograd.core.errors.UsageError: no/such/folder holds no config.json; expected a folder with ...
"""

import json
from pathlib import Path
from typing import Any

from cartograd.architectures.pretrained import hf_bert
from cartograd.architectures.pretrained.filled import filled
from cartograd.architectures.pretrained.published_folder import configuration, tensors_of
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.store import packages
from cartograd.data.text.tokenizer import Tokenizer

CARD = Card(
    name="minilm",
    kind="weights",
    entry="minilm",
    nodes=("embed/contextual", "transfer/pretrain-finetune"),
    title="MiniLM sentence embeddings (all-MiniLM-L6-v2)",
    zh="MiniLM 句向量(all-MiniLM-L6-v2)",
    paper="MiniLM: deep self-attention distillation for task-agnostic compression of pre-trained "
    "transformers",
    year=2020,
    url="https://arxiv.org/abs/2002.10957",
    proofs=("oracle: sentence-transformers on the same folder, vectors to 1e-5",),
)

KEYS = (
    (r"(?:bert\.)?pooler\..*", None),
    *((pattern, None if name is None else f"encoder.{name}") for pattern, name in hf_bert.BODY),
)
"""BERT's key map; its own pooling is not used."""


def minilm(path: str | Path | None = None, /) -> Signed:
    """MiniLM, or any BERT of a folder of sentence-transformers that takes the mean.

    Args:
        path: the folder; that of the store if not given.

    Raises:
        UsageError: the set has not been fetched, or the folder is damaged or of another model.
    """
    folder = packages.where("minilm") / "model" if path is None else Path(path)
    config = configuration(folder)
    if config.get("model_type") != "bert":
        raise UsageError(
            f"{folder} is of another model: model_type is {config.get('model_type')!r}, "
            "expected 'bert'"
        )
    pooling = _beside(folder / "1_Pooling" / "config.json")
    modes = [name for name, on in pooling.items() if name.startswith("pooling_mode") and on is True]
    if modes not in ([], ["pooling_mode_mean_tokens"]):
        raise UsageError(f"{folder} pools by {', '.join(modes)}; only mean_tokens is known")
    args = hf_bert.spec(config | {"architectures": ["BertModel"]}).args
    args.pop("head")
    longest = _beside(folder / "sentence_bert_config.json").get("max_seq_length")
    text = Port(
        "text", "text", ("t",), "int64", (0, args["vocabulary"] - 1), padding_id=args["padding_id"]
    )
    meaning = Port("meaning", "vector", (args["dim"],), task="embed")
    return filled(
        Spec("sentence-encoder", args), Signature((text,), (meaning,)), tensors_of(folder), KEYS,
        source=str(folder), tokenizer=Tokenizer.from_folder(folder).told(longest=longest),
    )  # fmt: skip


def _beside(file: Path) -> dict[str, Any]:
    """A file of settings, if it is there."""
    try:
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
