r"""The Brown corpus: a million words of American English, each with its part of speech.

500 texts of 1961 in fifteen kinds (press, religion, science fiction, ...), tagged by hand. A model
gets the words of a sentence and names the part of speech of each. Whole texts go to training,
validation or test, so a text's names and habits are not known from training.

Shapes: words `n t`, tags `n t`, -100 where there is no word.

Departures: of a tag like `nn-tl` (in a title), `nn-hl` (in a headline) or `fw-nn` (foreign) the
part of speech alone is kept, 188 of 472; contractions keep their two parts (`ppss+md`). Words seen
fewer than `min_count` times in training are unknown.

References:
    W. N. Francis, H. Kucera: Brown Corpus Manual, 1964, revised 1979.
    https://varieng.helsinki.fi/CoRD/corpora/BROWN

>>> from cartograd.data.sources.brown import part_of_speech
>>> [part_of_speech(tag) for tag in ("nn-tl", "fw-in+at-tl", "--", "---hl")]
['nn', 'in+at', '--', '--']
"""

import re
from collections.abc import Iterator
from pathlib import Path

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.token_rows import aligned, parts
from cartograd.data.store import packages
from cartograd.data.text import vocabularies

CARD = Card(
    name="brown",
    kind="data",
    entry="brown",
    title="The Brown corpus: words and their parts of speech",
    zh="布朗语料库：词与词性",
    paper="Francis and Kucera, Brown Corpus Manual",
    year=1964,
    url="https://varieng.helsinki.fi/CoRD/corpora/BROWN",
    proofs=(
        "paper: 500 texts of 1,161,192 tokens in 57,340 sentences",
        "law: words and tags of a small file come back, and no text is in two parts",
    ),
    renamed={"least": "min_count"},
)

Sentence = list[tuple[str, str]]


def brown(
    path: str | Path | None = None,
    /,
    *,
    vocabulary: int = 20_000,
    min_count: int = 2,
    context: int = 64,
    valid: float = 0.1,
    test: float = 0.1,
) -> Dataset:
    """Tagged sentences.

    Args:
        path: a file in which each text begins with a line of a form feed and its name, and then
            has its sentences as `word/tag` on a line each, or a folder of a file for each text; by
            default what `cartograd data get brown` has fetched.
        vocabulary: greatest number of different words.
        min_count: a word seen less often in training is unknown.
        context: greatest number of words of an example; longer sentences are cut into several.
        valid: share of the texts for validation.
        test: share of the texts for testing.

    Raises:
        UsageError: the file is not there, or holds something else than words with tags.
    """
    home = packages.where("brown") / "brown.txt" if path is None else Path(path)
    documents = texts(home)
    sentences = [(name, line) for name, found in documents.items() for line in found]
    chosen = parts([name for name, _ in sentences], valid=valid, test=test)
    learned = [" ".join(word for word, _ in sentences[i][1]) for i in chosen["train"]]
    tokenizer = vocabularies.words(learned, vocabulary=vocabulary, least=min_count)
    tags = sorted({tag for _, line in sentences for _, tag in line})
    place = {tag: number for number, tag in enumerate(tags)}
    words = tokenizer.encoded([" ".join(w for w, _ in line) for _, line in sentences])
    examples = {
        part: [
            (
                words[i][at : at + context],
                [place[tag] for _, tag in sentences[i][1][at : at + context]],
            )
            for i in index
            for at in range(0, len(words[i]), context)
        ]
        for part, index in chosen.items()
    }
    output = Port("part of speech", "label", ("t", len(tags)), labels=tuple(tags), task="tag")
    about = {"source": str(home), "texts": len(documents), "sentences": len(sentences)}
    about |= {"words": sum(map(len, words))}
    return aligned("brown", tokenizer, examples, output=output, about=about)


def texts(home: Path, /) -> dict[str, list[Sentence]]:
    """The sentences of each text, by its name.

    Raises:
        UsageError: it cannot be read, or a token has no tag.
    """
    try:
        if home.is_dir():
            files = [file for file in sorted(home.iterdir()) if file.is_file()]
            texts = {file.name: file.read_text(encoding="utf-8") for file in files}
        else:
            whole = home.read_text(encoding="utf-8").split("\f")
            pairs = (text.partition("\n") for text in whole if text.strip())
            texts = {name: content for name, _, content in pairs}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {home}: {error}; expected word/tag tokens") from error
    return {name: list(_sentences(name, content)) for name, content in texts.items()}


def _sentences(name: str, content: str) -> Iterator[Sentence]:
    for number, line in enumerate(content.splitlines(), start=1):
        tokens = [token.rpartition("/") for token in line.split()]
        bad = next((tag for word, _, tag in tokens if not word or not tag), None)
        if bad is not None:
            raise UsageError(f"{name} line {number}: {bad!r} has no tag; expected word/tag")
        if tokens:
            yield [(word, part_of_speech(tag)) for word, _, tag in tokens]


def part_of_speech(tag: str, /) -> str:
    """A tag without what it says about title, headline, citation or foreign language."""
    return re.sub(r"(-[a-z]+)+(?=\+|$)", "", tag.lower().removeprefix("fw-"))
