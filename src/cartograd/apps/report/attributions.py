"""Attributions: which input numbers spoke for the prediction, and which against it."""

from typing import TYPE_CHECKING

from jaxtyping import Float, Int
from markupsafe import Markup
from torch import Tensor

from cartograd.apps import units
from cartograd.apps.report.cells import starts
from cartograd.apps.report.parts import Bar, Section, Table, Tile, chart, tiles
from cartograd.apps.report.pictures import image, signed
from cartograd.apps.report.theme import BLUE, quiet
from cartograd.apps.report.theme import chart as draw
from cartograd.core.ports import Column, Port, Signature

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def attributions(
    inputs: Float[Tensor, "n ..."],
    heat: Float[Tensor, "n ..."],
    outputs: Float[Tensor, "n k"],
    targets: Int[Tensor, " n"] | Float[Tensor, "n k"],
    signature: Signature,
    /,
    *,
    method: str,
) -> Section | None:
    """Pictures with their attributions beside them; for tables the mean size by column.

    Args:
        inputs: as the model takes them.
        heat: attributions of the shape of `inputs`.
        outputs: the model's answers for `inputs`.
        targets: true classes or values.
        signature: what the model takes and gives.
        method: the explainer's spec.
    """
    if len(inputs) == 0:
        return None
    if signature.input.kind == "image":
        lead = (
            "Red pixels spoke for the predicted class, blue ones against it; the rest did not "
            f"matter. By {method}."
        )
        return Section(
            "attributions", "Attributions", lead,
            _pictures(inputs, heat, outputs, targets, signature),
        )  # fmt: skip
    lead = (
        f"How far each column moved the prediction, on average over {len(inputs):,} examples, "
        f"in the units of the model's output. By {method}."
    )
    return Section("attributions", "Attributions", lead, _columns(signature.input, heat))


def _pictures(
    inputs: Tensor, heat: Tensor, outputs: Tensor, targets: Tensor, signature: Signature
) -> Markup:
    labels = signature.output.labels
    shown = []
    for x, a, chance, true in zip(
        inputs, heat, outputs.double().softmax(-1), targets.tolist(), strict=True
    ):
        said = int(chance.argmax())
        pictures = (
            image(x, signature.input, alt=f"a {labels[true]}"),
            signed(a, alt=f"the pixels that spoke for {labels[said]} in red, against it in blue"),
        )
        bar = Bar(f"said {labels[said]}", float(chance[said]), "blue" if said == true else "red")
        shown.append(Tile(pictures, (bar,), "" if said == true else f"was {labels[true]}"))
    return tiles(shown)


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
