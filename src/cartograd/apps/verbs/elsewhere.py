"""Formats of other makers' machines, which their own tools make of a file that is written here."""

from cartograd.core.errors import UsageError

ELSEWHERE = {
    "tensorrt": (
        "TensorRT builds its engines for one NVIDIA GPU, on the machine that has it, from an ONNX "
        "file: export --to onnx, and there trtexec --onnx=model.onnx --saveEngine=model.engine"
    ),
}
"""How to come to each, by name."""


def check_here(to: str, /) -> None:
    """Refuse a format that is made elsewhere, and say how.

    Raises:
        UsageError: it is one.
    """
    name = to.partition(":")[0].strip().lower()
    if name in ELSEWHERE:
        raise UsageError(f"{name} is not written here. {ELSEWHERE[name]}")
