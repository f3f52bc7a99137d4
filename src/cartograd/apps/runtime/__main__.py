"""`cartograd-runtime`: predict, serve and check an ONNX file, without torch.

Torch is not imported even where it is installed, so that the answers are those of a machine that
lacks it. Language and mistakes are as those of `cartograd`: `--lang zh`, `LANG`, a line, code 2.
"""

import sys
import warnings
from collections.abc import Sequence

from cartograd.core import screen
from cartograd.core.errors import UsageError
from cartograd.core.language import said, speaking
from cartograd.core.system import refusal, refuses, unheard, unread


def main() -> int:
    """Run the command line of this process; the exit code, 2 for a mistake of the user's."""
    sys.modules.setdefault("torch", None)  # type: ignore[arg-type]
    try:
        words, lang = screen.spoken(sys.argv[1:])
        with speaking(lang), warnings.catch_warnings():
            warnings.showwarning = _warned
            return _run(words)
    except UsageError as error:  # it is no language
        with speaking(screen.shown("auto")):
            _mistake(error)
        return 2
    except KeyboardInterrupt:
        return 130


def _run(words: Sequence[str]) -> int:
    from cartograd.apps.runtime.command import run

    try:
        code = run(words)
        sys.stdout.flush()
    except UsageError as error:
        _mistake(error)
        return 2
    except OSError as error:
        if unread(error):
            unheard()
            return 0
        if not refuses(error):
            raise
        _mistake(refusal(error))
        return 2
    return code


def _mistake(error: UsageError) -> None:
    sys.stderr.write(f"cartograd-runtime: {said(' '.join(str(error).split()))}\n")


def _warned(message: Warning | str, *_: object) -> None:
    """A warning is a line for people."""
    told = " ".join(str(message).split())
    sys.stderr.write(f"{said(f'warning: {told}')}\n")


if __name__ == "__main__":
    sys.exit(main())
