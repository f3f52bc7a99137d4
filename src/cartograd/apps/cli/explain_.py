"""Show which parts of an input a prediction rests on; writes a picture."""

from typing import Annotated

from cyclopts import Parameter

from cartograd.apps.cli import output
from cartograd.apps.cli.common import File, Source, check_sources, home, texts


def explain_(
    target: str,
    /,
    *sources: Source,
    method: str | None = None,
    class_: Annotated[str | None, Parameter(name="--target")] = None,
    out: File = None,
    json: bool = False,
) -> int:
    """Show which parts of an input a prediction rests on; writes a picture.

    Of a text each token is coloured, here and in a page beside the picture: red speaks for the
    answer, blue against it.

    Args:
        target: a run or bundle folder.
        sources: picture files, CSV files, texts or files of text, lists of numbers; by default the
            examples that the bundle keeps.
        method: like integrated_gradients:steps=64; attention-rollout also draws all heads.
        class_: the class to explain, by label or number, or the next token, like " Paris"; by
            default the model's own answer. Of several texts to a sentence encoder it is their
            similarity to the first.
        out: the PNG file to write; by default explanation.png in the run's folder.
        json: print one object.
    """
    from cartograd.apps.load.target import as_bundle
    from cartograd.apps.verbs.explain import METHOD, explanation

    check_sources(sources, ("--method", "--target", "--out", "--json", "--help"))
    bundle = as_bundle(target)
    given = texts(sources) if bundle.signature.input.kind == "text" else list(sources)
    found = explanation(bundle, given or None, target=class_, method=method or METHOD)
    place = out or home(bundle) / "explanation.png"
    page = found.write(place.with_suffix(".html")) if any(found.tokens) else None
    heads = found.draw_heads(place.with_name(f"{place.stem}-heads.png"))
    path = found.draw(place)
    if json:
        told = {"method": found.method, "picture": path, "page": page, "heads": heads}
        output.emit(told | {"explanations": found.to_json()})
        return 0
    output.table(("source", "explains", "contributes most"), found.rows())
    for tokens, heat in zip(found.tokens, found.attributions, strict=True):
        if tokens:
            words = [token.partition(" ")[2] for token in tokens]
            output.coloured(words, heat[: len(words)].tolist())
    drawn = [("picture", path), ("page", page), ("heads", heads)]
    told = [(name, str(file)) for name, file in drawn if file is not None]
    output.lines([("method", found.method), *told])
    return 0
