"""The worst mistakes: what the model got wrong while being most sure."""

from jaxtyping import Float
from markupsafe import Markup
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.answers.probabilities import class_probabilities
from cartograd.apps.report import cells
from cartograd.apps.report.parts import Bar, Section, Table, Tile, table, tiles
from cartograd.apps.report.pictures import image
from cartograd.data.dataset.dataset import Examples, Split

_COLUMNS = 5
"""Columns of a table that are shown; the first ones."""


def mistakes(
    examples: Examples, outputs: Float[Tensor, "n k"], /, *, most: int = 15
) -> Section | None:
    """The wrong predictions with the highest probability: pictures, or rows of a table.

    Args:
        examples: what was predicted, in the order of `outputs`.
        outputs: logits.
        most: how many to show.
    """
    if len(examples) == 0:
        return None
    probabilities = class_probabilities(outputs)
    sure, said = probabilities.max(-1)
    wrong = (said != examples.targets.cpu()).nonzero()[:, 0]
    order = wrong[sure[wrong].argsort(descending=True, stable=True)][:most]
    total = f"{len(examples):,}"
    if len(wrong) == 0:
        lead = f"There are none among {total} test examples."
    elif len(wrong) == len(order):
        lead = f"Wrong on {len(wrong)} of {total} test examples; the surest mistakes come first."
    else:
        lead = (
            f"{len(wrong):,} of {total} test examples are wrong; these are the {len(order)} "
            "about which the model was most sure."
        )
    shown = examples.select(order)
    names = [examples.name(i) for i in order.tolist()]
    draw = _pictures if examples.signature.input.kind == "image" else _rows
    body = draw(shown, probabilities[order], names) if len(order) else Markup("")
    return Section("mistakes", "Worst mistakes", lead, body)


def _pictures(shown: Split, found: Tensor, names: list[str]) -> Markup:
    labels = shown.signature.output.labels
    content = []
    for x, chance, true, name in zip(
        shown.inputs, found, shown.targets.tolist(), names, strict=True
    ):
        said = int(chance.argmax())
        alt = f"{name}: a {labels[true]} that was taken for {labels[said]}"
        bars = (
            Bar(f"said {labels[said]}", float(chance[said]), "red"),
            Bar(f"was {labels[true]}", float(chance[true]), "blue"),
        )
        content.append(Tile((image(x, shown.signature.input, alt=alt),), bars, name))
    return tiles(content)


def _rows(shown: Split, found: Tensor, names: list[str]) -> Markup:
    labels = shown.signature.output.labels
    values = [dict(list(row.items())[:_COLUMNS]) for row in cells.cells_of(shown)]
    rows = []
    for chance, true, name, row in zip(found, shown.targets.tolist(), names, values, strict=True):
        said = int(chance.argmax())
        rows.append(
            [name, labels[said], units.percent(float(chance[said])), labels[true],
             units.percent(float(chance[true])), *map(cells.shown, row.values())]
        )  # fmt: skip
    head = ["example", "said", "probability", "was", "probability", *values[0]]
    return table(Table(head, rows, text=frozenset({1, 3})))
