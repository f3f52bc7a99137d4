"""Whether a generative model is told the class of its examples, and is."""

from torch import Tensor

from cartograd.core.errors import UsageError


def check_class(classes: int | None, y: Tensor | None, /) -> None:
    """The classes are there exactly where the model was made for them.

    Raises:
        UsageError: they are missing, or not wanted.
    """
    if (classes is None) != (y is None):
        wanted = "takes no classes" if classes is None else f"needs y, one of {classes} classes"
        raise UsageError(f"the model {wanted}; classes= of the model says so")
