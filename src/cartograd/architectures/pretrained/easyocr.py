r"""EasyOCR's published weights for English: a line of text from its picture.

The file is a pickle of a state dict that was trained in parallel (`module.` before each name). It
is read by torch.load(weights_only=True), which runs no code. Class 0 is CTC's blank; the others
are 96 characters: digits, punctuation, the blank space, the euro sign, capital and small letters.

Shapes: pictures `b 1 64 x`, of any width; logits `b t 97`.

References:
    Jaided AI. EasyOCR: ready-to-use OCR with 80+ supported languages. 2020-2024.
    https://github.com/JaidedAI/EasyOCR

>>> len(CHARACTERS), easyocr("no/such/file")
Traceback (most recent call last):
cartograd.core.errors.UsageError: no/such/file ...
"""

import string
from pathlib import Path

from cartograd.architectures.pretrained.filled import filled
from cartograd.architectures.pretrained.pickled import pickled
from cartograd.core.card import Card
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.data.store import packages

CARD = Card(
    name="easyocr",
    kind="weights",
    entry="easyocr",
    nodes=("transfer/pretrain-finetune",),
    title="EasyOCR's weights (English)",
    zh="EasyOCR 英文预训练权重",
    paper="EasyOCR: ready-to-use OCR with 80+ supported languages",
    year=2020,
    url="https://github.com/JaidedAI/EasyOCR",
    proofs=("law: reads rendered lines of text exactly",),
)

CHARACTERS = (
    string.digits + string.punctuation + " \u20ac" + string.ascii_uppercase + string.ascii_lowercase
)
"""The characters of the classes from 1 on."""

KEYS = (
    (r"module\.FeatureExtraction\.ConvNet\.(\d+)\.(\w+)", r"features.\1.\2"),
    (r"module\.SequenceModeling\.(\d)\.rnn\.(\w+)", r"context.\1.rnn.kernel.\2"),
    (r"module\.SequenceModeling\.(\d)\.linear\.(\w+)", r"context.\1.linear.\2"),
    (r"module\.Prediction\.(\w+)", r"head.\1"),
)


def easyocr(path: str | Path | None = None, /) -> Signed:
    """EasyOCR's second English reader.

    Args:
        path: english_g2.pth; that of the store if not given.

    Raises:
        UsageError: the set has not been fetched, or the file is damaged or of another model.
    """
    file = packages.where("easyocr") / "english_g2.pth" if path is None else Path(path)
    line = Port("line", "image", (1, 64, "x"), bounds=(0.0, 1.0), mean=(0.5,), std=(0.5,))
    text = Port("text", "label", ("t", len(CHARACTERS) + 1), labels=("", *CHARACTERS), task="ctc")
    return filled("crnn", Signature((line,), (text,)), pickled(file), KEYS, source=str(file))
