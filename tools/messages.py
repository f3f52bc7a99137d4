"""The catalogue of what people are told, `src/cartograd/core/zh/*.po`, kept up to date.

python -m tools.messages         writes what is new into the files, drops what is gone, and counts
python -m tools.messages --check tells what is wrong with the Chinese, and exits with 1 if anything

The English stands in the code and nowhere else; whoever translates writes the `msgstr` alone.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from cartograd.apps.load.options import DataOptions
from cartograd.core.catalogue import FOLDER, Catalogue
from cartograd.core.po_file import read
from cartograd.core.sentence import fill
from cartograd.engine.loop.option_fields import docs
from cartograd.engine.loop.options import FitOptions
from tools.listed_messages import listed, titles
from tools.message_source import SOURCE, Message, messages, room

HEADER = (
    '# {title}\nmsgid ""\nmsgstr ""\n"Language: zh_CN\\n"\n'
    '"Content-Type: text/plain; charset=UTF-8\\n"\n'
)
FOREIGN = "foreign"
"""The part with sentences of other packages; it is written by hand."""
HAN = "\u4e00-\u9fff"
_PLACE = re.compile(r"\{([A-Za-z_]\w*)\}")
_KEPT = re.compile(
    r"(?<![\w-])--[a-z][-\w]*|`[^`{]+`|\b[a-z_]+=(?=\w|\{)|\b[A-Z](?:[a-z]+[A-Z]|[A-Z]+[a-z]{2})\w*"
)
"""What no translation changes: flags, code, settings, names like RMSProp."""
FAULTS = (
    (rf"[{HAN}][,;:!?]|[{HAN}]\.(?:$|\s|[{HAN}])|[,;:!?] ?[{HAN}]", "half-width punctuation"),
    (rf"[{HAN}]\(|\)[{HAN}]|\([^()]*[{HAN}][^()]*\)", "half-width brackets"),
    (rf"[{HAN}][A-Za-z0-9`]|[A-Za-z0-9`%][{HAN}]", "no space between Chinese and Latin"),
    (rf"[{HAN}] [{HAN}]", "a space between Chinese"),
    (r" [\uff00-\uff0f\uff1a-\uff1f\u3001\u3002]|[\uff0c\uff1b\uff1a\u3001\u3002] ",
     "a space beside full-width punctuation"),
)  # fmt: skip


def helped(path: Path, /) -> Iterator[Message]:
    """The help of a command: the paragraphs of its file's docstring, and its arguments."""
    tree, file = ast.parse(path.read_text(encoding="utf-8")), f"apps/cli/{path.name}"
    for text in (ast.get_docstring(tree) or "").split("\n\n"):
        yield Message(_escaped(text), file)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and (
            node.name == path.stem or ".command" in "".join(map(ast.unparse, node.decorator_list))
        ):
            head, _, told = (ast.get_docstring(node) or "").partition("Args:\n")
            for text in head.split("\n\n"):
                yield Message(_escaped(text), file)
            told = told.partition("\n\n")[0]
            for _, text in re.findall(r"^    (\w+): (.*?)(?=^    \w|\Z)", told, re.M | re.S):
                yield Message(_escaped(text), file)


def drawn(path: Path, /) -> Iterator[Message]:
    """The words of a page's template."""
    text = re.sub(r"\{[{%].*?[%}]\}", "<>", path.read_text(encoding="utf-8"))
    for piece in re.findall(r">([^<>]+)<", text) + re.findall(r'aria-label="([^"<]+)"', text):
        if re.fullmatch(r"[A-Za-z ]{2,}", piece.strip()):
            yield Message(_escaped(piece), f"apps/report/templates/{path.name}")


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("{", "{{").replace("}", "}}")


def found() -> dict[str, list[Message]]:
    """Every message, by the part of the catalogue; one that stands in two places is in the first.

    Of sources in the order of their paths, the help of commands first.
    """
    parts: dict[str, list[Message]] = {"help": []}
    meant = docs(DataOptions) | docs(FitOptions)
    seen = {text for text, _, _ in read(FOLDER / f"{FOREIGN}.po")}
    helps = sorted((SOURCE / "apps/cli").glob("[a-z]*_.py"))
    pages = sorted((SOURCE / "apps/report/templates").glob("*.html"))
    sources = [path for path in sorted(SOURCE.rglob("*.py")) if path.parent.name != "claims"]
    for name, one in [
        *(("help", one) for path in helps for one in helped(path)),
        *(("help", Message(_escaped(one), "apps/load/options.py")) for one in meant.values()),
        *(("apps-report", one) for path in pages for one in drawn(path)),
        *((room(one.file), one) for path in sources for one in messages(path)),
        *listed(),
    ]:
        if one.text not in seen and one.text:
            seen.add(one.text)
            parts.setdefault(name, []).append(one)
    parts["core"] += parts.pop("__init__", [])
    return parts


