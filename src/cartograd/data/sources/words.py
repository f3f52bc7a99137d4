r"""Running text as words with their neighbours, for learning vectors of words.

Small letters, no numbers and marks. Words seen fewer than `min_count` times are taken out, and
what is left is a stream. A batch holds words and those around them; frequent words are left out
more often than not, and windows are of random width, another in each epoch
(`data/dataset/windows.py`).

    probability that an occurrence of w is used = min(1, sqrt(sample / f) + sample / f)

Shapes: neighbours `n t` with t = 2 window, words ` n`.

Departures: as many words stay in each epoch as are expected to, so that all epochs are of one
length.

References:
    Tomas Mikolov et al. Distributed representations of words and phrases and their
    compositionality, section 2.3. NIPS 2013. https://arxiv.org/abs/1310.4546

>>> import pathlib, tempfile
>>> path = pathlib.Path(tempfile.mkdtemp())
>>> for i in range(40):
...     _ = (path / f"{i}.txt").write_text("The cat sat on the mat. " * 9)
>>> words(path, window=2).train
Windows(2052 words, 2 neighbours on each side)
"""

from collections import Counter
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.splits import FEWEST
from cartograd.data.dataset.token_rows import parts, text_port
from cartograd.data.dataset.windows import Windows
from cartograd.data.sources import corpus
from cartograd.data.text import vocabularies
from cartograd.data.text.tokenizer import Tokenizer

CARD = Card(
    name="words",
    kind="data",
    entry="words",
    title="Running text as words with their neighbours",
    zh="连续文本中的词及其邻词",
    paper="Mikolov et al., Distributed representations of words and phrases",
    year=2013,
    url="https://arxiv.org/abs/1310.4546",
    proofs=(
        "law: neighbours are those of the text, within the window and the text; a word is used as "
        "often as the formula says",
    ),
    tiny={"window": 2, "sample": 0.0, "min_count": 1},
    renamed={"frequent": "sample", "least": "min_count"},
)

EVERYTHING = tuple(corpus.READERS)
MOST = 2000
"""Words that validation and test look at, evenly spaced: each is judged against all others."""


def words(
    path: str | Path | None = None,
    /,
    *,
    window: int = 5,
    sample: float = 1e-4,
    vocabulary: int = 20_000,
    min_count: int = 5,
    valid: float = 0.02,
    test: float = 0.02,
) -> Dataset:
    """Words and their neighbours.

    Args:
        path: a text file, a folder of `*.txt`, or names of sets in the store such as
            `brown+shakespeare`; by default all four of them that are in English: 5 million words.
        window: greatest number of neighbours on each side.
        sample: frequency above which a word's occurrences are left out at times; 0 uses all.
        vocabulary: greatest number of different words.
        min_count: a rarer word is taken out.
        valid: share of the texts for validation.
        test: share of the texts for testing.

    Raises:
        UsageError: there is no text, or too little of it.
    """
    documents = [corpus.words(text) for text in _texts(path)]
    documents = [text for text in documents if text]
    if len(documents) < FEWEST:
        raise UsageError(f"{path} holds {len(documents)} texts; expected at least {FEWEST}")
    chosen = parts([" ".join(text) for text in documents], valid=valid, test=test)
    counts = Counter(word for i in chosen["train"] for word in documents[i])
    tokenizer = _counted(counts, vocabulary, min_count)
    place = {tokenizer.token(i): i for i in range(tokenizer.vocabulary)}
    streams = {
        part: _stream([[place[w] for w in documents[i] if w in place] for i in index], window)
        for part, index in chosen.items()
    }
    labels = tuple(place)
    output = Port("word", "label", (len(labels),), labels=labels, task="classify")
    signature = Signature((text_port(tokenizer, "neighbours"),), (output,))
    keep = _chances(torch.tensor(tokenizer.counts), sample)
    train = Windows(streams["train"], signature, window=window, keep=keep)
    valid_part, test_part = (
        _few(streams[part], signature, window, keep) for part in ("valid", "test")
    )
    if not len(train):
        raise UsageError(f"{path} has no word {min_count} times; give min_count= or more text")
    about = {"source": str(path or "+".join(EVERYTHING)), "texts": len(documents)}
    about |= {"words": sum(map(len, documents)), "used in an epoch": train.used}
    return Dataset("words", train, valid_part, test_part, signature, about, tokenizer)


def _texts(path: str | Path | None) -> list[str]:
    if path is None or not Path(path).exists():
        names = EVERYTHING if path is None else tuple(str(path).split("+"))
        return corpus.texts(names)
    home = Path(path)
    files = sorted(home.rglob("*.txt")) if home.is_dir() else [home]
    try:
        whole = [file.read_text(encoding="utf-8") for file in files]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {home}: {error}; expected UTF-8 text") from error
    # The paragraphs of a single file are its texts.
    return whole if len(whole) > 1 else [text for one in whole for text in one.split("\n\n")]


def _counted(counts: Counter[str], vocabulary: int, min_count: int) -> Tokenizer:
    """Words by frequency, and how often each was seen in training."""
    texts = (" ".join([word] * count) for word, count in counts.items() if count >= min_count)
    made = vocabularies.words(texts, vocabulary=vocabulary)
    seen = [counts[made.token(i)] for i in range(made.vocabulary)]
    return Tokenizer(made.document, special=made.special, counts=seen)


def _stream(texts: list[list[int]], window: int) -> Int[Tensor, " n"]:
    """All texts, with so much padding around each that no window reaches into the next."""
    gap = [vocabularies.PADDING] * window
    joined = [gap, *(part for text in texts for part in (text, gap))]
    flat = np.fromiter((token for part in joined for token in part), dtype=np.int32)
    return torch.from_numpy(flat)


def _chances(counts: Int[Tensor, " v"], sample: float) -> Tensor:
    if not sample:
        return torch.ones(len(counts), dtype=torch.float64)
    ratio = sample * counts.sum().double() / counts.clamp(min=1)
    return (ratio.sqrt() + ratio).clamp(max=1)


def _few(stream: Int[Tensor, " n"], signature: Signature, window: int, keep: Tensor) -> Split:
    """Words of a part, evenly spaced, with all their neighbours."""
    whole = Windows(stream, signature, window=window, keep=keep)
    step = max(1, len(whole) // MOST)
    return whole.select(torch.arange(0, len(whole), step))
