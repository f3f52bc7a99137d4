r"""What packages of Debian are for: 60,000 short English texts, and the section of each.

Two tasks. With `task=section` a model reads what a package is for and names its section out of 58
(games, libs, science, ...). With `task=text` the targets are the texts themselves, for models that
learn to fill in what was masked. Packages made from one source are described alike and stay in one
part; what is described in the same words is taken once.

Shapes: pieces `n t`; sections `n`, or the same pieces `n t`, -100 where there is none.

Departures: descriptions longer than `context` pieces are cut off.

References:
    Debian Policy Manual, 1996, sections 2.4 and 3.4. https://www.debian.org/doc/debian-policy

>>> import pathlib, tempfile
>>> folder = pathlib.Path(tempfile.mkdtemp())
>>> for file, field in (("Packages", "Section: {}"), ("Translation-en", "Description-en: to {}")):
...     found = (f"Package: p{i}\n{field.format('web' if i % 2 else 'net')}" for i in range(30))
...     _ = (folder / file).write_text("\nDescription-md5: 0\n\n".join((*found, "")))
>>> debian_descriptions(folder, vocabulary=270).signature.output.labels
('net', 'web')
"""

import re
from pathlib import Path
from typing import Literal

import torch

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.token_rows import aligned, labelled, parts
from cartograd.data.decode.table import Table
from cartograd.data.store import packages
from cartograd.data.store.debian import paragraphs, prose
from cartograd.data.text import vocabularies

CARD = Card(
    name="debian-descriptions",
    kind="data",
    entry="debian_descriptions",
    title="What Debian's packages are for, and their sections",
    zh="Debian 软件包说明及其分类",
    paper="Debian Policy Manual",
    year=1996,
    url="https://www.debian.org/doc/debian-policy",
    proofs=(
        "law: packages of a small index come back with their sections, and those of one source "
        "are in one part",
    ),
    tiny={"vocabulary": 280},
)

FIELD = re.compile(r"^(Package|Source|Section|Description-md5): (\S+)", re.MULTILINE)


def debian_descriptions(
    path: str | Path | None = None,
    /,
    *,
    task: Literal["section", "text"] = "section",
    vocabulary: int = 8000,
    context: int = 128,
    valid: float = 0.1,
    test: float = 0.1,
) -> Dataset:
    """Descriptions of packages.

    Args:
        path: a folder with an archive's files `Packages` and `Translation-en`; by default what
            `cartograd data get debian-descriptions` has fetched.
        task: `section`: which section is the package in? `text`: the text is its own target.
        vocabulary: greatest number of pieces.
        context: greatest number of pieces of a description; the rest is cut off.
        valid: share of the sources of packages for validation.
        test: share of the sources of packages for testing.

    Raises:
        UsageError: a file is not there, or there are too few packages.
    """
    folder = packages.where("debian-descriptions") if path is None else Path(path)
    found = list(dict.fromkeys(_packages(folder)))
    sections = sorted({section for _, section, _ in found})
    targets = torch.tensor([sections.index(section) for _, section, _ in found])
    sources, texts = [source for source, _, _ in found], [text for _, _, text in found]
    chosen = parts(sources, None if task == "text" else targets, valid=valid, test=test)
    tokenizer = vocabularies.pieces([texts[i] for i in chosen["train"]], vocabulary=vocabulary)
    about = {"source": str(folder), "packages": len(found)}
    if task == "section":
        output = Port("section", "label", (len(sections),), labels=tuple(sections), task="classify")
        numbers = list(range(1, len(texts) + 1))
        table = Table(str(folder), ("text",), [[text] for text in texts], numbers)
        return labelled(
            "debian-descriptions", tokenizer.told(longest=context), table, targets, chosen,
            output=output, about=about, names=sources,
        )  # fmt: skip
    rows = [row[:context] for row in tokenizer.encoded(texts)]
    examples = {part: [(rows[i], rows[i]) for i in index] for part, index in chosen.items()}
    output = Port("token", "label", ("t", tokenizer.vocabulary), task="masked-token")
    return aligned("debian-descriptions", tokenizer, examples, output=output, about=about)


def _packages(folder: Path) -> list[tuple[str, str, str]]:
    """Source, section and description of each package."""
    try:
        index, descriptions = (
            (folder / name).read_text(encoding="utf-8") for name in ("Packages", "Translation-en")
        )
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read {error}; expected an archive's Packages and Translation-en in {folder}"
        ) from error
    texts = {
        (one["Package"], one.get("Description-md5")): prose(one["Description-en"])
        for one in paragraphs(descriptions)
        if "Description-en" in one and "Package" in one
    }
    known = (dict(FIELD.findall(paragraph)) for paragraph in index.split("\n\n"))
    return [
        (one.get("Source", one["Package"]), one["Section"].rpartition("/")[2], text)
        for one in known
        if (text := texts.get((one.get("Package", ""), one.get("Description-md5"))))
        and "Section" in one
    ]
