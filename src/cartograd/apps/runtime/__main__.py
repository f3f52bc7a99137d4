"""`cartograd-runtime`: predict, serve and check an ONNX file, without torch.

Torch is not imported even where it is installed, so that the answers are those of a machine that
lacks it.
"""

import sys

from cartograd.core.errors import UsageError


def main() -> int:
    """Run the command line of this process; the exit code, 2 for a mistake of the user's."""
    sys.modules.setdefault("torch", None)  # type: ignore[arg-type]
    from cartograd.apps.runtime.command import run

    try:
        return run(sys.argv[1:])
    except UsageError as error:
        sys.stderr.write(f"cartograd-runtime: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
