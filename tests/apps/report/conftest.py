from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

from cartograd.core.ports import Column, Port, Signature
from cartograd.data.dataset.dataset import Split

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """An HTML file, taken apart: fails where a tag is closed that was not opened."""

    def __init__(self, text: str):
        super().__init__()
        self.text = text
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def page():
    return lambda given: Page(given.read_text() if isinstance(given, Path) else str(given))


@pytest.fixture
def digits() -> Split:
    """Forty pictures of noise that claim to be digits."""
    signature = Signature(
        (Port("image", "image", (1, 8, 8), bounds=(0.0, 1.0)),),
        (Port("digit", "label", (10,), labels=tuple("0123456789")),),
    )
    return Split(torch.rand(40, 1, 8, 8), torch.arange(40) % 10, signature)


@pytest.fixture
def people() -> Split:
    """Thirty rows of a table with two classes."""
    columns = (
        Column("age", mean=40.0, std=10.0),
        Column("town", categories=("Bonn", "Oslo")),
        Column("pay", mean=3000.0, std=500.0, indicator=True),
    )
    signature = Signature(
        (Port("row", "table", (5,), columns=columns),),
        (Port("answer", "label", (2,), labels=("no", "yes")),),
    )
    rows = torch.randn(30, 5)
    rows[:, 1:3] = torch.eye(2)[torch.arange(30) % 2]
    rows[:, 4] = 0
    rows[0] = torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0])
    return Split(rows, torch.arange(30) % 2, signature, [f"line {i + 2}" for i in range(30)])


@pytest.fixture
def logits():
    """Outputs that are right except at the given places, where they are surely wrong."""

    def make(targets: torch.Tensor, classes: int, wrong: tuple[int, ...] = ()) -> torch.Tensor:
        said = targets.clone()
        for place in wrong:
            said[place] = (said[place] + 1) % classes
        outputs = 3.0 * torch.eye(classes)[said]
        for rank, place in enumerate(wrong):
            outputs[place] *= 4 - rank
        return outputs

    return make
