"""How each sort of word on a command line is looked up, without torch."""

from collections.abc import Callable, Mapping, Sequence
from glob import has_magic
from inspect import BoundArguments
from pathlib import Path
from typing import Any

from cartograd.apps.cli.gates import limit
from cartograd.apps.cli.names import asked
from cartograd.apps.cli.setting_lookups import by_name, check_settings, method
from cartograd.apps.cli.words import part_of, split
from cartograd.apps.gate.named import check_gate
from cartograd.apps.load import named, runs, settings, traces
from cartograd.apps.load.endpoint import is_endpoint
from cartograd.apps.load.inputs import check_inputs
from cartograd.apps.load.looks import LENGTH_LOOKS, LOOKS, check_looks
from cartograd.apps.load.steps import check_step
from cartograd.apps.replace.margin import limits, margins
from cartograd.apps.tools.named import check_tool
from cartograd.apps.verbs.elsewhere import check_here
from cartograd.core import known, registry
from cartograd.core.card import KINDS
from cartograd.core.errors import unknown
from cartograd.core.paths import is_there
from cartograd.core.spec import Spec
from cartograd.engine.device.names import check_device
from cartograd.engine.optim.schedule_names import check_schedule
from cartograd.engine.optim.torch_names import check_optimizer

ALL_LOOKS = (*LOOKS, *LENGTH_LOOKS)

PEFT = "peft"
"""The format of adapters, which no exporter writes."""

BEFORE = "before"
"""Of `evaluate --against`: what a run began from."""

TRIGGERS = "neural-cleanse"
"""The study that `scan` knows."""


def _begins(word: str) -> None:
    if word != "auto" and not word.startswith("auto:"):
        named.check_begins(word)


def _answerer(word: str) -> None:
    """A language model, which may be an address."""
    if not is_endpoint(word):
        _somewhere(word)


def _somewhere(word: str) -> None:
    """A target of which more kinds are read than bundles: only what is nowhere is refused."""
    if not is_endpoint(word) and (named.is_onnx(word) or not is_there(word)):
        named.check_target(word)


def _against(word: str) -> None:
    if word != BEFORE:
        _answerer(word)


def _trace(word: str) -> None:
    if word not in traces.TRACES:
        raise unknown("trace", word, traces.TRACES)


def _run(word: str) -> None:
    runs.check_run(Path(word))


def _either(*kinds: str) -> Callable[[str], None]:
    """Specs of the first kind that has the name, else of the last."""

    def look(word: str) -> None:
        name = Spec.parse(word).name
        known.check(word, kind=next((k for k in kinds if registry.lookup(name, kind=k)), kinds[-1]))

    return look


def _explainer(word: str) -> None:
    spec = Spec.parse(word)
    if registry.lookup(spec.name, kind="study"):
        known.check(spec, kind="study")
        return
    args = {key: value for key, value in spec.args.items() if key != "target"}
    known.check(Spec(spec.name, args, spec.subject), kind="explainer")


def _scanner(word: str) -> None:
    found = registry.lookup(Spec.parse(word).name, kind="study")
    triggers = bool(found) and found[0][0].name == TRIGGERS
    known.check(word, kind="study" if triggers else "detector")


def _sampler(word: str) -> None:
    for spec in Spec.chain(word):
        named.check_sampler(spec)


def _exporter(word: str) -> None:
    if word != PEFT:
        check_here(word)
        known.check(word, kind="exporter")


CHECKS: dict[str, Callable[[Any], object]] = {
    "target": named.check_target,
    "somewhere": _somewhere,
    "answerer": _answerer,
    "begins": _begins,
    "data": named.check_data,
    "part": part_of,
    "run": _run,
    "against": _against,
    "trace": _trace,
    "curves": named.check_curves,
    "optimizer spec": check_optimizer,
    "explainer or study": _explainer,
    "purifier or detector": _either("detector", "purifier"),
    "detector or study": _scanner,
    "step": check_step,
    "tool": check_tool,
    "gate": check_gate,
    "format": _exporter,
    "sampler of either": _sampler,
    "device": check_device,
    "poison by name": by_name("poison"),
}
"""Those that look at one word after the other."""


