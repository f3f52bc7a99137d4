"""What a shell offers in the place of a word that is being typed: names, keys, runs, files.

Cards are read as text, as `cartograd list` reads them; no torch is imported.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cartograd.core import registry, source
from cartograd.core.card import KINDS, MEASURED, Card
from cartograd.core.errors import UsageError
from cartograd.core.paths import expanded
from cartograd.core.spec import Spec

Offer = tuple[str, str]
"""A word, and what it is."""

RUNS = Path("runs")
"""Where runs are by default."""

METHODS: Mapping[str, tuple[str, ...]] = {
    "begins": ("model", "weights"), "resumed": (), "curves": (), "run": (), "two runs": (),
    "target": ("weights",), "somewhere": ("weights",), "answerer": ("weights",),
    "against": ("weights",), "data": ("data",), "metrics": MEASURED, "limits": MEASURED,
    "margins": MEASURED,
    "explainer or study": ("explainer", "study"), "detector or study": ("detector",),
    "purifier or detector": ("purifier", "detector"), "step": ("compressor",),
    "format": ("exporter",), "sampler of either": ("sampler", "token-sampler"),
    "poison by name": ("poison",), "optimizer spec": ("optimizer",), "traced": ("model",),
    "inputs": (), "some inputs": (), "gate": (), "name": KINDS, "shown": KINDS,
}  # fmt: skip
"""The kinds of methods that words name."""

FILES = {"begins", "resumed", "target", "somewhere", "answerer", "against", "traced", "curves",
         "data", "inputs", "some inputs", "gate", "config", "run", "two runs"}  # fmt: skip
"""What may be a file or a folder."""

HAVE_RUNS = FILES - {"data", "inputs", "some inputs"}
"""What may be a run."""


def offered(what: str, typed: str, /) -> list[Offer]:
    """What may stand where a word is typed.

    Args:
        what: the word names (see `cartograd.apps.cli.names.Names`).
        typed: the beginning of it.
    """
    begun, comma, last = typed.rpartition(",") if what in ("metrics", "step") else ("", "", typed)
    kinds = METHODS.get(what, (what,) if what in KINDS else ())
    found = [*_words(what), *_specs(kinds, last)] if what != "settings" else list(_settings(typed))
    if what in HAVE_RUNS:
        found += _runs()
    if what in FILES:
        found += _files(typed)
    return [(begun + comma + word, means) for word, means in dict(found).items()]


def _words(what: str) -> Iterator[Offer]:
    """Words that are the same everywhere."""
    from cartograd.apps.cli.words import PARTS
    from cartograd.apps.load.looks import LENGTH_LOOKS, LOOKS
    from cartograd.apps.load.traces import TRACES
    from cartograd.apps.replace.margin import COSTS
    from cartograd.core import concepts
    from cartograd.engine.device.names import DEVICES

    several = {"part": PARTS, "device": DEVICES, "trace": TRACES, "format": ("peft",)}
    several |= {"step": ("distill", "fine-tune"), "begins": ("auto",), "shown": ("settings",)}
    several |= {"looks": (*LOOKS, *LENGTH_LOOKS), "gate": ("rules",)}
    several |= {"tool": ("calculator", "search:")}
    several |= dict.fromkeys(("costs", "budget"), tuple(f"{cost}=" for cost in COSTS))
    yield from ((word, "") for word in several.get(what, ()))
    if what == "optimizer spec":
        from cartograd.engine.optim.torch_names import classes

        yield from ((word, f"torch.optim.{title}") for word, (title, _) in classes().items())
    if what in ("name", "shown"):
        yield from ((kind, "kind") for kind in KINDS)
        yield from ((place.id, place.en) for place in concepts.places())


def _specs(kinds: Iterable[str], typed: str) -> Iterator[Offer]:
    """Names of methods; behind a colon the keys of one."""
    name, colon, rest = typed.partition(":")
    if not colon:
        cards = [card for card in registry.cards().values() if card.kind in tuple(kinds)]
        for card in cards:
            yield from ((one, card.title) for one in (card.name, *card.presets))
        named = [card for card in cards if typed in (card.name, *card.presets)]
        yield from ((f"{typed}:{word}", means) for card in named for word, means in _keys(card))
        return
    found = [card for kind in kinds for card, _ in registry.lookup(name, kind=kind)]
    before, comma, _ = rest.rpartition(",")
    try:
        given = Spec.parse(f"{name}:{before}").args if before else {}
    except UsageError:  # within brackets
        return
    for card in found:
        for word, means in _keys(card):
            if word.removesuffix("=") not in given:
                yield f"{name}:{before}{comma}{word}", means


def _keys(card: Card) -> Iterator[Offer]:
    """The arguments that a spec of a method may set."""
    return ((f"{item.name}=", item.means) for item in source.arguments(card))


def _settings(typed: str) -> Iterator[Offer]:
    """The settings of a training; of those that name methods their specs, too."""
    from cartograd.apps.load.options import DataOptions
    from cartograd.engine.loop.option_fields import docs
    from cartograd.engine.loop.options import FitOptions

    key, equals, value = typed.partition("=")
    meant = docs(DataOptions) | docs(FitOptions)
    if not equals:
        yield from ((f"{name}=", means) for name, means in meant.items())
        return
    kinds = {"augment": "augmentation", "init": "initialiser", "filter": "detector",
             "clip": "clipping"}  # fmt: skip
    kind = kinds.get(key, key)
    if kind in KINDS:
        yield from ((f"{key}={word}", means) for word, means in _specs((kind,), value))


def _runs() -> Iterator[Offer]:
    """The runs in `runs/` of this folder."""
    from cartograd.engine.logging.run_folder import is_run

    if RUNS.is_dir():
        yield from ((str(one), "run") for one in sorted(RUNS.iterdir()) if is_run(one))


def _files(typed: str) -> Iterator[Offer]:
    """Files and folders that begin so."""
    place = expanded(typed or ".")
    folder = place if typed.endswith("/") or not typed else place.parent
    begun = typed[: len(typed) - len(typed.rpartition("/")[2])]
    try:
        there = sorted(folder.iterdir())
    except OSError:
        return
    for one in there:
        if not one.name.startswith("."):
            yield f"{begun}{one.name}{'/' if one.is_dir() else ''}", ""
