"""The version."""

from cartograd import __version__
from cartograd.apps.cli import output


def version_(*, json: bool = False) -> None:
    """The version.

    Args:
        json: print one object.
    """
    if json:
        output.emit({"cartograd": __version__})
    else:
        print(__version__)
