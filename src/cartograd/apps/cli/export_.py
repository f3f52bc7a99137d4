"""Write a trained model as ONNX, and compare the two.

With --check the exit code is 1 if the file gives other answers than the model.
"""

from cartograd.apps.cli import output
from cartograd.apps.cli.common import File, home


def export_(
    target: str,
    /,
    *,
    to: str = "onnx",
    out: File = None,
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
    from cartograd.apps.load.target import as_bundle
    from cartograd.apps.verbs.export import export

    bundle = as_bundle(target)
    done = export(bundle, out or home(bundle) / f"model.{to}", to=to, check=check)
    if json:
        output.emit(done.to_json())
    else:
        output.lines(done.lines())
    return 0 if done.agree else 1
