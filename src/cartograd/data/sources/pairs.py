r"""Your own translations: a file with a source, a tabulator and its translation on each line.

Lines without exactly one tabulator are refused by their number; equal lines are taken once. All
translations of one source fall into the same part, by a hash of the source.

Shapes: source `n s`, target `n t` (shifted right), next tokens `n t`.

Departures: none.

References:
    R. Sennrich, B. Haddow, A. Birch: Neural Machine Translation of Rare Words with Subword Units,
    ACL 2016. https://arxiv.org/abs/1508.07909

>>> import pathlib, tempfile
>>> path = pathlib.Path(tempfile.mkdtemp()) / "numbers.tsv"
>>> _ = path.write_text("\n".join(f"number {i}\tnúmero {i}" for i in range(50)))
>>> data = pairs(path, vocabulary=300)
>>> data.train.arguments[1][0, 0].item()  # every target begins with the begin token
2
"""

from pathlib import Path

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.files import digest
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.parallel import tidy, translation
from cartograd.data.decode.text_files import decoded, lines

CARD = Card(
    name="pairs",
    kind="data",
    entry="pairs",
    title="Pairs of texts in a tab-separated file",
    zh="制表符分隔的双语句对文件",
    paper="Sennrich et al., Neural Machine Translation of Rare Words with Subword Units",
    year=2016,
    url="https://arxiv.org/abs/1508.07909",
    proofs=("law: what is to be said is the target one place later, and both decode to the line",),
    tiny={"vocabulary": 280},
)


def pairs(
    path: str | Path,
    /,
    *,
    vocabulary: int = 8000,
    context: int = 80,
    encoding: str | None = None,
    valid: float = 0.05,
    test: float = 0.05,
) -> Dataset:
    """Pairs from a file.

    Args:
        path: the file.
        vocabulary: greatest number of pieces, for both languages.
        context: greatest number of tokens of a text.
        encoding: of a file that is not UTF-8, like cp1252 or gb18030.
        valid: share of the sources for validation.
        test: share of the sources for testing.

    Raises:
        UsageError: the file cannot be read, a line is no pair, or there are too few.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; expected a text file") from error
    unique: dict[tuple[str, str], None] = {}
    for number, line in enumerate(lines(decoded(content, str(path), encoding)), start=1):
        source, tab, target = line.partition("\t")
        if not line.strip():
            continue
        if not tab or "\t" in target or not source.strip() or not target.strip():
            raise UsageError(f"{path} line {number}: expected two texts with one tabulator between")
        unique[tidy(source), tidy(target)] = None
    about = {"source": str(path), "sha256": digest(path)}
    sizes = {"vocabulary": vocabulary, "context": context, "valid": valid, "test": test}
    return translation("pairs", list(unique), **sizes, about=about)
