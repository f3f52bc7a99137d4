"""Write a trained model as ONNX, and compare the two.

With --check the exit code is 1 if the file gives other answers than the model.
"""

from pathlib import Path

from cartograd.apps.cli import output
from cartograd.apps.cli.common import home


def export_(
    target: str,
    /,
    *,
    to: str = "onnx",
    out: Path | None = None,
    check: bool = False,
    json: bool = False,
) -> int:
    """Write a trained model as ONNX, and compare the two.

    Args:
        target: a run or bundle folder.
        to: the format.
        out: the file to write; by default model.onnx in the run's folder.
        check: run both on the bundle's own examples; print the largest difference and the times.
        json: print one object.
    """
    from cartograd.apps.answers import units
    from cartograd.apps.load.target import as_bundle
    from cartograd.apps.verbs.export import export

    bundle = as_bundle(target)
    done = export(bundle, out or home(bundle) / f"model.{to}", to=to, check=check)
    found = done.check
    agree = found is None or found.agree
    if json:
        result = {"path": done.path, "size": done.size, "agree": found and found.agree}
        output.emit(result | {"check": None if found is None else vars(found)})
        return 0 if agree else 1
    lines = [("written", str(done.path)), ("size", units.size(done.size))]
    if found is not None:
        state = "within rounding" if agree else "TOO LARGE"
        lines += [
            ("difference", f"{units.number(found.difference)}, {state} ({found.tolerance:.1e})"),
            ("time", f"torch {found.torch_ms:.3g} ms, onnxruntime {found.onnx_ms:.3g} ms"),
            ("speed", f"{found.ratio:.2g} times that of torch"),
        ]
    output.lines(lines)
    return 0 if agree else 1
