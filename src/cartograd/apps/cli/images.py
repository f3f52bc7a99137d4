"""What `trace` shows of convolutional networks: fields, classical filters, feature maps."""

from pathlib import Path

from cartograd.apps.cli import output

MOST = 8
"""Maps of each layer in a picture, and layers, evenly chosen."""


def field(model: str, size: int, json: bool) -> int:
    """What the units of each layer see."""
    from cartograd.architectures.cnn.receptive_field import receptive_field

    rows = receptive_field(model=model, size=size)
    if json:
        output.emit([row.to_json() for row in rows])
        return 0
    columns = ("layer", "sees", "every", "map")
    shown = [
        (row.layer, *(f"{a} x {b}" if a else "all" for a, b in (row.field, row.jump, row.size)))
        for row in rows
    ]
    output.table(columns, shown, right=columns[1:])
    return 0


def filters(out: Path | None, json: bool) -> int:
    """Sobel, Gauss and pyramids beside scipy's; with a picture beside kernels that were learned."""
    from cartograd.architectures.cnn import classical_filters as classical

    rows = classical.classical_filters()
    if out is not None:
        from cartograd.apps.cli import pictures

        image = classical.photo()
        panels = [
            ("photo", image), ("Sobel, x", classical.sobel(image)),
            ("Sobel, y", classical.sobel(image, axis="vertical")),
            *((f"blurred, sigma {s}", classical.gaussian(image, sigma=s)) for s in (1.5, 4.0)),
            *((f"pyramid {n}", level) for n, level in enumerate(classical.pyramid(image)[1:], 1)),
        ]  # fmt: skip
        learned = classical.learned_kernels()
        panels += [(f"learned {n}", kernel) for n, kernel in enumerate(learned, 1)]
        pictures.tiles(out, [(title, panel.reshape(panel.shape[-2:])) for title, panel in panels])
    if json:
        output.emit([row.to_json() for row in rows])
        return 0
    columns = ("filter", "is", "largest gap to scipy.ndimage")
    output.table(columns, [(row.name, row.means, f"{row.gap:.1e}") for row in rows])
    if out is not None:
        print(f"picture  {out}")
    return 0


def maps(target: str, source: str, out: Path, json: bool) -> int:
    """The output of each convolution of a trained network for a picture."""
    from cartograd.apps.cli import pictures
    from cartograd.apps.load.target import as_signed
    from cartograd.apps.verbs.predict import prepared
    from cartograd.architectures.cnn.convolution import feature_maps
    from cartograd.core.errors import UsageError

    model = as_signed(target)
    if model.signature.input.kind != "image":
        raise UsageError(f"{target} takes {model.signature.input.kind}; feature maps are of images")
    inputs, _ = prepared(model, [source])
    answers = feature_maps(model, inputs[:1])
    found = {name.removeprefix("model."): layer for name, layer in answers.items()}
    panels = [("input", inputs[0].mean(0))]
    drawn = list(found.items())[:: max(1, -(-len(found) // MOST))]
    for name, layer in drawn:
        panels += [(f"{name}, {n}", one) for n, one in enumerate(layer[0, :MOST], 1)]
    pictures.tiles(out, panels, across=MOST + 1)
    rows = [{"layer": name, "maps": list(layer.shape[1:])} for name, layer in found.items()]
    if json:
        output.emit({"picture": out, "layers": rows})
        return 0
    output.table(("layer", "maps"), [(r["layer"], " x ".join(map(str, r["maps"]))) for r in rows])
    print(f"picture  {out}")
    return 0
