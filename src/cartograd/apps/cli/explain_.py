"""Show which parts of an input a prediction rests on; writes a picture."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from cartograd.apps.cli import output
from cartograd.apps.cli.common import Source, check_sources, home, texts
from cartograd.core.spec import Spec


def explain_(
    target: str,
    /,
    *sources: Source,
    method: str | None = None,
    class_: Annotated[str | None, Parameter(name="--target")] = None,
    out: Path | None = None,
    json: bool = False,
) -> int:
    """Show which parts of an input a prediction rests on; writes a picture.

    Args:
        target: a run or bundle folder.
        sources: picture files, CSV files, texts or files of text, lists of numbers; by default the
            examples that the bundle keeps.
        method: like integrated_gradients:steps=64; attention-rollout also draws all heads.
        class_: the class to explain, by label or number; by default the model's own answer.
        out: the PNG file to write; by default explanation.png in the run's folder.
        json: print one object.
    """
    from cartograd.apps.cli import pictures
    from cartograd.apps.load.target import as_bundle
    from cartograd.apps.verbs.explain import METHOD, class_of, explain
    from cartograd.apps.verbs.export import golden
    from cartograd.apps.verbs.predict import predict, prepared

    check_sources(sources, ("--method", "--target", "--out", "--json", "--help"))
    bundle = as_bundle(target)
    port = bundle.signature.input
    if sources:
        given = texts(sources) if port.kind == "text" else list(sources)
        inputs, names = prepared(bundle.model, given)
    else:
        inputs = golden(bundle)
        names = [f"kept example {i + 1}" for i in range(len(inputs))]
    chosen = class_of(bundle.signature.output, class_)
    spec = method or METHOD
    attributions = explain(bundle, inputs, target=chosen, method=spec)
    heads = None
    if Spec.parse(spec).name == "attention-rollout":
        heads = _heads(bundle, inputs[:1], out)
    answers = predict(bundle, inputs, top=1)
    titles = [_title(answer, bundle.signature.output, chosen) for answer in answers]
    tokens = [_tokens(bundle, x) for x in inputs]
    place = out or home(bundle) / "explanation.png"
    path = pictures.explained(place, port, inputs, attributions, titles, tokens)
    found = [
        {"source": name, "explains": title, "sum": float(attribution.sum())}
        | _parts(pictures, port, attribution, said)
        for name, title, attribution, said in zip(names, titles, attributions, tokens, strict=True)
    ]
    if json:
        output.emit({"method": spec, "picture": path, "heads": heads, "explanations": found})
        return 0
    rows = [(item["source"], item["explains"], _most(item)) for item in found]
    output.table(("source", "explains", "contributes most"), rows)
    drawn = [("picture", str(path))] + ([] if heads is None else [("heads", str(heads))])
    output.lines([("method", spec), *drawn])
    return 0


def _heads(bundle: Any, x: Any, out: Path | None) -> Path:
    """The picture of all heads' attention for the first example."""
    from cartograd.apps.cli import pictures
    from cartograd.frontier.explain.attention_map import attention_maps

    maps = {name: weights[0] for name, weights in attention_maps(bundle.model, x).items()}
    labels: list[str] = []
    if bundle.signature.input.kind == "text" and bundle.model.tokenizer is not None:
        labels = [bundle.model.tokenizer.decode([token]) for token in x[0].tolist()]
    beside = out or home(bundle) / "explanation.png"
    return pictures.attended(beside.with_name(f"{beside.stem}-heads.png"), maps, labels)


def _tokens(bundle: Any, x: Any) -> list[str]:
    """The tokens of a text with their places, up to its end; nothing if it is no text."""
    port, tokenizer = bundle.signature.input, bundle.model.tokenizer
    if port.kind != "text" or tokenizer is None:
        return []
    there = [token for token in x.tolist() if token != port.padding_id]
    return [f"{index} {tokenizer.decode([token])}" for index, token in enumerate(there, start=1)]


def _title(answer: dict[str, Any], port: Any, chosen: int | None) -> str:
    if "label" not in answer:
        return f"value {answer.get('value', answer.get('values'))}"
    said = f"{answer['label']} ({answer['probability']:.0%})"
    return said if chosen is None else f"why {port.labels[chosen]}? said {said}"


def _parts(pictures: Any, port: Any, attribution: Any, tokens: list[str]) -> dict[str, Any]:
    """The contributions by column or token; of a picture those of its pixels, as nested lists."""
    if port.kind == "image":
        return {"pixels": attribution.sum(0).tolist()}
    names, values = pictures.contributions(port, attribution, tokens)
    return {"contributions": dict(zip(names, values.tolist(), strict=True))}


def _most(item: dict[str, Any]) -> str:
    """The three largest contributions; a pixel is named by its place."""
    from cartograd.apps.answers import units

    found = item.get("contributions") or {
        f"row {y + 1} column {x + 1}": value
        for y, row in enumerate(item["pixels"])
        for x, value in enumerate(row)
    }
    largest = sorted(found.items(), key=lambda pair: -abs(pair[1]))[:3]
    return ", ".join(f"{name}: {units.number(value)}" for name, value in largest)