def entries() -> dict[str, str]:
    """The Chinese of every template that the files have."""
    return {text: zh for path in sorted(FOLDER.glob("*.po")) for text, zh, _ in read(path)}


def _quoted(text: str) -> str:
    for plain, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t")):
        text = text.replace(plain, written)
    return f'"{text}"'


def written(name: str, part: Iterable[Message], known: dict[str, str], /) -> str:
    """A part of the catalogue as a file."""
    lines = [HEADER.format(title=f"What `{name}` says to people.")]
    alike: dict[str, tuple[list[str], str]] = {}
    for text, zh in known.items():
        if zh:  # of two that no reader could tell apart the first decides
            alike.setdefault(_shape(text), (_PLACE.findall(text), zh))
    for one in part:
        lines += [f"#. {choice}" for choice in one.choices]
        lines += [f"#: {one.file}", f"msgid {_quoted(one.text)}"]
        lines += [f"msgstr {_quoted(_renamed(one.text, alike))}", ""]
    return "\n".join(lines)


def _shape(text: str) -> str:
    """A template without the names of its places."""
    return _PLACE.sub("{}", text)


def _renamed(text: str, alike: dict[str, tuple[list[str], str]], /) -> str:
    """The Chinese of a template that differs from a known one in names of places alone."""
    names, zh = alike.get(_shape(text), ([], ""))
    mine = dict(zip(names, _PLACE.findall(text), strict=True)) if zh else {}
    return _PLACE.sub(lambda place: f"{{{mine[place[1]]}}}", zh)


def faults(one: Message, zh: str, /) -> list[str]:
    """What is wrong with the Chinese of a message."""
    if not zh or zh == one.text:
        return []
    places, filled = set(_PLACE.findall(one.text)), set(_PLACE.findall(zh))
    endings = {choice[1 : choice.index("}")] for choice in one.choices}
    wrong = [f"no place {name!r} in the English" for name in sorted(filled - places)]
    wrong += [f"the place {name!r} is missing" for name in sorted(places - filled - endings)]
    kept = [word for word in _KEPT.findall(one.text) if word.removesuffix("s") not in zh]
    wrong += [f"{word!r} is missing" for word in kept]
    wrong += [what for pattern, what in FAULTS if re.search(pattern, zh)]
    return wrong


def filled(one: Message, zh: str, /) -> tuple[str, str]:
    """A template and its Chinese with something in their places."""
    endings = {choice[1 : choice.index("}")]: choice.split("'")[1] for choice in one.choices}
    names = dict.fromkeys(_PLACE.findall(one.text))
    beside = set(re.findall(r"\}\{(\w+)", one.text))
    values = {
        name: endings.get(name, f" (x{at})" if name in beside else f"x{at}")
        for at, name in enumerate(names)
    }
    english = _PLACE.sub(lambda place: values[place[1]], one.text)
    return english.replace("{{", "{").replace("}}", "}"), fill(zh, values)


def mistaken(parts: dict[str, list[Message]], /, *, every: int = 1) -> Iterator[str]:
    """Templates (of so many one) that are taken for another when they are filled, a line each."""
    known = entries()
    catalogue = Catalogue(known)
    for one in [one for part in parts.values() for one in part][::every]:
        english, chinese = filled(one, known.get(one.text) or one.text)
        if catalogue.translated(english) != chinese and known.get(one.text):
            yield f"taken for another: {english!r} -> {catalogue.translated(english)!r}"


def check(parts: dict[str, list[Message]], /) -> list[str]:
    """All faults of the catalogue, a line each."""
    known = entries()
    told = [
        f"{name}.po: {fault}: {one.text!r} -> {known[one.text]!r}"
        for name, part in parts.items()
        for one in part
        for fault in faults(one, known.get(one.text, ""))
    ]
    for text, zh, _ in read(FOLDER / f"{FOREIGN}.po"):
        told += [f"{FOREIGN}.po: {fault}: {text!r}" for fault in faults(Message(text, ""), zh)]
    return told


def main() -> int:
    """Write the files, or check them."""
    if "--check" in sys.argv:
        parts = found()
        wrong = [*check(parts), *mistaken(parts)]
        print(*wrong, sep="\n", end="\n" * bool(wrong))
        return bool(wrong)
    parts = found()
    own = {one.text for one in parts["cards"]}
    known = entries() | {text: zh for text, zh in titles().items() if text in own}
    texts = {one.text for part in parts.values() for one in part}
    texts |= {text for text, _, _ in read(FOLDER / f"{FOREIGN}.po")}
    for text, zh in known.items():
        if text not in texts and zh:
            print(f"gone: {text!r} -> {zh!r}")
    for name, part in parts.items():
        path = FOLDER / f"{name}.po"
        path.write_text(written(name, part, known), encoding="utf-8")
        without = sum(not known.get(one.text) for one in part)
        print(f"{path.name:20} {len(part):5} messages, {without:5} without Chinese")
    for path in FOLDER.glob("*.po"):
        if path.stem not in parts and path.stem != FOREIGN:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
