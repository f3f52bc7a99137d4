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

from pathlib import Path

from cartograd.architectures.pretrained.sentence_folder import sentence_encoder
from cartograd.core.card import Card
from cartograd.core.signed import Signed
from cartograd.data.store import packages

CARD = Card(
    name="minilm",
    kind="weights",
    entry="minilm",
    nodes=("embed/contextual", "transfer/pretrain-finetune"),
    title="MiniLM sentence embeddings (all-MiniLM-L6-v2)",
    zh="MiniLM 句向量（all-MiniLM-L6-v2）",
    paper="MiniLM: deep self-attention distillation for task-agnostic compression of pre-trained "
    "transformers",
    year=2020,
    url="https://arxiv.org/abs/2002.10957",
    proofs=("oracle: sentence-transformers on the same folder, vectors to 1e-5",),
)


def minilm(path: str | Path | None = None, /) -> Signed:
    """MiniLM, or any BERT of a folder of sentence-transformers.

    Args:
        path: the folder; that of the store if not given.

    Raises:
        UsageError: the set has not been fetched, or the folder is damaged or of another model.
    """
    folder = packages.where("minilm") / "model" if path is None else Path(path)
    return sentence_encoder(folder)
