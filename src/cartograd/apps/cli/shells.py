"""The scripts by which shells complete: cyclopts' own, and for bash words with colons.

Bash takes `mlp:widths=` for four words, as colons and equals signs part words for it. What it
parted is put together before our script looks at it, and of what that offers the part is cut off
that bash leaves where it is.
"""

from pathlib import Path
from typing import Any

from cyclopts import App

from cartograd.core.errors import UsageError

WHOLE = Path(__file__).with_name("whole_words.bash")
"""What stands around cyclopts' function for bash."""

COMPLETES = "complete -F _cartograd cartograd"
"""How cyclopts tells bash of its function."""

ADDS = "compadd -d _cyc_disp -a _cyc_vals"
"""How cyclopts offers words to zsh, which writes a space after each ..."""

GOES_ON = "compadd -S '' -d _cyc_disp -a _cyc_vals"
"""... where ours may go on: behind a key comes its value, and a name may get keys."""


def script(app: App, shell: Any, /) -> str:
    """What a shell reads to complete our words.

    Args:
        app: the command line.
        shell: bash, zsh, fish or powershell.
    """
    text = app.generate_completion(shell=shell)
    if shell == "bash":
        ours = COMPLETES.replace(" cartograd", "_whole cartograd")
        return _changed(text, COMPLETES, WHOLE.read_text(encoding="utf-8") + ours)
    return _changed(text, ADDS, GOES_ON) if shell == "zsh" else text


def _changed(text: str, before: str, after: str) -> str:
    assert text.count(before) == 1, f"cyclopts writes {before!r} in another way"
    return text.replace(before, after)


def install(app: App, /, *, shell: Any, output: Path | None, add_to_startup: bool) -> Path:
    """Write the script where the shell finds it.

    Args:
        app: the command line.
        shell: bash, zsh, fish or powershell.
        output: the file, if it is not the usual one.
        add_to_startup: whether the shell's own settings shall name it.

    Raises:
        UsageError: a file cannot be written.
    """
    try:
        path = app.install_completion(shell=shell, output=output, add_to_startup=add_to_startup)
        path.write_text(script(app, shell), encoding="utf-8")
    except OSError as error:
        place = error.filename or output
        raise UsageError(f"{place} cannot be written: {error.strerror or error}") from error
    return path
