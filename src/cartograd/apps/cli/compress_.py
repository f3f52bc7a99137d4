"""Make a trained model smaller or faster; writes a bundle that every command reads."""

from cartograd.apps.cli import output
from cartograd.apps.cli.common import Folder, Many, home, part_of


def compress_(
    target: str,
    /,
    *,
    method: str | None = None,
    data: str | None = None,
    part: str = "train",
    margin: Many = (),
    out: Folder = None,
    json: bool = False,
) -> int:
    """Make a trained model smaller or faster; writes a bundle that every command reads.

    Args:
        target: a run or bundle folder, or published weights.
        method: a compressor, like int8-weights (`cartograd list compressor`).
        data: a source to calibrate or train on, for methods that need one.
        part: train, valid, test or all.
        margin: judge the small model as replace does, on test of the data: how much worse it may
            be, like accuracy=1%. The exit code is 1 if it may not replace the model.
        out: the folder to make; by default the method's name in the run's folder.
        json: print one object.
    """
    from cartograd.apps.load.target import as_bundle
    from cartograd.apps.verbs.compress import METHOD, compress_to
    from cartograd.core.spec import Spec

    bundle, spec = as_bundle(target), method or METHOD
    path = out or home(bundle) / Spec.parse(spec).name
    done = compress_to(bundle, path, data, method=spec, part=part_of(part), margin=margin)
    if json:
        output.emit(done.to_json())
    else:
        output.lines(done.lines())
    return 0 if done.may else 1
