"""`python -m cartograd` is `cartograd`."""

import sys

from cartograd.apps.cli import main

sys.exit(main())
