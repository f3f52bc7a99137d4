"""Apply a trained model to pictures, a table, text or numbers."""

import csv as csv_files
import sys
from typing import Any

from cartograd.apps.cli import output
from cartograd.apps.cli.common import Source, check_sources, texts
from cartograd.core.errors import UsageError


def predict_(
    target: str,
    /,
    *sources: Source,
    top: int = 3,
    csv: bool = False,
    json: bool = False,
) -> int:
    """Apply a trained model to pictures, a table or numbers.

    Args:
        target: a run or bundle folder, or published weights by name.
        sources: picture files or folders, CSV files, texts or files of text, lists of numbers like
            0.5,1.2, or - for JSON on standard input: {"inputs": [...]}, as the server takes it.
        top: how many labels to name for each, the likeliest first.
        csv: print CSV.
        json: print one object per line.
    """
    from cartograd.apps.verbs.predict import predict
    from cartograd.apps.verbs.target import as_bundle

    check_sources(sources, ("--top", "--csv", "--json", "--help"))
    if csv and json:
        raise UsageError("--csv and --json exclude each other")
    bundle = as_bundle(target)
    given: Any = list(sources)
    if "-" in sources:
        if len(sources) > 1:
            raise UsageError("- (standard input) stands alone; name files or -, not both")
        given, top = _standard_input(bundle.model, top)
    elif bundle.signature.input.kind == "text":
        given = texts(sources)
    answers = predict(bundle, given, top=top)
    if json:
        for answer in answers:
            output.emit(answer)
    elif csv:
        rows = [_flat(answer, top) for answer in answers]
        writer = csv_files.DictWriter(sys.stdout, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        output.table(*_table(answers, top))
    return 0


def _standard_input(model: Any, top: int) -> tuple[Any, int]:
    """The examples on standard input, decoded as the server decodes a request."""
    from cartograd.apps.server.decode import decode
    from cartograd.apps.server.refusal import RefusalError

    body = sys.stdin.buffer.read()
    if body.lstrip().startswith(b"["):
        body = b'{"inputs": ' + body + b"}"
    try:
        port, kind = model.signature.input, "application/json"
        asked = decode(port, kind, body, most=2**20, tokenizer=model.tokenizer)
    except RefusalError as error:
        raise UsageError(f"standard input: {error}") from error
    return asked.inputs, asked.top or top


def _flat(answer: dict[str, Any], top: int) -> dict[str, Any]:
    """A row of the CSV output."""
    if "labels" in answer:
        return {"source": answer["source"], "labels": " ".join(answer["labels"])}
    if "segments" in answer:
        heard = ";".join(
            f"{one['label']} {one['start']}-{one['end']}" for one in answer["segments"]
        )
        return {"source": answer["source"], "segments": heard}
    if "vector" in answer:
        numbers = {f"value{i + 1}": value for i, value in enumerate(answer["vector"])}
        return {"source": answer["source"], "similarity": answer["similarity"]} | numbers
    if "probabilities" not in answer:
        return {key: value for key, value in answer.items() if key != "values"} | {
            f"value{i + 1}": value for i, value in enumerate(answer.get("values", ()))
        }
    row: dict[str, Any] = {"source": answer["source"]}
    for rank, (label, chance) in enumerate(list(answer["probabilities"].items())[:top], start=1):
        row |= {f"label{rank}": label, f"probability{rank}": f"{chance:.6g}"}
    return row


def _perceived(answers: list[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """What was read, transcribed or heard, and whose voice it is like."""
    from cartograd.apps import units

    if "segments" in answers[0]:
        rows = [
            [answer["source"], one["label"], f"{one['start']:.2f} s", f"{one['end']:.2f} s"]
            for answer in answers
            for one in answer["segments"] or [{"label": "nothing", "start": 0.0, "end": 0.0}]
        ]
        return ["source", "heard", "from", "to"], rows
    if "vector" in answers[0]:
        similar = [[answer["source"], f"{answer['similarity']:.3f}"] for answer in answers]
        return ["source", "similarity to the first"], similar
    if "language" in answers[0]:
        written = [[answer["source"], answer["language"], answer["text"]] for answer in answers]
        return ["source", "language", "text"], written
    read = [[x["source"], x["text"], units.percent(x["probability"])] for x in answers]
    return ["source", "text", "probability"], read


def _table(answers: list[dict[str, Any]], top: int) -> tuple[list[str], list[list[str]]]:
    from cartograd.apps import units

    if {"text", "segments", "vector"} & set(answers[0]):
        return _perceived(answers)
    if "labels" in answers[0]:
        return ["source", "labels"], [[a["source"], " ".join(a["labels"])] for a in answers]
    if "probabilities" not in answers[0]:
        values = [answer.get("values") or [answer["value"]] for answer in answers]
        rows = [
            [answer["source"], ", ".join(map(units.number, row))]
            for answer, row in zip(answers, values, strict=True)
        ]
        return ["source", "value"], rows
    columns = ["source"]
    shown = min(top, len(answers[0]["probabilities"]))
    for rank in range(shown):
        columns += [f"label {rank + 1}" if rank else "label", "probability"]
    rows = []
    for answer in answers:
        row = [answer["source"]]
        for label, chance in list(answer["probabilities"].items())[:shown]:
            row += [label, units.percent(chance)]
        rows.append(row)
    return columns, rows
