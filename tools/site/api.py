"""The Python face: every public name, and the classes of what they give."""

import inspect
from collections.abc import Iterator
from typing import Any, get_args

import cartograd

OUTSIDE = ("__version__",)


def pages() -> Iterator[tuple[str, str]]:
    """The path and the text of each page, in reStructuredText: what autodoc reads."""
    classes = [name for name in cartograd.__all__ if inspect.isclass(vars_of(name))]
    functions = [name for name in cartograd.__all__ if name not in classes]
    yield "api/index.rst", _index(functions, classes)
    for name in functions:
        yield f"api/{name}.rst", _entry(name, "autofunction")
    for name in classes:
        yield f"api/{name}.rst", _entry(name, "autoclass")
    given = sorted(results(), key=lambda one: one.__name__)
    yield "api/results.rst", _results(given)


def vars_of(name: str, /) -> Any:
    """A public name."""
    return getattr(cartograd, name)


def results() -> set[type]:
    """Classes of ours that public functions give and that have no public name."""
    public = {vars_of(name) for name in cartograd.__all__ if inspect.isclass(vars_of(name))}
    found: set[type] = set()
    for name in cartograd.__all__:
        value = vars_of(name)
        if not inspect.isclass(value):
            found |= set(_classes(inspect.signature(value).return_annotation))
    return {one for one in found if one.__module__.startswith("cartograd.")} - public


def _classes(annotation: Any) -> Iterator[type]:
    """The classes that an annotation is made of."""
    parts = get_args(annotation)
    if inspect.isclass(annotation) and not parts:
        yield annotation
    for part in parts:
        yield from _classes(part)


def _title(text: str) -> str:
    return f"{text}\n{'=' * len(text)}\n\n"


def _index(functions: list[str], classes: list[str]) -> str:
    text = _title("Python") + (
        "``import cartograd as cg``: every name below is found on first use, so that importing\n"
        "Cartograd is instant.\n\n"
    )
    for title, names in (("Functions", functions), ("Classes", classes)):
        text += f"{title}\n{'-' * len(title)}\n\n.. list-table::\n   :widths: 25 75\n\n"
        for name in names:
            first = (inspect.getdoc(vars_of(name)) or "").partition("\n\n")[0].replace("\n", " ")
            role = "py:func" if title == "Functions" else "py:class"
            text += f"   * - :{role}:`cartograd.{name}`\n     - {first}\n"
        text += "\n"
    names = [*functions, *classes, "results"]
    return text + ".. toctree::\n   :hidden:\n\n" + "".join(f"   {name}\n" for name in names)


def _entry(name: str, directive: str) -> str:
    more = "   :members:\n" if directive == "autoclass" else ""
    return f"{_title(f'cg.{name}')}.. {directive}:: cartograd.{name}\n{more}"


def _results(classes: list[type]) -> str:
    text = _title("What the functions give")
    for one in classes:
        text += f".. autoclass:: {one.__module__}.{one.__qualname__}\n   :members:\n\n"
    return text