def _metrics(value: Any, _: Mapping[str, Any]) -> None:
    for word in split(tuple(value)):
        named.check_metric(word)


def _limits(value: Any, _: Mapping[str, Any]) -> None:
    for word in value:
        named.check_metric(limit(word)[0])


def _resumed(value: Any, given: Mapping[str, Any]) -> None:
    if value != "auto" and not given.get("seeds"):  # those have folders of their own kind
        named.resumed(value, given.get("folder"), None)


def _config(value: Path, _: Mapping[str, Any]) -> None:
    settings.merged(value, {})


def _two_runs(value: Sequence[str], given: Mapping[str, Any]) -> None:
    """Two runs to compare; groups are looked up by what compares groups."""
    if len(value) != 2 or given.get("margin"):
        return
    for word in value:
        path = Path(word)
        if not has_magic(word) and not (path.is_dir() and not runs.is_run(path)):
            runs.check_run(path)


def _traced(value: str, given: Mapping[str, Any]) -> None:
    """What a trace looks at: the spec of a model, or one that was trained."""
    if given.get("what") == "field":
        known.check(value, kind="model")
    elif given.get("what") in traces.LOOKS and given.get("source"):
        named.check_target(value)


def _shown(value: str, given: Mapping[str, Any]) -> None:
    """What `show` draws besides methods, which it looks up itself."""
    spec = given.get("spec")
    if value == "augment" and spec:
        for one in Spec.chain(spec):
            known.check(one, kind="augmentation")
    if value == "schedule" and spec:
        check_schedule(spec)
    place = spec if value == "generate" else given.get("data")
    if place and value in ("generate", "neighbours"):
        named.check_target(place)
    elif place and value == "augment":
        named.check_data(place)


def _looked(value: Sequence[str], _: Mapping[str, Any]) -> None:
    words = split(tuple(value))
    check_looks(words, ALL_LOOKS if set(words) & set(LENGTH_LOOKS) else LOOKS)


def _inputs(value: Sequence[str], given: Mapping[str, Any], every: bool = True) -> None:
    """Raw inputs, by what the model reads; a study takes none, and says so itself."""
    methods = given.get("method") or ()
    if not any(registry.lookup(Spec.parse(one).name, kind="study") for one in methods):
        check_inputs(given["target"], value, every=every)


def _some_inputs(value: Sequence[str], given: Mapping[str, Any]) -> None:
    _inputs(value, given, every=False)


def _margins(value: Sequence[str], _: Mapping[str, Any]) -> None:
    margins(value)


def _costs(what: str) -> Callable[[Sequence[str], Mapping[str, Any]], None]:
    """What may be bounded, as a verb calls its bounds."""

    def look(value: Sequence[str], _: Mapping[str, Any]) -> None:
        limits(value, what=what)

    return look


WHOLE: dict[str, Callable[[Any, Mapping[str, Any]], None]] = {
    "looks": _looked,
    "inputs": _inputs,
    "some inputs": _some_inputs,
    "margins": _margins,
    "costs": _costs("max"),
    "budget": _costs("budget"),
    "metrics": _metrics,
    "limits": _limits,
    "resumed": _resumed,
    "settings": check_settings,
    "config": _config,
    "two runs": _two_runs,
    "traced": _traced,
    "shown": _shown,
}
"""Those that look at all words at once, beside the other arguments."""


def check(bound: BoundArguments, /) -> None:
    """Refuse words that name nothing; imports no torch.

    Args:
        bound: what a command is called with.

    Raises:
        UsageError: as whoever loads it would say.
    """
    for what, value in asked(bound):
        if what in WHOLE:
            WHOLE[what](value, bound.arguments)
            continue
        assert what in CHECKS or what in KINDS, what
        look = CHECKS.get(what) or method(what)
        for word in value if isinstance(value, tuple | list) else (value,):
            look(word)
