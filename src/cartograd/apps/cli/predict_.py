"""Apply a trained model to pictures, a table, text or numbers."""

import csv as csv_files
import sys
from pathlib import Path
from typing import Annotated, Any

from cartograd.apps.cli import output
from cartograd.apps.cli.common import SomeInputs, Target, check_sources
from cartograd.apps.cli.names import naming
from cartograd.core.errors import UsageError
from cartograd.core.paths import texts


def predict_(
    target: Target,
    /,
    *sources: SomeInputs,
    top: int = 3,
    question: str | None = None,
    impossible: bool = False,
    draws: int | None = None,
    language: str | None = None,
    secure: Annotated[str | None, naming("secure-inference")] = None,
    out: Path | None = None,
    csv: bool = False,
    json: bool = False,
) -> int:
    """Apply a trained model to pictures, a table or numbers.

    What cannot be read is named on standard error, the others are answered, and it exits with 1.

    Args:
        target: a run or bundle folder, an ONNX file, or published weights by name.
        sources: picture files or folders, CSV files, texts or files of text, lists of numbers like
            0.5,1.2, or - for JSON on standard input: {"inputs": [...]}, as the server takes it.
        top: how many labels to name for each, the likeliest first.
        question: what a model that finds answers in texts is asked about each of them.
        impossible: let it also answer that a text has no answer.
        draws: answer by the mean of so many passes with dropout on, and show their spread.
        language: of what is said, like en, for models that transcribe; found if left out.
        secure: how parties answer who see neither the model nor the inputs, like
            additive-shares:parties=3; says what it cost and how far it is from the plain answer.
        out: a .png file of a forecast, a restored picture, a mask or boxes (beside them .json and
            YOLO's .txt); of several a folder.
        csv: print CSV.
        json: print one object per line.
    """
    from cartograd.apps.load.target import as_bundle
    from cartograd.apps.report.restored import check_out, write_out
    from cartograd.apps.verbs.predict import predict

    check_sources(
        sources,
        (
            "--top",
            "--question",
            "--impossible",
            "--draws",
            "--language",
            "--secure",
            "--out",
            "--csv",
            "--json",
            "--help",
        ),
    )
    if csv and json:
        raise UsageError("--csv and --json exclude each other")
    bundle = as_bundle(target)
    if out is not None:
        check_out(out, bundle.signature)
    given: Any = list(sources)
    notes: list[str] = []
    left: list[str] = []
    chosen: dict[str, Any] = {
        "top": top, "question": question, "impossible": impossible, "draws": draws,
        "language": language, "secure": secure,
    }  # fmt: skip
    if "-" in sources:
        if len(sources) > 1:
            raise UsageError("- (standard input) stands alone; name files or -, not both")
        asked = _standard_input(bundle.model)
        given, notes = asked.inputs, list(asked.notes)
        chosen |= asked.options
        left = [f"inputs[{number}]: {why}" for number, why in asked.refused.items()]
    elif bundle.signature.input.kind == "text":
        given = texts(sources)
    answers = predict(bundle, given, **chosen, strict=False)
    refused = (*left, *answers.refused)
    for line in (*notes, *answers.notes):
        output.note(line)
    if out is not None:
        for file in write_out(out, answers, bundle.signature):
            output.note(f"wrote {file}")
    _show(answers, csv=csv, json=json)
    for line in refused:
        output.note(f"not answered: {line}")
    return 1 if refused else 0


def _show(answers: Any, *, csv: bool, json: bool) -> None:
    """Print the answers as a table, as CSV or as objects."""
    if json:
        for answer in answers:
            output.emit(answer)
    elif csv:
        rows = answers.flat()
        writer = csv_files.DictWriter(sys.stdout, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        output.table(*answers.table())


def _standard_input(model: Any) -> Any:
    """The examples on standard input, decoded as the server decodes a request."""
    from cartograd.apps.server.decode import decode
    from cartograd.apps.server.refusal import RefusalError

    body = sys.stdin.buffer.read()
    if body.lstrip().startswith(b"["):
        body = b'{"inputs": ' + body + b"}"
    try:
        port, kind = model.signature.input, "application/json"
        own: dict[str, Any] = {"tokenizer": model.tokenizer, "asks": model.signature.task.asks}
        return decode(port, kind, body, most=2**20, draws=2**20, **own)
    except RefusalError as error:
        raise UsageError(f"standard input: {error}") from error
