"""Build the site of the documentation: `python -m tools.site [FOLDER]`, or `make docs`.

The pages lie in build/site and are opened as files: nothing in them asks the network. Only what has
changed is built anew; a warning (a dead link, a picture that is not there) fails the build.
"""

# pyright: reportMissingImports=false
# Sphinx is in the extra `docs` alone.

import sys
import time
from pathlib import Path

from sphinx.cmd.build import main as sphinx

from tools.site.sources import write
from tools.source import ROOT


def main() -> int:
    """0 if there was no warning."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/site")
    begun, source = time.monotonic(), folder.parent / f"{folder.name}-source"
    pages, changed = write(source)
    code = sphinx([
        "-b", "html", "-q", "-W", "--keep-going", "-j", "auto",
        "-c", str(Path(__file__).parent), "-d", str(folder.parent / f"{folder.name}-cache"),
        str(source), str(folder),
    ])  # fmt: skip
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    seconds = time.monotonic() - begun
    print(f"{pages:,} pages, {changed:,} changed, {size / 1e6:.0f} MB, {seconds:.0f} s")
    print(f"{folder / 'index.html'}" if not code else "the build failed; what is above mends it")
    return code


if __name__ == "__main__":
    sys.exit(main())
