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


def write(found: Tour) -> str:
    """Write `report.html`."""
    rows = {row.name: row for row in found.rows}
    figures = [
        Figure(name, rows[name].value, rows[name].remark.partition(";")[0] + more)
        for name, more in (("ONNX difference", ""), ("Robust accuracy", f"; eps {EPS:g}"))
        if name in rows
    ]
    path = report(
        found.report,
        found.plan.model,
        found.test,
        found.measured,
        origin=origin_of(found.run),
        baselines=found.baselines,
        figures=figures,
        more=[_explained(found), _attacked(found), _deployed(found)],
        command=_command(found),
    )
    return f"{path.name}, {units.size(path.stat().st_size)}"


def _command(found: Tour) -> str:
    """The command line of this tour."""
    words = found.plan.words()
    usual = {"data": "digits", "model": "lenet5", "seed": 0}
    flags = [f"--{key} {words[key].value}" for key in usual if words[key].value != usual[key]]
    if words["epochs"].origin == "flag":
        flags.append(f"--epochs {words['epochs'].value}")
    return " ".join(["cartograd tour", *flags])


def _explained(found: Tour) -> Section | None:
    if found.explained is None:
        return None
    shown, outputs, heat = found.explained
    return attributions(shown, heat, outputs, method=EXPLAINER)


def _attacked(found: Tour) -> Section | None:
    if not found.robust:
        return None
    eps = list(found.robust)[2]
    main = found.robust[eps]
    turned = ((main.before == main.targets) & (main.after != main.targets)).nonzero()[:, 0]
    order = _spread(main.targets[turned].tolist())
    chosen = turned[order][:PAIRS]
    signature = found.plan.data.signature
    before, after = (
        Split(inputs[chosen], main.targets[chosen], signature)
        for inputs in (main.inputs, main.adversarial)
    )
    return adversarial(
        before,
        after.inputs,
        *(_outputs(found, split) for split in (before, after)),
        method=main.method,
        eps=eps,
        robust=[(0.0, main.clean), *((size, item.robust) for size, item in found.robust.items())],
    )


def _spread(classes: list[int]) -> list[int]:
    """An order in which each class comes once before any comes twice.

    >>> _spread([3, 3, 3, 5, 5, 1])
    [0, 3, 5, 1, 4, 2]
    """
    turns = [classes[:i].count(label) for i, label in enumerate(classes)]
    return sorted(range(len(classes)), key=lambda i: turns[i])


def _outputs(found: Tour, split: Split) -> Tensor:
    if len(split) == 0:
        return found.measured.outputs[:0]
    return collect(found.plan.model, split.batches(shuffle=False), device="cpu")[0]


def _deployed(found: Tour) -> Section | None:
    if found.exported is None or found.exported.check is None:
        return None
    check = found.exported.check
    runtimes = [
        Runtime("PyTorch", found.measured.size, check.torch_ms / 1000),
        Runtime("ONNX Runtime", found.exported.size, check.onnx_ms / 1000, check.difference),
    ]
    examples = min(CHECKED, len(found.test))
    return deployment(runtimes, parameters=found.measured.parameters, examples=examples)
