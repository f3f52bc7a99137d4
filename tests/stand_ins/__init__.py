"""Stand-ins for packages of other makers' machines, which the suite does without.

Each has the calls that an exporter makes, by the names and the order that the real package has, and
takes its programs as they are. That the real ones do as much is shown by rows of the acceptance.
"""

import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
NAMES = sorted(path.name for path in HERE.iterdir() if (path / "__init__.py").is_file())


@contextmanager
def standing_in():
    """The stand-ins of all packages that are not installed, for as long as a test wants them."""
    absent = [name for name in NAMES if find_spec(name) is None]
    sys.path.append(str(HERE))
    try:
        yield absent
    finally:
        sys.path.remove(str(HERE))
        for name in [one for one in sys.modules if one.partition(".")[0] in absent]:
            del sys.modules[name]
        for home in [one for one in sys.path_importer_cache if one.startswith(str(HERE))]:
            del sys.path_importer_cache[home]
