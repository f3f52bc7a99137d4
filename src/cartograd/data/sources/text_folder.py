r"""A folder of text files, one folder for each class: a text in each file.

`pos/1.txt`, `neg/2.txt`, or the same below `train` and `test`, as reviews and mails are often kept.
Folders are read as those of pictures are: splits in any spelling, hidden files left out.

Shapes: tokens `n t`, classes `n`.

Departures: none.

References:
    A. L. Maas, R. E. Daly, P. T. Pham, D. Huang, A. Y. Ng, C. Potts: Learning Word Vectors for
    Sentiment Analysis, ACL 2011. https://aclanthology.org/P11-1015

>>> import pathlib, tempfile
>>> root = pathlib.Path(tempfile.mkdtemp())
>>> for i in range(40):
...     file = root / ("bad", "good")[i % 2] / f"{i}.txt"
...     file.parent.mkdir(exist_ok=True)
...     _ = file.write_text(f"this film is {file.parent.name}, number {i}")
>>> data = text_folder(root)
>>> data.signature.output.labels, data.tokenizer.decode(data.train.inputs[0, :5])
(('bad', 'good'), 'this film is bad ,')
"""

from pathlib import Path
from typing import Literal

import torch

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.labelled_texts import labelled_texts
from cartograd.data.dataset.listing import cut, listed, readable, told
from cartograd.data.decode.table import Table
from cartograd.data.decode.text_files import SUFFIXES, read_text

CARD = Card(
    name="text-folder",
    kind="data",
    entry="text_folder",
    title="A folder of texts, one folder for each class",
    zh="文本文件夹（每类一个子文件夹）",
    paper="Maas et al., Learning Word Vectors for Sentiment Analysis",
    year=2011,
    url="https://aclanthology.org/P11-1015",
    proofs=("law: every text comes back from its tokens, with its class and its split",),
)


def text_folder(
    path: str | Path,
    /,
    *,
    tokenize: Literal["words", "pieces", "characters"] = "words",
    vocabulary: int = 8000,
    context: int = 256,
    encoding: str | None = None,
    broken: Literal["refuse", "leave-out"] = "refuse",
    valid: float = 0.1,
    test: float = 0.2,
) -> Dataset:
    """Texts from files.

    Args:
        path: the folder that holds the class folders, or `train`, `valid`, `test` folders.
        tokenize: what the texts are cut into: words in lower case (with marks, and Chinese
            characters one by one), pieces of words, or characters.
        vocabulary: greatest number of different tokens, learned from the training texts; a model
            that is there brings its own.
        context: greatest number of tokens of a text; the rest is cut off.
        encoding: of files that are not UTF-8, like cp1252 or gb18030.
        broken: what is done about files that cannot be read: `refuse` names them all, `leave-out`
            goes on without them.
        valid: share for validation, unless there is a `valid` folder.
        test: share for testing, unless there is a `test` folder.

    Raises:
        UsageError: there is no such folder, a class has no texts, there is only one class, or a
            file cannot be read; it is named.
    """
    root = Path(path)
    labels, listing = listed(root, SUFFIXES)
    lost = list[Path]()
    if broken == "leave-out":
        listing, lost = readable(labels, listing, lambda file: read_text(file, encoding))
    parted = cut(root, listing, valid=valid, test=test)
    files = [pair for pairs in parted.values() for pair in pairs]
    texts = _texts([file for file, _ in files], encoding)
    names = [file.relative_to(root).as_posix() for file, _ in files]
    places = iter(range(len(files)))
    return labelled_texts(
        "text-folder",
        Table(str(root), ("text",), [[text] for text in texts], list(range(1, len(texts) + 1))),
        torch.tensor([target for _, target in files], dtype=torch.int64),
        Port("class", "label", (len(labels),), labels=tuple(labels), task="classify"),
        tokenize=tokenize,
        vocabulary=vocabulary,
        context=context,
        about={"source": str(root), "decided": told(root, labels, listing, lost)},
        chosen={part: [next(places) for _ in pairs] for part, pairs in parted.items()},
        names=names,
    )


def _texts(files: list[Path], encoding: str | None) -> list[str]:
    """The texts of all files; those that cannot be read are named at once."""
    texts, damaged = list[str](), list[str]()
    for file in files:
        try:
            texts.append(read_text(file, encoding))
        except UsageError as error:
            damaged.append(str(error))
    if damaged:
        more = f" and {len(damaged) - 10} more" if len(damaged) > 10 else ""
        raise UsageError("; ".join(damaged[:10]) + more)
    return texts
