"""The page of what `python -m tools.trial` found."""

from collections.abc import Iterable, Sequence
from typing import Any

HEAD = """# Installed where there is nothing else

Two wheels of one tree, each with all that it depends on, in an environment of its own: an empty
home, a path that holds the environment's programs alone (no {absent}),
no variable of the caller's but the language. Sizes are of 10^6 bytes, without Python, pip and
bytecode; seconds are the processor's, on one thread, and the wall's in brackets (of an installation
with the download, from whatever is near). {system}, Python {python}, {date}. Made by
`python -m tools.trial --publish`, which fails where a command does, where an answer differs by more
than 1e-5, or where the runtime takes more than {most} MB.
"""


def page(told: dict[str, Any], /) -> str:
    """What was found as Markdown."""
    parts = [
        HEAD.format(absent=", ".join(f"`{one}`" for one in told["whole"]["absent"]), **told),
        f"## Installed\n\n{_installed(told)}",
        f"The largest parts of the runtime: {_largest(told['runtime']['bare'])}. Of the whole "
        f"package: {_largest(told['whole']['extras'])}; Cartograd itself takes "
        f"{_mb(told['whole']['cartograd'])}. Its torch is the one that the index has for this "
        f"system; with the build for processors alone, which `Dockerfile` takes, `nvidia` and "
        f"`triton` are not there.",
        f"## The same answers\n\nThree models are trained and exported by the whole package in its "
        f"environment. `cartograd-runtime check` computes the examples that the export keeps and "
        f"compares them with the whole package's outputs; then both are asked about the same "
        f"files and texts.\n\n{_answers(told['answers'])}",
        f"The server of the runtime answers the question after its health that "
        f"`Dockerfile.runtime` asks (`{told['health']}`), and the question fails once the "
        f"server has ended.",
        *(f"## Commands of the {_title(name)}\n\n{_commands(lines)}"
          for name, lines in told["commands"].items()),
    ]  # fmt: skip
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _title(name: str) -> str:
    return {"whole": "whole package", "runtime": "runtime"}[name]


def _mb(size: float) -> str:
    return f"{size / 1e6:,.1f} MB"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _installed(told: dict[str, Any]) -> str:
    wheels = dict(zip(("whole", "runtime"), told["wheels"].values(), strict=True))
    steps = (
        ("`cartograd`", wheels["whole"], told["whole"]["bare"]),
        ("`cartograd[export,text]`, over it", None, told["whole"]["extras"]),
        ("`cartograd-runtime`", wheels["runtime"], told["runtime"]["bare"]),
        ("`cartograd-runtime[text]`, over it", None, told["runtime"]["text"]),
    )
    return _table(
        ("what", "wheel", "packages", "in all", "seconds"),
        ([name, "" if wheel is None else _mb(wheel), str(one["packages"]), _mb(one["size"]),
          f"{one['cpu']:.1f} ({one['wall']:.0f})"] for name, wheel, one in steps),
    )  # fmt: skip


def _largest(one: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_mb(size)}" for name, size in one["largest"].items())


def _answers(told: dict[str, Any]) -> str:
    return _table(
        ("model", "kept examples answered as they were", "answers of both", "largest difference"),
        ([kind, str(one["kept examples"]), str(one["answers"]), f"{one['difference']:.1e}"]
         for kind, one in told.items()),
    )  # fmt: skip


def _commands(lines: Iterable[Sequence[Any]]) -> str:
    return _table(
        ("command", "seconds"),
        ([f"`{said}`", f"{cpu:.1f} ({wall:.0f})"] for said, cpu, wall in lines),
    )
