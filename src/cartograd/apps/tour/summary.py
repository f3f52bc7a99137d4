"""The tour's report: that of its run, and what explaining, attacking and exporting have shown."""

from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.report.adversarial import adversarial
from cartograd.apps.report.attributions import attributions
from cartograd.apps.report.deployment import Runtime, deployment
from cartograd.apps.report.origin import origin_of
from cartograd.apps.report.parts import Figure, Section
from cartograd.apps.report.run import report
from cartograd.apps.tour.state import Tour
from cartograd.apps.tour.steps import CHECKED, EPS, EXPLAINER
from cartograd.data.dataset.dataset import Split
from cartograd.engine.loop.evaluate import collect

PAIRS = 6
"""Attacked examples that are shown."""


def write(tour: Tour) -> str:
    """Write `report.html`."""
    rows = {row.name: row for row in tour.rows}
    figures = [
        Figure(name, rows[name].value, rows[name].remark.partition(";")[0] + more)
        for name, more in (("ONNX difference", ""), ("Robust accuracy", f"; eps {EPS:g}"))
        if name in rows
    ]
    path = report(
        tour.report,
        tour.plan.model,
        tour.test,
        tour.measured,
        origin=origin_of(tour.run),
        baselines=tour.baselines,
        figures=figures,
        more=[_explained(tour), _attacked(tour), _deployed(tour)],
        command=_command(tour),
    )
    return f"{path.name}, {units.size(path.stat().st_size)}"


def _command(tour: Tour) -> str:
    """The command line of this tour."""
    words = tour.plan.words()
    usual = {"data": "digits", "model": "lenet5", "seed": 0}
    flags = [f"--{key} {words[key].value}" for key in usual if words[key].value != usual[key]]
    if words["epochs"].origin == "flag":
        flags.append(f"--epochs {words['epochs'].value}")
    return " ".join(["cartograd tour", *flags])


def _explained(tour: Tour) -> Section | None:
    if tour.explained is None:
        return None
    shown, outputs, heat = tour.explained
    return attributions(shown, heat, outputs, method=EXPLAINER)


def _attacked(tour: Tour) -> Section | None:
    if not tour.robust:
        return None
    eps = list(tour.robust)[2]
    main = tour.robust[eps]
    turned = ((main.before == main.targets) & (main.after != main.targets)).nonzero()[:, 0]
    order = _spread(main.targets[turned].tolist())
    chosen = turned[order][:PAIRS]
    signature = tour.plan.data.signature
    before, after = (
        Split(inputs[chosen], main.targets[chosen], signature)
        for inputs in (main.inputs, main.adversarial)
    )
    return adversarial(
        before,
        after.inputs,
        *(_outputs(tour, split) for split in (before, after)),
        method=main.method,
        eps=eps,
        robust=[(0.0, main.clean), *((size, item.robust) for size, item in tour.robust.items())],
    )


def _spread(classes: list[int]) -> list[int]:
    """An order in which each class comes once before any comes twice.

    >>> _spread([3, 3, 3, 5, 5, 1])
    [0, 3, 5, 1, 4, 2]
    """
    turns = [classes[:i].count(label) for i, label in enumerate(classes)]
    return sorted(range(len(classes)), key=lambda i: turns[i])


def _outputs(tour: Tour, split: Split) -> Tensor:
    if len(split) == 0:
        return tour.measured.outputs[:0]
    return collect(tour.plan.model, split.batches(shuffle=False), device="cpu")[0]


def _seconds(half: tuple[float, float] | None) -> tuple[float, float] | None:
    return half and (half[0] / 1000, half[1] / 1000)


def _deployed(tour: Tour) -> Section | None:
    if tour.exported is None or tour.exported.check is None:
        return None
    check = tour.exported.check
    assert check.torch_ms is not None
    assert check.file_ms is not None
    runtimes = [
        Runtime("PyTorch", tour.measured.size, check.torch_ms / 1000, _seconds(check.torch_half)),
        Runtime(
            "ONNX Runtime", tour.exported.size, check.file_ms / 1000, _seconds(check.file_half),
            (check.ratio or 0.0, check.low or 0.0, check.high or 0.0), check.difference,
        ),
    ]  # fmt: skip
    examples = min(CHECKED, len(tour.test))
    return deployment(runtimes, parameters=tour.measured.parameters, examples=examples)
