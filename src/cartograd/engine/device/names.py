"""What devices are called, before torch is asked which of them are here."""

from cartograd.core.errors import unknown

DEVICES = ("auto", "cpu", "cuda", "mps")
"""What a user may name; cuda with a number, too, like cuda:1."""


def check_device(name: str, /) -> None:
    """Refuse what is no device anywhere.

    Raises:
        UsageError: the name is unknown.

    >>> check_device("cuda:1")
    """
    base, _, number = name.partition(":")
    if base not in DEVICES or (number and not number.isdigit()) or (base == "auto" and number):
        raise unknown("device", name, DEVICES)
