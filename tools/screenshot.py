"""The screenshot of a report in the README: a page of the program itself, as a browser shows it.

    python -m tools.screenshot --browser PATH       writes docs/pictures/report.png

Needs the package `playwright`, which is no part of the set-up, and a Chromium.
"""

import argparse
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

import cartograd as cg
from cartograd.core.files import write_file
from tools.source import ROOT

WIDE, HIGH = 1000, 1180
COLOURS = 64
"""A page has few; so the file is small."""


def main() -> int:
    """Train, open the report, keep what is seen first."""
    from playwright.sync_api import sync_playwright  # pyright: ignore[reportMissingImports]

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--browser", required=True, help="the program of a Chromium")
    program = parser.parse_args().browser
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as made:
        run = Path(folder) / "run"
        cg.train("lenet5", "digits", epochs=5, folder=run)
        browser = made.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDE, "height": HIGH})
        page.goto((run / "report.html").as_uri())
        seen = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    small = io.BytesIO()
    seen.convert("RGB").quantize(COLOURS).save(small, "PNG", optimize=True)
    path = write_file(ROOT / "docs/pictures/report.png", small.getvalue())
    print(path.relative_to(ROOT), f"{len(small.getvalue()) / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
