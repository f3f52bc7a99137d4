"""Which runs answer together: members are taken one by one, as long as they help.

Each step takes the run whose answers, averaged with those that are in, are best on the validation
examples; a run may be taken again, which gives it a larger share. It pays where the average is
better than the best run alone. Where the metric counts right answers, better is less loss: of a few
examples one right answer more is soon found among many averages.

References:
    Rich Caruana, Alexandru Niculescu-Mizil, Geoff Crew, Alex Ksikes. Ensemble selection from
    libraries of models. ICML 2004. https://doi.org/10.1145/1015330.1015432
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cartograd.apps.auto.judged import Judged
from cartograd.core.build import build
from cartograd.core.signed import Signed, sign
from cartograd.core.spec import Spec
from cartograd.engine.files import bundle
from cartograd.engine.files.bundle import Bundle

STEPS = 12
"""Most members, some of them several times."""

MOST = 8
"""Runs that are looked at, the best."""


def averaged(
    runs: Sequence[Path], judged: Judged, /
) -> tuple[dict[Path, int], tuple[float, float]] | None:
    """How often each run counts, and what they reach together; None where it does not pay.

    Args:
        runs: best first; those that read the data otherwise than the first are left out.
        judged: what measures them.
    """
    first = bundle.load(runs[0])
    alike = [run for run in runs if _alike(first, bundle.load(run))][:MOST]
    if len(alike) < 2 or judged.signature.target not in ("class", "classes", "value"):
        return None
    said, targets = [], torch.zeros(0)
    for run in alike:
        outputs, targets = judged.answers(run, "valid")
        said.append(_shares(outputs.double(), judged))
    alone = judged.of(_back(said[0], judged), targets)
    chosen, whole, best = [0], said[0].clone(), alone
    while len(chosen) < STEPS:
        tries = [
            judged.of(_back((whole + one) / (len(chosen) + 1), judged), targets) for one in said
        ]
        at = max(range(len(tries)), key=lambda i: judged.rank(tries[i]))
        if judged.rank(tries[at]) <= judged.rank(best):
            break
        chosen.append(at)
        whole, best = whole + said[at], tries[at]
    counts = Counter(alike[at] for at in chosen)
    return (dict(counts), best) if len(counts) > 1 else None


def together(counts: dict[Path, int], judged: Judged, /) -> Signed:
    """The model of the runs that answer together."""
    read: list[tuple[Bundle, int]] = [(bundle.load(run), n) for run, n in counts.items()]
    args: dict[str, Any] = {
        "members": tuple(str(one.spec) for one, _ in read),
        "shares": tuple(float(n) for _, n in read),
        "answers": judged.signature.target,
    }
    made = build(Spec("ensemble", args))
    for member, (one, _) in zip(made.members, read, strict=True):
        member.load_state_dict(one.model.model.state_dict())
    signed = sign(made, read[0][0].signature, spec=made.spec)
    signed.tokenizer = read[0][0].model.tokenizer
    return signed.eval()


def _alike(first: Bundle, other: Bundle) -> bool:
    """Whether two runs read the data in the same way and are made by name."""
    same = first.signature.inputs == other.signature.inputs
    words = (one.model.tokenizer for one in (first, other))
    read = {None if one is None else one.to_json() for one in words}
    return other.spec is not None and same and len(read) == 1


def _shares(outputs: Tensor, judged: Judged) -> Tensor:
    """Probabilities, or values, which may be averaged."""
    if judged.signature.target == "value":
        return outputs
    if judged.signature.target == "classes" or outputs.shape[1] == 1:
        return outputs.sigmoid()
    return outputs.softmax(1)


def _back(shares: Tensor, judged: Judged) -> Tensor:
    """As a model answers them: logits, or values."""
    if judged.signature.target == "value":
        return shares
    if judged.signature.target == "classes" or shares.shape[1] == 1:
        return shares.logit(eps=1e-12)
    return shares.clamp(min=1e-12).log()
