"""Write a trained model as a file of another program, and compare the two.

With --check the exit code is 1 if the file gives other answers than the model, and with --margin
if it may not replace it.
"""

from pathlib import Path
from typing import Annotated

from cartograd.apps.cli import output
from cartograd.apps.cli.common import Data, Folder, Margins, Somewhere, home
from cartograd.apps.cli.following import following
from cartograd.apps.cli.names import naming

PEFT = "peft"
"""The format of adapters, which are no models by themselves."""


def export_(
    target: Somewhere,
    /,
    *,
    to: Annotated[str, naming("format")] = "onnx",
    out: Folder = None,
    check: bool = False,
    margin: Margins = (),
    data: Data = None,
    json: bool = False,
) -> int:
    """Write a trained model as a file of another program, and compare the two.

    Args:
        target: a run or bundle folder, or an ONNX file.
        to: the format: onnx, optimised-onnx (as few operations as passes over the graph leave),
            huggingface (a folder), torchvision, timm, or another of `cartograd list exporter`;
            peft (a folder) of an adapter.
        out: the file or folder to write; by default in the run's folder, like model.onnx.
        check: run both on the bundle's own examples; print the largest difference, how many answers
            changed, and the times.
        margin: judge the file as replace does: how much worse it may be, like accuracy=0.5%.
        data: with a margin, on what; by default test of what the model was trained on.
        json: print one object.
    """
    from cartograd.apps.load.target import as_bundle
    from cartograd.apps.verbs.export import export, place

    if to == PEFT:
        from cartograd.apps.verbs.export_adapter import export_adapter

        written = export_adapter(target, out or f"{target}-peft")
        if json:
            output.emit({"target": target, "written": str(written)})
        else:
            output.lines([("written", str(written))])
        return 0
    bundle = as_bundle(target)
    path = place(to, home(bundle), out)
    done = export(bundle, path, to=to, check=check, data=data, margin=margin)
    if json:
        output.emit(done.to_json())
    else:
        if done.graph is not None:
            output.table(
                ("operation", "before", "after"), done.graph.rows(), right=("before", "after")
            )
        output.lines([*done.lines(), *(_after(to, path) if done.may else [])])
    return 0 if done.may else 1


def _after(to: str, path: Path) -> list[tuple[str, str]]:
    """What reads the file here; a format that only other programs read has nothing."""
    readers = {"onnx": path, "optimised-onnx": path, "huggingface": f"hf:{path}"}
    return following("serve", readers[to]) if to in readers else []
