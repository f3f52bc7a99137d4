"""Attributions: which input numbers spoke for the prediction, and which against it."""

from typing import TYPE_CHECKING

from jaxtyping import Float
from markupsafe import Markup
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.answers.probabilities import class_probabilities
from cartograd.apps.report.cells import starts
from cartograd.apps.report.parts import Bar, Section, Table, Tile, chart, tiles
from cartograd.apps.report.pictures import image, signed
from cartograd.apps.report.theme import BLUE, quiet
from cartograd.apps.report.theme import chart as draw
from cartograd.core.ports import Column, Port
from cartograd.data.dataset.dataset import Split

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def attributions(
    shown: Split, heat: Float[Tensor, "n ..."], outputs: Float[Tensor, "n k"], /, *, method: str
) -> Section | None:
    """Pictures with their attributions beside them; for tables the mean size by column.

    Args:
        shown: the explained examples.
        heat: attributions of the shape of their inputs.
        outputs: the model's answers for them.
        method: the explainer's spec.
    """
    if len(shown) == 0:
        return None
    if shown.signature.input.kind == "image":
        lead = (
            "Red pixels spoke for the predicted class, blue ones against it; the rest did not "
            f"matter. By {method}."
        )
        body = _pictures(shown, heat, outputs)
    else:
        lead = (
            "How far each column moved the prediction, on average over "
            f"{len(shown):,} examples, in the units of the model's output. By {method}."
        )
        body = _columns(shown.signature.input, heat)
    return Section("attributions", "Attributions", lead, body)


def _pictures(shown: Split, heat: Tensor, outputs: Tensor) -> Markup:
    labels, content = shown.signature.output.labels, []
    for x, a, chance, true in zip(
        shown.inputs, heat, class_probabilities(outputs), shown.targets.tolist(), strict=True
    ):
        said = int(chance.argmax())
        pictures = (
            image(x, shown.signature.input, alt=f"a {labels[true]}"),
            signed(a, alt=f"the pixels that spoke for {labels[said]} in red, against it in blue"),
        )
        bar = Bar(f"said {labels[said]}", float(chance[said]), "blue" if said == true else "red")
        content.append(Tile(pictures, (bar,), "" if said == true else f"was {labels[true]}"))
    return tiles(content)


def _columns(port: Port, heat: Tensor) -> Markup:
    flat = heat.flatten(1).double().cpu()
    columns = port.columns or tuple(Column(str(i)) for i in range(flat.shape[1]))
    sizes = {
        column.name: float(flat[:, at : at + column.width].sum(1).abs().mean())
        for column, at in zip(columns, starts(columns), strict=True)
    }
    order = sorted(sizes, key=lambda name: -sizes[name])
    top = order[:15][::-1]

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        axes.barh(range(len(top)), [sizes[name] for name in top], 0.62, color=BLUE)
        axes.set_yticks(range(len(top)), [name[:40] for name in top])
        axes.set_xlabel("mean size of the contribution")
        axes.margins(y=0.02)
        quiet(axes, grid="x")

    alt = f"The columns that matter most: {', '.join(order[:5])}."
    drawing = draw("attributions", (680, 26 * len(top) + 60), paint, alt=alt)
    rows = [[name, units.number(sizes[name])] for name in order]
    return chart(drawing, twin=[Table(["column", "mean size of the contribution"], rows)])
