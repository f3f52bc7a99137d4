"""One method: its idea, arguments, presets, proofs and source file.

Of a generative model it tells what it can do and why it cannot do the rest (log_prob, encode,
inpaint, ...), in its smallest form. `show KIND NAME` shows the method of that kind, where several
have the name. `show schedule SPEC` draws the rates of a run under a schedule, here and (with --out)
as a picture, above its arguments; one that needs an argument is shown like any method until it is
given. `show sigmoid --out FILE` draws an activation with its slope and where it is saturated.
`show augment SPEC` writes a sheet of training examples before and after an augmentation; `show
neighbours WORD --data RUN` lists the words that are nearest in a run of word2vec. `show generate
RUN` draws what a generative model has learned: its classes, walks between examples, how noise is
taken away, truncation. `show settings` lists what `train --set` and its file of settings take; with
--json as the JSON schema of the file.
"""

from pathlib import Path
from typing import Annotated, Any

from cartograd.apps.cli import output, shown
from cartograd.apps.cli.common import Folder, writable
from cartograd.apps.cli.following import following
from cartograd.apps.cli.names import naming
from cartograd.apps.load.abilities import generates, kept
from cartograd.core import concepts, registry, source, vocabulary
from cartograd.core.card import KINDS, Card
from cartograd.core.errors import UsageError
from cartograd.core.language import chinese, said
from cartograd.core.sought import NOTES, sought
from cartograd.core.spec import Spec

WORDS = ("schedule", "augment", "neighbours", "generate")
"""What is drawn or looked up, besides methods and settings."""


def show_(
    name: Annotated[str, naming("shown", only=("spec",))],
    spec: str | None = None,
    /,
    *,
    steps: int = 1000,
    epochs: int = 10,
    lr: float = 1.0,
    data: str = "digits",
    out: Folder = None,
    json: bool = False,
) -> None:
    """One method: its idea, arguments, presets, proofs and source file.

    Args:
        name: a method or a preset, as `cartograd list` shows them; its kind; a place or a section
            of the map, by its id, title (English or Chinese) or heading in the notes (1.2, 003
            一.2); or schedule, augment, neighbours, generate or settings.
        spec: the name, after a kind; of the schedule to draw, like cosine:warmup=0.1 or
            step:every=3; of the augmentation, like flip,crop:padding=2; a word, or words like
            "king - man + woman"; or the run or bundle of a generative model.
        steps: of the run that the schedule is drawn for.
        epochs: that these steps make; or in how many the augmented examples are shown.
        lr: the optimizer's own rate.
        data: what to augment; of neighbours, the run or bundle of vectors of words.
        out: the PNG file to write the schedule to, the activation, or the augmented examples
            (augment.png); of generate, the folder for its pictures and films (shown, in the run).
        json: print one object.
    """
    if name == "settings" and spec is None:
        _settings(json)
        return
    kind, name, spec = _meant(name, spec)
    if spec is not None and name == "generate":
        shown.generate(spec, out, json)
        return
    writable(None, out)
    if spec is not None and name == "schedule":
        _schedule(spec, steps, epochs, lr, out, json)
        return
    if name in WORDS or spec is not None:
        _word(name, spec, data=data, epochs=epochs, out=out, json=json)
        return
    if not registry.lookup(name, kind=kind):
        kind, name = shown.called(name, kind)
        if kind == shown.PLACE:
            shown.place(name, zh=chinese(), json=json)
            return
    _method(name, kind, out, zh=chinese(), json=json)


def _meant(name: str, spec: str | None) -> tuple[str | None, str, str | None]:
    """The kind of method, the name, and what else is said of it; a title may have two words."""
    if spec is not None and name in NOTES:
        return None, f"{name} {spec}", None
    if spec is not None and name in KINDS and (name not in WORDS or _incomplete(spec)):
        return name, spec, None
    if spec is not None and name not in (*KINDS, *WORDS) and sought(f"{name} {spec}"):
        return None, f"{name} {spec}", None
    return None, name, spec


def _method(name: str, kind: str | None, out: Path | None, *, zh: bool, json: bool) -> None:
    """One method."""
    card, preset = registry.find(name, kind=kind)
    arguments = _arguments(card, preset)
    can, cannot = _abilities(card)
    drawn = {} if out is None else _activation(card, preset, out)
    if json:
        about = {"docstring": source.docstring(card), "source": source.path_of(card)}
        more: dict[str, Any] = {"can": can, "cannot": cannot} if can else {}
        found = {"arguments": arguments, "preset": preset} | about | drawn | more
        output.emit(card.to_json() | found)
        return
    _head(card, preset, zh=zh)
    _described(card)
    if can:
        rows = [(what, how) for what, how in can.items()]
        rows += [(what, f"no: {why}") for what, why in cannot.items()]
        output.table(("can", "how"), rows)
        print()
    _table(arguments)
    if card.presets:
        rows = [(key, str(Spec(card.name, args))) for key, args in card.presets.items()]
        output.table(("preset", "is"), rows)
    if drawn:
        parts = [f"{low:g} to {high:g}" for low, high in drawn["saturated"]]
        saturated = f"{', '.join(parts) or 'nowhere'} (of -8 to 8)"
        print()
        output.lines([("saturated", saturated), ("picture", str(out))])
    places = {place.id for place in concepts.places()}
    output.lines(following("learn", next((one for one in card.nodes if one in places), "next")))


