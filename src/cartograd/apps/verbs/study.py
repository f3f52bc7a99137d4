"""Study: what a model has learned as a whole, told by many examples."""

from pathlib import Path
from typing import Any

import torch

from cartograd.apps.load.as_learned import as_learned
from cartograd.apps.load.parts import trained_on
from cartograd.apps.load.source import Data, examples_for
from cartograd.apps.load.target import Target, as_bundle, as_signed
from cartograd.apps.results.studied import Studied
from cartograd.apps.verbs.explain_target import of_one_number
from cartograd.apps.verbs.prepared import prepared
from cartograd.core import registry
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.core.study import Study
from cartograd.engine.loop.fit import Run
from cartograd.frontier.inputs import check_one_input

EXAMPLES = 1000
"""How many are looked at by default."""


def is_study(method: str | Spec, /) -> bool:
    """Whether a method is told by many examples, not by one."""
    return bool(registry.lookup(Spec.parse(method).name, kind="study"))


def study(
    target: Target,
    data: Data,
    /,
    *,
    method: str | Spec,
    part: str = "train",
    examples: int = EXAMPLES,
    seed: int = 0,
) -> Studied:
    """What a model has learned, by a study: a surrogate tree, concepts, views, preferred inputs.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        data: examples, or a dataset or its spec, of which `part` is taken.
        method: spec of a study. The `concept` of `tcav` may be a folder of pictures.
        part: `train`, `valid`, `test` or `all`.
        examples: how many are looked at, drawn by the seed.
        seed: of these.

    Raises:
        UsageError: the model, the data or the method is not one, or they do not belong together.
    """
    target = target if isinstance(target, torch.nn.Module | Run) else as_bundle(target)
    signed = as_signed(target)
    signed.signature.task.check("explain")
    check_one_input(signed)
    if examples < 1:
        raise UsageError(f"examples={examples} leaves nothing to look at; expected at least 1")
    spec = Spec.parse(method)
    looks: Study = build(spec, kind="study", **_concept(signed, spec))
    read, notes = as_learned(data, trained_on(target))
    found = examples_for(signed.signature, read, part, tokenizer=signed.tokenizer, notes=notes)
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(seed))
    split = found.select(order[:examples].sort().values)
    device = next((p.device for p in signed.parameters()), torch.device("cpu"))
    asked: Any = of_one_number(signed)
    told = looks(asked, split.inputs.to(device), split.targets)
    return Studied(str(method), signed.signature.input, len(split), told)


def _concept(model: Signed, spec: Spec) -> dict[str, Any]:
    """The examples of a concept that a folder or a file holds."""
    word = spec.args.get("concept")
    if not isinstance(word, str) or not Path(word).exists():
        return {}
    place = Path(word)
    files = sorted(one for one in place.rglob("*") if one.is_file()) if place.is_dir() else [place]
    return {"concept": prepared(model, files)[0]}
