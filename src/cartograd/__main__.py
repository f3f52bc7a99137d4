"""`cartograd` and `python -m cartograd`: the command line, which may be stopped while it loads."""

import os
import sys

from cartograd.core.interrupt import Stopped, end_at_once, stoppable


def main() -> int:
    """Run the command line of this process; the exit code."""
    try:
        with stoppable():
            from cartograd.apps.cli import main as run

            return run()
    except Stopped as error:
        os.write(sys.stderr.fileno(), b"stopped\n")
        return error.code
    finally:
        end_at_once()


if __name__ == "__main__":
    sys.exit(main())