def _word(
    name: str, spec: str | None, *, data: str, epochs: int, out: Path | None, json: bool
) -> None:
    """Neighbours of a word, or augmented examples.

    Raises:
        UsageError: neither is asked for.
    """
    if spec is not None and name == "neighbours":
        shown.neighbours(spec, data, json)
    elif spec is not None and name == "augment":
        shown.augment(spec, data, epochs, out or Path("augment.png"), json)
    else:
        raise UsageError(
            "`show` takes one method, or: show KIND NAME, or: show schedule SPEC, like cosine, "
            "or: show augment SPEC, like flip,crop:padding=2, or: show neighbours WORD --data "
            "RUN, or: show generate RUN"
        )


def _abilities(card: Card) -> tuple[dict[str, str], dict[str, str]]:
    """What a generative model can do and how, and what it cannot and why; of others nothing."""
    if not generates(card):
        return {}, {}
    if (found := kept(card)) is not None:
        return found
    from cartograd.apps.verbs.capabilities import abilities_of

    return abilities_of(card)


def _activation(card: Card, preset: dict[str, object], out: Path) -> dict[str, Any]:
    """An activation and its slope, drawn; where it is saturated."""
    if card.kind != "activation":
        raise UsageError(
            f"--out draws a schedule, an augmentation or an activation, and {card.name} is of kind "
            f"{card.kind}; leave it out"
        )
    from cartograd.apps.report.activation import activation

    return activation(out, Spec(card.name, preset)).to_json() | {"picture": out}


def _settings(json: bool) -> None:
    """What a run can be told, from the options that `train` and `fit` check it by."""
    from cartograd.apps.load.options import CHOSEN, schema

    found = schema()
    if json:
        output.emit(found)
        return
    rows = [
        (name, "chosen" if name in CHOSEN else item.get("default", ""), item["description"])
        for name, item in found["properties"].items()
        if "description" in item
    ]
    output.table(("setting", "default", "means"), rows)


def _incomplete(spec: str) -> bool:
    """Whether a spec is the bare name of a schedule that cannot be drawn without an argument."""
    return any(
        item.default is None and item.name != "total"
        for card, _ in registry.lookup(spec, kind="schedule")
        for item in source.arguments(card)
    )


def _schedule(spec: str, steps: int, epochs: int, lr: float, out: Path | None, json: bool) -> None:
    """The rates of a run under a schedule."""
    from cartograd.engine.optim.schedule import rates
    from cartograd.engine.optim.schedule_names import ours

    for key, value in (("steps", steps), ("epochs", epochs), ("lr", lr)):
        vocabulary.check("show", key, value)
    found = rates(spec, steps=steps, epochs=epochs, lr=lr)
    if out is not None:
        from cartograd.apps.report import png

        png.line(out, found, f"{spec}, {steps} steps", ("step", "learning rate"))
    known = registry.lookup(ours(spec).name, kind="schedule")
    arguments = [item for card, _ in known for item in _arguments(card, {})]
    if json:
        told = {"spec": spec, "steps": steps, "rates": found, "picture": out}
        output.emit(told | {"arguments": arguments})
        return
    output.say(f"{spec}: learning rate over {steps} steps")
    print(output.curve(found))
    _table(arguments)
    if out is not None:
        output.say(f"picture  {out}")


def _arguments(card: Card, preset: dict[str, object]) -> list[dict[str, object]]:
    """A method's arguments, explained by its own docstring."""
    return [_argument(item, preset) for item in source.arguments(card)]


def _table(arguments: list[dict[str, object]]) -> None:
    keys = ("name", "type", "default", "means")
    if arguments:
        head = ("argument", "type", "default", "meaning")
        told = [item | {"means": _meaning(item)} for item in arguments]
        output.table(head, [[item[key] for key in keys] for item in told])


def _described(card: Card) -> None:
    """What a method's file says of it: in Chinese its first sentence, and the rest as it stands."""
    first = source.summary(card)
    told = said(first)
    if told != first:
        print(f"\n{told}")
        output.say("(what follows is in English, as its file says it)")
    print(f"\n{source.docstring(card)}\n")


def _meaning(item: dict[str, object]) -> str:
    """What an argument is, in the method's words; in Chinese in those of the vocabulary.

    Those of the method, which say more, stand in English in its source.
    """
    own = str(item["means"])
    general = str(vocabulary.words().get(str(item["name"]), {}).get("means", ""))
    told = said(general)
    return told if told != general else own


def _argument(item: source.Argument, preset: dict[str, object]) -> dict[str, object]:
    word = vocabulary.words().get(item.name, {})
    limits = {key: word[key] for key in ("min", "max", "above", "below") if key in word}
    default = repr(preset[item.name]) if item.name in preset else item.default
    return {
        "name": item.name,
        "type": item.annotation,
        "default": "(required)" if default is None else default,
        "means": item.means,
        "limits": limits,
    }


def _head(card: Card, preset: dict[str, object], *, zh: bool) -> None:
    places = {place.id: place for place in concepts.places()}
    print(f"{card.zh}（{card.kind}）" if zh else f"{card.title} ({card.kind})")
    lines = {
        "spec": str(Spec(card.name, preset)),
        "also": ", ".join(card.aliases),
        "better": card.better,
        "map": "; ".join(
            places[node].zh if zh else places[node].en for node in card.nodes if node in places
        ),
        "paper": ", ".join(str(part) for part in (card.paper, card.year or "", card.url) if part),
        "needs": f"pip install 'cartograd[{card.needs}]'" if card.needs else "",
        "proofs": ("\n" + " " * 10).join(card.proofs),
        "source": str(source.path_of(card)),
    }
    for key, text in lines.items():
        if text:
            own = key in ("spec", "also", "paper", "proofs", "source")
            print(f"  {output.padded(said(key), 7)} {text if own else said(text)}")
