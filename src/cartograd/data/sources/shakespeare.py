r"""The works of Shakespeare, for language models: the next token at each position.

42 plays and poems, 5 MB. Read as bytes, or as pieces learned by byte pair encoding. Whole works go
to training, validation or test, so what is measured is how well the next play is foreseen, not how
well the rest of one that is half known.

Shapes: tokens `n t`, next tokens `n t`: windows that do not overlap.

Departures: what is left at the end of a work and fills no window is left out.

References:
    The Complete Works of William Shakespeare, Project Gutenberg. https://www.gutenberg.org
    Andrej Karpathy: The Unreasonable Effectiveness of Recurrent Neural Networks, 2015.
    https://karpathy.github.io/2015/05/21/rnn-effectiveness

>>> import pathlib, tempfile
>>> path = pathlib.Path(tempfile.mkdtemp()) / "works.txt"
>>> _ = path.write_text("".join(f"\fwork {i}\n" + "To be or not to be. " * 9 for i in range(12)))
>>> data = shakespeare(path, window=16)
>>> bytes(data.train.inputs[0].tolist())
b'To be or not to '
"""

from pathlib import Path

import torch

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.tensors import assemble
from cartograd.data.dataset.token_rows import parts
from cartograd.data.store import packages
from cartograd.data.text import vocabularies
from cartograd.data.text.tokenizer import Tokenizer

CARD = Card(
    name="shakespeare",
    kind="data",
    entry="shakespeare",
    title="The works of Shakespeare",
    zh="莎士比亚全集",
    paper="Karpathy, The Unreasonable Effectiveness of Recurrent Neural Networks",
    year=2015,
    url="https://karpathy.github.io/2015/05/21/rnn-effectiveness",
    proofs=(
        "law: windows joined give each work back, a target is the next token, no work is in two "
        "parts",
    ),
)

BYTES = 256


def shakespeare(
    path: str | Path | None = None,
    /,
    *,
    vocabulary: int = BYTES,
    window: int = 128,
    valid: float = 0.1,
    test: float = 0.1,
) -> Dataset:
    """Windows of the works.

    Args:
        path: a file in which each work begins with a line of a form feed and its name; by default
            what `cartograd data get shakespeare` has fetched.
        vocabulary: 256 reads bytes; more learns so many pieces.
        window: tokens of one example.
        valid: share of the works for validation.
        test: share of the works for testing.

    Raises:
        UsageError: the file is not there, or is too short.
    """
    file = packages.where("shakespeare") / "shakespeare.txt" if path is None else Path(path)
    works = _works(file)
    chosen = {
        part: [list(works.values())[i] for i in index]
        for part, index in parts(list(works), valid=valid, test=test).items()
    }
    if vocabulary <= BYTES:
        rows = {part: [list(work.encode()) for work in found] for part, found in chosen.items()}
        tokenizer, labels = Tokenizer.bytes(), tuple(f"0x{byte:02x}" for byte in range(BYTES))
    else:
        tokenizer = vocabularies.pieces(chosen["train"], vocabulary=vocabulary)
        rows = {part: tokenizer.encoded(found) for part, found in chosen.items()}
        labels = ()
    size = tokenizer.vocabulary
    port = Port("text", "text", ("t",), dtype="int64", bounds=(0, size - 1))
    signature = Signature(
        (port,), (Port("next token", "label", ("t", size), labels=labels, task="next-token"),)
    )
    splits = {part: _split(found, window, signature) for part, found in rows.items()}
    if not len(splits["train"]):
        raise UsageError(f"{file} has no work of {window + 1} tokens; give a smaller window")
    about = {"source": str(file), "licence": "public domain", "works": len(works)}
    about["bytes"] = {part: sum(len(w.encode()) for w in found) for part, found in chosen.items()}
    about["tokens"] = {part: sum(map(len, found)) for part, found in rows.items()}
    return assemble("shakespeare", splits, standardise=False, about=about, tokenizer=tokenizer)


def _split(works: list[list[int]], window: int, signature: Signature) -> Split:
    """Windows of each work, and the same one token later."""
    inputs, targets = [], []
    for work in works:
        count = (len(work) - 1) // window if work else 0
        for windows, start in ((inputs, 0), (targets, 1)):
            stretch = torch.tensor(work[start : start + count * window], dtype=torch.int32)
            windows.append(stretch.reshape(count, window))
    empty = torch.zeros(0, window, dtype=torch.int32)
    return Split(torch.cat([empty, *inputs]), torch.cat([empty, *targets]), signature)


def _works(file: Path) -> dict[str, str]:
    """The text of each work, by its name."""
    try:
        whole = file.read_text(encoding="utf-8").split("\f")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {error}; expected a UTF-8 text file") from error
    pairs = (work.partition("\n") for work in whole if work.strip())
    return {name: text.strip() + "\n" for name, _, text in pairs}
