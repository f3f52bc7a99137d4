"""The worst mistakes: what the model got wrong while being most sure."""

import torch
from jaxtyping import Float, Int
from markupsafe import Markup
from torch import Tensor

from cartograd.apps import units
from cartograd.apps.report.cells import cells
from cartograd.apps.report.parts import Bar, Section, Table, Tile, table, tiles
from cartograd.apps.report.pictures import image
from cartograd.core.ports import Signature


def mistakes(
    inputs: Float[Tensor, "n ..."],
    outputs: Float[Tensor, "n k"],
    targets: Int[Tensor, " n"],
    signature: Signature,
    /,
    *,
    names: tuple[str, ...] = (),
    most: int = 15,
) -> Section | None:
    """The wrong predictions with the highest probability: pictures, or rows of a table.

    Args:
        inputs: as the model takes them.
        outputs: logits.
        targets: true classes.
        signature: what the model takes and gives.
        names: what to call the examples; by default their number.
        most: how many to show.
    """
    chances = outputs.double().softmax(-1).cpu()
    sure, said = chances.max(-1)
    wrong = (said != targets.cpu()).nonzero()[:, 0]
    if len(targets) == 0:
        return None
    title = "Worst mistakes"
    if len(wrong) == 0:
        return Section("mistakes", title, f"None among {len(targets):,} examples.", Markup(""))
    order = wrong[sure[wrong].argsort(descending=True, stable=True)][:most]
    draw = _pictures if signature.input.kind == "image" else _rows
    called = [names[i] if names else f"example {i}" for i in order.tolist()]
    shown = inputs[order.to(inputs.device)].cpu()
    body = draw(shown, chances[order], targets.cpu()[order], signature, called)
    lead = (
        f"{len(wrong):,} of {len(targets):,} test examples are wrong; here are the "
        f"{len(order)} about which the model was most sure."
        if len(wrong) > len(order)
        else f"All {len(wrong)} wrong ones of {len(targets):,} test examples, the surest first."
    )
    return Section("mistakes", title, lead, body)


def _pictures(
    inputs: Tensor, chances: Tensor, targets: Tensor, signature: Signature, names: list[str]
) -> Markup:
    labels = signature.output.labels
    shown = []
    for x, chance, true, name in zip(inputs, chances, targets.tolist(), names, strict=True):
        said = int(chance.argmax())
        picture = image(
            x, signature.input, alt=f"{name}: a {labels[true]} that was taken for {labels[said]}"
        )
        bars = (
            Bar(f"said {labels[said]}", float(chance[said]), "red"),
            Bar(f"was {labels[true]}", float(chance[true]), "blue"),
        )
        shown.append(Tile((picture,), bars, name))
    return tiles(shown)


def _rows(
    inputs: Tensor, chances: Tensor, targets: Tensor, signature: Signature, names: list[str]
) -> Markup:
    labels = signature.output.labels
    head, values = cells(signature.input, inputs)
    rows = []
    for number, (chance, true) in enumerate(zip(chances, targets.tolist(), strict=True)):
        said = int(chance.argmax())
        rows.append(
            [names[number], labels[said], units.percent(float(chance[said])), labels[true],
             units.percent(float(chance[true])), *values[number]]
        )  # fmt: skip
    head = ["example", "said", "probability", "was", "probability", *head]
    return table(Table(head, rows, text=frozenset({1, 3})))


def random_choice(count: int, most: int, /, *, seed: int = 0) -> Tensor:
    """Up to `most` different numbers below `count`, in order, the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(count, generator=generator)[:most].sort().values
