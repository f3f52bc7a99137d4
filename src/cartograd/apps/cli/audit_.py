"""Audit a model before it goes out: one card of its numbers, each with interval and control.

With --fail-under it is a gate: the exit code is 1 if a rule is not kept.
"""

from pathlib import Path
from typing import Any

from cartograd.apps.cli import output
from cartograd.apps.cli.common import (
    Data,
    Device,
    Folder,
    Part,
    Seed,
    Target,
    data_of,
    home,
)
from cartograd.apps.cli.following import of_model, of_run
from cartograd.apps.cli.words import part_of


def audit_(
    target: Target,
    /,
    *,
    data: Data = None,
    part: Part = None,
    minutes: float = 5.0,
    examples: int = 10_000,
    slices: str | None = None,
    fail_under: Path | None = None,
    against: str | None = None,
    out: Folder = None,
    seed: Seed = 0,
    device: Device = "auto",
    json: bool = False,
) -> int:
    """Audit a model before it goes out: accuracy, calibration, harm, attacks, privacy, fairness.

    One page (audit.html) and one audit.json. Each number has a 95 % interval, a control, a count,
    a cost and a rule; what was not tested stands there with the reason. Sections are kept as they
    are done: a card that was stopped goes on with the same line.

    Args:
        target: a run or bundle folder, or published weights.
        data: a source, like digits; by default what the model was trained on.
        part: train, valid, test or all; by default test of what the model was trained on, and all
            of other files or folders that do not come in parts.
        minutes: in which it shall be done: by a timed pilot each section takes as many examples as
            there is time for.
        examples: at most.
        slices: a column of the table, by whose cells fairness is measured.
        fail_under: a TOML file of rules by named figures, like overall = ">= 0.9" under
            [accuracy]; the exit code is 1 if one is not kept.
        against: the audit.json of another card, or another run to be audited on the same examples.
        out: the folder to write; by default audit in the run's folder.
        seed: of the shuffle and all that is drawn.
        device: auto, cpu, cuda or mps.
        json: print one object.
    """
    from cartograd.apps.audit.audit import audit
    from cartograd.apps.load.target import as_bundle

    bundle = as_bundle(target)
    source, place = data_of(bundle, data), out or home(bundle) / "audit"
    told: dict[str, Any] = {"minutes": minutes, "examples": examples, "slices": slices or ""}
    told |= {"fail_under": fail_under, "against": against, "seed": seed or 0, "device": device}
    try:
        card = audit(
            bundle, source, part=part and part_of(part), folder=place, said=output.note, **told
        )
    except KeyboardInterrupt:
        output.note(f"what is done is kept in {place}; the same line goes on from there")
        raise
    page, file = card.write(place)
    if json:
        output.emit({"page": page, "file": file} | card.to_json())
        return 0 if card.passed else 1
    head = ("section", "verdict", "figure", "value", "95 % interval", "control", "n")
    output.table(head, card.rows(), right=("value", "control", "n"))
    lines = [("verdict", card.verdict)]
    lines += [(f"no {title.lower()}", why) for title, why in card.untested.values()]
    if card.comparison:
        lines.append(("compared", card.comparison.said))
    after = (
        of_run("export", target, bundle.signature, "--check")
        if card.passed
        else of_model("diagnose", target)
    )
    output.lines([*lines, ("page", str(page)), ("file", str(file)), *after])
    for one in card.rules:
        output.note(f"{'passed' if one.passed else 'FAILED'}: {one.rule} ({one.said})")
    return 0 if card.passed else 1
