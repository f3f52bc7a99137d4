"""Run one side of one case in this process and leave what it measured in a file.

`python -m benchmarks.child FILE CASE SIDE RESULT`: what the side prints does not matter, so a
rival may draw its progress bar. With three arguments (FILE CASE FOLDER) the case's files are made.
"""

import importlib
import json
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from benchmarks.case import Timer


class _Without:
    """Finds packages as before, except one that is treated as not installed.

    The torchvision that loads beside a CPU build of torch lacks its compiled operators, and
    peers that look for it would fail on import. Their users would not have it either.
    """

    def __init__(self, hidden: str) -> None:
        self.hidden = hidden

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.partition(".")[0] == self.hidden:
            return None
        return PathFinder.find_spec(name, path, target)

    def find_distributions(self, context: Any) -> Any:
        return () if context.name == self.hidden else PathFinder.find_distributions(context)

    def invalidate_caches(self) -> None:
        PathFinder.invalidate_caches()


def hide(package: str, /) -> None:
    """Treat an installed package as absent from now on."""
    sys.meta_path[:] = [
        _Without(package) if finder is PathFinder else finder for finder in sys.meta_path
    ]


def main() -> None:
    file, name, *rest = sys.argv[1:]
    cases = importlib.import_module(f"benchmarks.{file}").CASES
    case = next(case for case in cases if case.name == name)
    if not case.torchvision:
        hide("torchvision")
    if len(rest) == 1:
        case.prepare(Path(rest[0]))
        return
    side, result = rest
    clock = Timer()
    answer = [float(number) for number in case.sides[side](clock)]
    measured = {"cpu": clock.cpu / clock.count, "wall": clock.wall / clock.count, "answer": answer}
    Path(result).write_text(json.dumps(measured))


if __name__ == "__main__":
    main()
