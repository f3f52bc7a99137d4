"""All pages of the site, as Sphinx reads them: the repository's, and those made from cards."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cartograd.apps.cli.places import told
from cartograd.apps.load.options import CHOSEN, schema
from cartograd.core import concepts, registry
from cartograd.core.files import write_file
from tools.site import api, cards, chapters, verbs
from tools.site.texts import cell, literal, table, toctree
from tools.source import ROOT

ROOTS = ("README.md", "README.zh.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md",
         "CODE_OF_CONDUCT.md")  # fmt: skip
DECISIONS = ROOT / "docs/adr/README.md"
PICTURES = (".png", ".svg", ".jpg", ".gif")
MARK = re.compile(r"^<!-- (?:run|read|shown)\b.*-->\n", re.MULTILINE)


def places() -> dict[str, dict[str, Any]]:
    """What is known of each place of the map."""
    return {one["id"]: one for one in told(*concepts.places())}


def written() -> Iterator[tuple[str, str]]:
    """The path and the text of each page that people or programs have written."""
    for path in [*map(ROOT.joinpath, ROOTS), *sorted((ROOT / "docs").rglob("*.md"))]:
        text = MARK.sub("", path.read_text(encoding="utf-8"))
        if path == DECISIONS:
            text += "\n" + toctree(one.stem for one in sorted(path.parent.glob("0*.md")))
        yield path.relative_to(ROOT).as_posix(), text


def made() -> Iterator[tuple[str, str]]:
    """The path and the text of each page that is made from what the package says of itself."""
    known = places()
    yield from cards.pages(known)
    for zh in (False, True):
        yield from chapters.pages(known, zh=zh)
        yield from verbs.pages(zh=zh)
    yield from api.pages()
    yield from fixed()


def fixed() -> Iterator[tuple[str, str]]:
    """The path and the text of the pages that lead to the others."""
    yield "settings.md", _settings()
    yield "index.md", _start()
    yield "zh/index.md", _chinese()
    yield from _lists()


def pictures() -> Iterator[tuple[str, bytes]]:
    """The path and the bytes of each picture."""
    for path in sorted((ROOT / "docs").rglob("*")):
        if path.suffix in PICTURES:
            yield path.relative_to(ROOT).as_posix(), path.read_bytes()


def write(folder: Path, /) -> tuple[int, int]:
    """Bring a folder up to date; what is as it was is not touched, so that little is built anew.

    Args:
        folder: the sources of the site.

    Returns:
        How many pages there are, and how many files were written or removed.
    """
    pages = dict([*written(), *made()])
    files = {name: text.encode() for name, text in pages.items()} | dict(pictures())
    changed = 0
    for name, content in files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, content)
            changed += 1
    for path in [one for one in folder.rglob("*") if one.is_file()]:
        if path.relative_to(folder).as_posix() not in files:
            path.unlink()
            changed += 1
    return len(pages), changed


def _settings() -> str:
    """What a training can be told."""
    rows = [
        (literal(name), "chosen" if name in CHOSEN else literal(str(item.get("default", ""))),
         cell(item["description"]))
        for name, item in schema()["properties"].items() if "description" in item
    ]  # fmt: skip
    return (
        "# Settings of a training\nWhat `cartograd train --set KEY=VALUE`, a file for `--config` "
        "and `cg.train(..., KEY=VALUE)` take.\n\n" + table(("setting", "default", "meaning"), rows)
    )


def _start() -> str:
    """The first page: what the README begins with, and the ways in."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    opening = MARK.sub("", readme.partition("\n## ")[0]).partition("\n")[2]
    opening = opening.replace("[中文](README.zh.md)", "[中文](zh/index.md)")
    found, count = concepts.coverage().total, len(registry.cards())
    ways = (
        "## Ways in\n"
        "- [The first run](README.md): your own pictures, table and texts; a model's life.\n"
        f"- [The map](map/index.md): {found.places} places in the order of the notes, what each "
        f"asks and what shows that it holds ({found.holds} hold).\n"
        f"- [Methods](methods/index.md): {count}, each with its formula, arguments, proofs.\n"
        "- [Commands](commands/index.md), [settings of a training](settings.md), "
        "[Python](api/index.rst).\n"
        "- [Guides](guides.md) and [results](results.md).\n"
    )
    return "\n".join([
        f"# Cartograd\n{opening}", ways,
        toctree(["README", "guides"], caption="Start"),
        toctree(["map/index", "methods/index", "commands/index", "settings", "api/index"],
                caption="Reference"),
        toctree(["results", "docs/architecture", "docs/glossary", "docs/weights", "rules",
                 "docs/adr/README", "CONTRIBUTING", "CHANGELOG", "SECURITY", "CODE_OF_CONDUCT"],
                caption="The project"),
        toctree(["zh/index"], caption="中文"),
    ])  # fmt: skip


def _chinese() -> str:
    """The first page in Chinese."""
    readme = (ROOT / "README.zh.md").read_text(encoding="utf-8")
    opening = MARK.sub("", readme.partition("\n## ")[0]).partition("\n")[2]
    opening = opening.replace("](README.md)", "](../index.md)").replace("](docs/", "](../docs/")
    guides = sorted((ROOT / "docs/guides").glob("*.zh.md"))
    lines = [f"- [{_title(path)}](../docs/guides/{path.name})" for path in guides]
    return "\n".join([
        f"# Cartograd\n{opening}",
        "## 入口", "- [第一次运行](../README.zh.md)", "- [地图](map/index.md)",
        "- [命令](commands/index.md)", "- [方法](../methods/index.md)（英文，附中文名）",
        "\n## 指南", *lines, "",
        toctree(["../README.zh", *(f"../docs/guides/{path.stem}" for path in guides),
                 "map/index", "commands/index"]),
    ])  # fmt: skip


def _lists() -> Iterator[tuple[str, str]]:
    """Pages that list pages of a folder."""
    guides = [path for path in sorted((ROOT / "docs/guides").glob("*.md"))
              if ".zh" not in path.suffixes]  # fmt: skip
    for name, title, paths in (
        ("guides", "Guides", guides),
        ("results", "Results", sorted((ROOT / "docs/results").rglob("*.md"))),
        ("rules", "Rules of the house", sorted((ROOT / "docs/rules").glob("*.md"))),
    ):
        inside = [path.relative_to(ROOT).as_posix() for path in paths]
        lines = [f"- [{_title(path)}]({page})" for path, page in zip(paths, inside, strict=True)]
        tree = toctree(page.removesuffix(".md") for page in inside)
        yield f"{name}.md", "\n".join([f"# {title}", *lines, "", tree])


def _title(path: Path) -> str:
    """The heading of a page."""
    return path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ").strip()
