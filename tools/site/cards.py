"""A page for each card, one for each kind, and one for all kinds."""

from collections.abc import Iterator, Mapping
from typing import Any

from cartograd.apps.cli.trying import LINES
from cartograd.core import registry, source, vocabulary
from cartograd.core.card import KINDS, Card
from cartograd.core.spec import Spec
from tools.site.links import claimed, proof, to_place
from tools.site.texts import cell, code, escaped, literal, markdown, table, toctree

LINE = 88
"""Letters of a signature in one line."""

MORE: Mapping[str, str] = {
    "optimizer": "cartograd train mlp --data digits --optimizer {name}",
    "data": "cartograd data list",
    "weights": "cartograd data get {name}",
}
"""Further commands that show a kind at work."""

LIMITS = {"min": "from {}", "above": "above {}", "max": "to {}", "below": "below {}"}


def plural(kind: str, /) -> str:
    """A kind as a heading: many of them.

    >>> plural("token-sampler"), plural("loss"), plural("study"), plural("data")
    ('Token samplers', 'Losses', 'Studies', 'Data')
    """
    word = kind.replace("-", " ").capitalize()
    if kind in ("data", "weights", "privacy", "federated", "clipping", "decoding",
                "secure-inference"):  # fmt: skip
        return word
    if word.endswith("y"):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith("s") else f"{word}s"


def pages(places: Mapping[str, dict[str, Any]], /) -> Iterator[tuple[str, str]]:
    """The path and the text of each page of the reference.

    Args:
        places: what is known of each place of the map, by its id.
    """
    kinds = [kind for kind in KINDS if registry.methods(kind)]
    found = {kind: sorted(registry.methods(kind), key=lambda one: one.name) for kind in kinds}
    yield "methods/index.md", _all(found)
    for kind, cards in found.items():
        yield f"methods/{kind}/index.md", _kind(kind, cards)
        for card in cards:
            yield f"methods/{kind}/{card.name}.md", page(card, places)


def _all(found: Mapping[str, list[Card]]) -> str:
    count = sum(map(len, found.values()))
    rows = [
        (f"[{plural(kind)}]({kind}/index.md)", str(len(cards)),
         ", ".join(f"[{card.name}]({kind}/{card.name}.md)" for card in cards[:6])
         + (", ..." if len(cards) > 6 else ""))
        for kind, cards in found.items()
    ]  # fmt: skip
    return (
        f"# Methods\n{count} methods of {len(found)} kinds. Each page is written from the card and "
        "the docstring of the method's file: what it is, its formula, where it departs from its "
        "paper, its arguments, what proves it, and where it stands on the map.\n\n"
        + table(("kind", "methods", "among them"), rows)
        + "\n"
        + toctree(f"{kind}/index" for kind in found)
    )


def _kind(kind: str, cards: list[Card]) -> str:
    rows = [
        (f"[`{card.name}`]({card.name}.md)", cell(card.title), card.zh, str(card.year or ""))
        for card in cards
    ]
    return (
        f"# {plural(kind)}\n"
        + table(("name", "what it is", "中文", "paper of"), rows)
        + "\n"
        + toctree(card.name for card in cards)
    )


def page(card: Card, places: Mapping[str, dict[str, Any]], /) -> str:
    """The page of a method.

    Args:
        card: the method.
        places: what is known of each place of the map, by its id.
    """
    first, _, rest = source.docstring(card).partition("\n\n")
    parts = [
        f"(method-{card.kind}-{card.name})=\n# {escaped(card.title)}\n",
        f"{card.zh} · [{card.kind}](index.md) `{card.name}`"
        + "".join(f" · also {literal(name)}" for name in card.aliases),
        markdown(first),
        code(signature(card), "python"),
        markdown(rest),
        *_section("Arguments", _arguments(card)),
        *_section("Presets", _presets(card)),
        *_section("Try it", _try(card)),
        *_section("What proves it", _proofs(card)),
        *_section("On the map", _places(card, places)),
        *_section("Paper", _paper(card)),
        f"Source: `{_file(card)}`" + _about(card),
    ]
    return "\n\n".join(part.rstrip() for part in parts if part) + "\n"


def _section(title: str, text: str) -> list[str]:
    return [f"## {title}", text] if text else []


def signature(card: Card, /) -> str:
    """How its class or function is called."""
    subjects = [name for name, _ in source.subjects(card)]
    keywords = [
        f"{item.name}: {item.annotation}" + ("" if item.default is None else f" = {item.default}")
        for item in source.arguments(card)
    ]
    parts = [*subjects, *(["/"] if subjects else []), *(["*"] if keywords else []), *keywords]
    line = f"{card.entry}({', '.join(parts)})"
    if len(line) <= LINE:
        return line
    return f"{card.entry}(\n" + "".join(f"    {part},\n" for part in parts) + ")"


def _arguments(card: Card) -> str:
    rows = [
        (literal(item.name), literal(item.annotation),
         "required" if item.default is None else literal(item.default), _range(card, item.name),
         cell(item.means))
        for item in source.arguments(card)
    ]  # fmt: skip
    return table(("argument", "type", "default", "range", "meaning"), rows)


def _range(card: Card, name: str) -> str:
    word = vocabulary.words().get(name, {})
    entry = word.get("of", {}).get(card.name, word)
    return ", ".join(text.format(entry[key]) for key, text in LIMITS.items() if key in entry)


def _presets(card: Card) -> str:
    rows = [(literal(name), literal(str(Spec(card.name, args))))
            for name, args in card.presets.items()]  # fmt: skip
    return table(("preset", "is"), rows)


def commands(card: Card, /) -> list[str]:
    """Command lines that show a method: at work, where a verb takes it by name, and by itself."""
    shown = [f"cartograd show {card.kind} {card.name}"]
    line = LINES.get(card.kind) or MORE.get(card.kind)
    if line:
        shown.insert(0, line.format(name=card.name, spec=Spec(card.name, card.tiny)))
    return shown


def _try(card: Card) -> str:
    return code("\n".join(f"$ {line}" for line in commands(card)), "console")


def _proofs(card: Card) -> str:
    lines = []
    for line in card.proofs:
        kind, _, text = line.partition(": ")
        lines.append(f"- *{kind}*: {escaped(text)}")
    return "\n".join(lines)


def _places(card: Card, places: Mapping[str, dict[str, Any]]) -> str:
    lines = []
    for node in card.nodes:
        place = places[node]
        evidence = ", ".join(proof(one, "../..") for one in card.evidence.get(node, ()))
        shown = f" ({evidence})" if evidence else ""
        lines.append(f"- {to_place(place)}: {place['state']}{shown}")
        lines += [f"  - missing: {escaped(lacks)}" for lacks in place["missing"]]
        lines += [f"  - {claimed(claim, '../..')}" for claim in place["claims"]]
    return "\n".join(lines)


def _paper(card: Card) -> str:
    if not card.paper:
        return ""
    title = f"[{escaped(card.paper)}]({card.url})" if card.url else escaped(card.paper)
    return title + (f", {card.year}" if card.year else "")


def _file(card: Card) -> str:
    return f"src/{card.module.replace('.', '/')}.py"


def _about(card: Card) -> str:
    """What else its card says."""
    said = {
        "needs": f"`pip install 'cartograd[{card.needs}]'`" if card.needs else "",
        "trained with": literal(card.objective),
        "better": card.better,
        "shown metrics": ", ".join(map(literal, card.metrics)),
    }
    return "".join(f" · {key}: {text}" for key, text in said.items() if text)
