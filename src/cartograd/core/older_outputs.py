"""Signatures that were written before outputs named their tasks."""

from collections.abc import Mapping, Sequence
from typing import Any


def task_of_old(inputs: Sequence[Any], output: Any, usual: Mapping[str, str], /) -> str:
    """The task of an output that was written before outputs named one.

    It is guessed from the ports' kinds, names and labels, here alone, and saved from then on.

    Args:
        inputs: the ports of the inputs.
        output: that of the output.
        usual: the task of an output of each kind.
    """
    if output.kind != "label":
        return usual.get(output.kind, "")
    if len(output.dims) < 2:
        return "classify"
    kinds = [port.kind for port in inputs]
    if kinds in (["audio", "text"], ["text", "text"]):
        return "transcribe" if kinds[0] == "audio" else "translate"
    if output.labels[:1] == ("",):
        return "ctc"
    if kinds != ["text"]:
        return "tag"
    if output.name.startswith("next"):
        return "next-token"
    bounds = inputs[0].bounds
    own = output.name == "token" or (bounds and output.dims[-1] == int(bounds[1]) + 1)
    return "masked-token" if own else "tag"
