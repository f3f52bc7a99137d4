r"""Pictures with captions: a folder of pictures, and a table that says what each one shows.

`metadata.csv` in the folder (`.tsv` and `.jsonl` will do) names a picture's file in one column and
its caption in another; several lines of one picture are several captions of it. Captions are cut
into words in lower case, Chinese ones into characters; what training never saw is unknown.

Shapes: pictures `n c y x` in [0, 1], kept as uint8; tokens `n t`, filled up with the padding token.

Departures: none.

References:
    Hugging Face: datasets, the layout `imagefolder` with `metadata.csv`.
    https://huggingface.co/docs/datasets/image_dataset

>>> import pathlib, tempfile
>>> from PIL import Image
>>> root = pathlib.Path(tempfile.mkdtemp())
>>> for i in range(20):
...     Image.new("L", (8, 8), 9 * i).save(root / f"{i}.png")
>>> lines = ["file_name,text", *(f"{i}.png,picture {i % 2}" for i in range(20))]
>>> _ = (root / "metadata.csv").write_text("\n".join(lines))
>>> captions(root).tokenizer.encode("Picture 1")
[5, 7]
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import FITS, Port, Signature
from cartograd.data.dataset.copies import split_keys
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.splits import assign
from cartograd.data.dataset.statistics import measured
from cartograd.data.decode.images import pixels
from cartograd.data.decode.survey import refuse, survey, tried
from cartograd.data.decode.table import Table
from cartograd.data.decode.table_files import read_table
from cartograd.data.text import vocabularies
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.data.text.vocabularies import PADDING

CARD = Card(
    name="captions",
    kind="data",
    entry="captions",
    nodes=("diffusion/latent",),
    title="Pictures with captions: a folder with metadata.csv",
    zh="带文字说明的图片文件夹（metadata.csv）",
    proofs=("law: pictures and captions of small files come back, together and in one part each",),
    evidence={"diffusion/latent": ("test_pictures_and_captions_come_back_together",)},
)

TABLES = ("metadata.csv", "metadata.tsv", "metadata.jsonl", "captions.csv", "captions.tsv")
"""Names of the table."""

FILES, TEXTS = ("file_name", "file", "image", "path"), ("text", "caption", "captions", "prompt")
"""Usual names of its two columns."""


def captions(
    path: str | Path,
    /,
    *,
    file: str | None = None,
    text: str | None = None,
    size: int | None = None,
    channels: int | None = None,
    fit: str = "pad-white",
    vocabulary: int = 4000,
    context: int = 16,
    valid: float = 0.1,
    test: float = 0.1,
) -> Dataset:
    """Pictures and what they show.

    Args:
        path: the folder that holds the table; files are named from there.
        file: column that names the pictures' files; `file_name` if there is one.
        text: column that says what they show; `text` or `caption` if there is one.
        size: height and width to bring the pictures to; by default that of the pictures, which
            then must all be of one size.
        channels: 1 for grey, 3 for colour; by default 1 if all pictures are grey.
        fit: what is done with pictures of another shape: `crop`, `pad`, `pad-white` or `stretch`.
        vocabulary: greatest number of different words.
        context: greatest number of words of a caption.
        valid: share of the pictures for validation.
        test: share of the pictures for testing.

    Raises:
        UsageError: there is no table, a column or a picture is missing or cannot be read, a caption
            is empty or too long; file and line are named.
    """
    if fit not in FITS:
        raise unknown("fit", fit, FITS)
    root = Path(path)
    table = _table(root)
    named = table.column(_column(table, file, FILES, "file"))
    texts = table.column(_column(table, text, TEXTS, "text"))
    files = [root / name for name in named]
    for row, (place, said) in enumerate(zip(files, texts, strict=True)):
        if not place.is_file():
            raise UsageError(f"{table.where(row)}: there is no picture {named[row]!r} in {root}")
        if not said.strip():
            raise UsageError(f"{table.where(row)}: {named[row]!r} has no caption; expected words")
    seen = survey(root, files, size=size, channels=channels, fit=fit, bits=8)
    train, held, last = assign(split_keys(named, files), valid=valid, test=test)
    tokenizer = vocabularies.tidying(
        vocabularies.lower_words([texts[i] for i in train.tolist()], vocabulary=vocabulary)
    )
    tokens = _tokens(tokenizer, texts, context, table)
    pictures = _pictures(files, seen.shape, fit)
    port = Port("image", "image", seen.shape, bounds=(0.0, 1.0), fit=fit)
    output = Port("text", "label", (context, tokenizer.vocabulary), task="caption")
    signature = Signature((measured(port, pictures[train]),), (output,))
    first, second, third = (
        Split(pictures[rows], tokens[rows], signature, [named[i] for i in rows.tolist()])
        for rows in (train, held, last)
    )
    decided = [*table.notes, *seen.notes, f"{tokenizer.vocabulary} words are known to captions"]
    about = {"source": str(root), "pictures": len(set(named)), "decided": decided}
    return Dataset("captions", first, second, third, signature, about, tokenizer)


def _table(root: Path) -> Table:
    """What the folder says of its pictures.

    Raises:
        UsageError: there is no table.
    """
    if not root.is_dir():
        raise UsageError(f"{root} is no folder; expected one with pictures and {TABLES[0]}")
    found = next((root / name for name in TABLES if (root / name).is_file()), None)
    if found is None:
        raise UsageError(
            f"{root} holds no {TABLES[0]}; expected a table of two columns: file_name,text"
        )
    return read_table(found)


def _column(table: Table, said: str | None, usual: tuple[str, ...], option: str) -> str:
    """The column that is meant.

    Raises:
        UsageError: there is none of this name, or none is usual.
    """
    if said is not None and said not in table.header:
        raise unknown("column", said, table.header, hint=f"({table.source})")
    name = said or next((name for name in usual if name in table.header), None)
    if name is None:
        raise UsageError(
            f"{table.source} has columns {', '.join(table.header)} and none called {usual[0]!r}; "
            f"say which: {option}=NAME"
        )
    return name


def _tokens(tokenizer: Tokenizer, texts: Sequence[str], context: int, table: Table) -> Tensor:
    """The captions as numbers.

    Raises:
        UsageError: one is too long.
    """
    rows = tokenizer.encoded(texts)
    long = next((row for row, own in enumerate(rows) if len(own) > context), None)
    if long is not None:
        raise UsageError(
            f"{table.where(long)}: the caption {texts[long]!r:.40} has {len(rows[long])} words; "
            f"expected at most context={context}"
        )
    return vocabularies.padded(rows, fill=PADDING, width=context)


def _pictures(files: Sequence[Path], shape: tuple[int, int, int], fit: str) -> Tensor:
    """All pictures.

    Raises:
        UsageError: some cannot be read.
    """
    channels, height, width = shape

    def look(name: str) -> Tensor:
        return pixels(name, channels=channels, height=height, width=width, fit=fit, bits=8)

    found = [tried(look, str(file)) for file in files]
    refuse([one for one in found if isinstance(one, str)])
    return torch.stack([_bytes(one) for one in found if not isinstance(one, str)])


def _bytes(picture: Tensor) -> Tensor:
    """A picture of more than 8 bits in 8."""
    return picture if picture.dtype == torch.uint8 else (255 * picture).round().to(torch.uint8)
