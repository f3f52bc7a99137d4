"""The ONNX file that is kept beside the weights of a module that cannot be built by name.

A command of another day has no such module's code, and no file makes Cartograd import any. What
the module answers is kept as a graph (docs/adr/0019), where no code was named that could be named
again (`--model`).
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor

from cartograd.apps.load.pretrained import specimens
from cartograd.core.at_work import scratch_folder
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.core.user_code import WITHOUT, made_by
from cartograd.engine.files.onnx_parts import parts
from cartograd.engine.loop.rehearsal import reason
from cartograd.practice.deployment.onnx import onnx
from cartograd.practice.deployment.parity import difference


def unnamed(model: Signed, /) -> bool:
    """Whether neither the model nor code that makes it has a name."""
    return model.spec is None and made_by(model.model) is None


wanted = unnamed
"""Whether a file is kept of a model."""


@contextmanager
def with_program(
    model: Signed, examples: tuple[Tensor, ...] = (), /
) -> Iterator[tuple[Path | None, dict[str, str]]]:
    """The file of a model while the block lasts, compared with the model, or why there is none.

    Args:
        model: any; one that can be built by name, or by code with a name, needs no file.
        examples: inputs to compare on; some that the ports allow if there are none.

    Returns:
        The file, or None; and what the bundle notes.
    """
    if not wanted(model):
        yield None, {}
        return
    with scratch_folder() as (folder, _):
        path, why = folder / "model.onnx", ""
        try:
            _written(model, path, examples)
        except Exception as error:  # whatever the exporter and foreign modules raise
            told = str(error) if isinstance(error, UsageError) else reason(error)
            why = told.replace(str(path), "model.onnx")
            warnings.warn(
                f"no ONNX file is kept beside the weights of {type(model.model).__name__}, so "
                f"commands need its code, --model package.module:make: {why}",
                stacklevel=4,
            )
        yield (None, {WITHOUT: why}) if why else (path, {})


def _written(model: Signed, path: Path, examples: tuple[Tensor, ...]) -> None:
    """Export, and refuse what answers otherwise."""
    given = examples or specimens(model.signature)
    device = model.output_mean.device
    if parts(onnx(model, path)):
        raise UsageError("it is larger than the 2 GB that one file can hold")
    found, most = difference(model, path, tuple(one[:8].to(device) for one in given))
    if not found <= most:
        raise UsageError(f"the exported file answers otherwise, by {found:.3g}")
