"""Show which parts of an input a prediction rests on; writes a picture."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from cartograd.apps.cli import output
from cartograd.apps.cli.common import File, Source, check_sources, home, texts
from cartograd.core.errors import UsageError


def explain_(
    target: str,
    /,
    *sources: Source,
    method: list[str] | None = None,
    judge: bool = False,
    class_: Annotated[str | None, Parameter(name="--target")] = None,
    layer: str | None = None,
    data: str | None = None,
    part: str = "train",
    examples: int = 1000,
    out: File = None,
    json: bool = False,
) -> int:
    """Show which parts of an input a prediction rests on; writes a picture.

    Of a text each token is coloured, here and in a page beside the picture: red speaks for the
    answer, blue against it.

    Some methods tell of the model as a whole, by examples of the data: surrogate-tree, tcav,
    activation-maximisation, activation-patching, embedding-view, interventions, prototypes
    (`cartograd list study`).

    Args:
        target: a run or bundle folder.
        sources: picture files, CSV files, texts or files of text, lists of numbers; by default the
            examples that the bundle keeps.
        method: like integrated_gradients:steps=64; attention-rollout also draws all heads. Several
            draw a picture each.
        judge: print how good the methods' explanations are instead, beside random numbers and
            edges: deletion, insertion, infidelity, sensitivity, complexity, randomisation.
        class_: the class to explain, by label or number, or the next token, like " Paris"; by
            default the model's own answer. Of several texts to a sentence encoder it is their
            similarity to the first.
        layer: a hidden layer by its path, like c1: why is a unit of it active (--target by number;
            by default each input's strongest)?
        data: of a study the examples to look at; by default what the model was trained on.
        part: of a study train, valid, test or all of the data.
        examples: of a study how many it looks at.
        out: the PNG file to write; by default explanation.png in the run's folder (of a study
            METHOD.png).
        json: print one object.
    """
    from cartograd.apps.load.target import as_bundle
    from cartograd.apps.verbs.explain import METHOD, explanation
    from cartograd.apps.verbs.study import is_study
    from cartograd.core.spec import Spec

    flags = ("--method", "--judge", "--target", "--layer", "--data", "--part", "--examples")
    check_sources(sources, (*flags, "--out", "--json", "--help"))
    output.check_png(out)
    bundle = as_bundle(target)
    studies = [one for one in method or () if is_study(one)]
    if studies:
        if layer is not None:
            raise UsageError(f"name the layer within the study: {studies[0]}:layer={layer}")
        _check_alone(studies, method or [], sources, class_, judge=judge)
        return _studied(bundle, studies, data, part, examples, out, json=json)
    if data is not None:
        raise UsageError(
            "--data is for studies of many examples (cartograd list study); give single ones as "
            "SOURCE"
        )
    given = texts(sources) if bundle.signature.input.kind == "text" else list(sources)
    methods = list(dict.fromkeys(method or [METHOD]))
    if judge:
        if out is not None:
            raise UsageError("--judge prints figures and draws no picture; leave --out away")
        if layer is not None:
            raise UsageError("--judge is for explanations of answers; leave --layer away")
        return _judged(bundle, given, methods, class_, json)
    all_found = [explanation(bundle, given or None, target=class_, layer=layer, method=one)
                 for one in methods]  # fmt: skip
    place, said = out or home(bundle) / "explanation.png", list[dict[str, Any]]()
    names = _names([Spec.parse(one).name for one in methods])
    for found, name in zip(all_found, names, strict=True):
        own = place.with_name(f"{place.stem}{name}{place.suffix}")
        files = _written(found, own)
        if json:
            files |= {"method": found.method, "explanations": found.to_json()}
            said.append(files)
        else:
            _show(found, files)
    if json:
        output.emit({"methods": said} if len(methods) > 1 else said[0])
    return 0


def _check_alone(
    studies: list[str], methods: list[str], sources: Any, target: str | None, *, judge: bool
) -> None:
    """Refuse what a study has no use for."""
    others = [one for one in methods if one not in studies]
    if others:
        raise UsageError(
            f"{studies[0]} tells of the model and {others[0]} of single answers; give them apart"
        )
    if judge or sources or target is not None:
        what = "--judge" if judge else "--target" if target is not None else f"{sources[0]!r}"
        hint = "name the class within it: tcav:target=CLASS" if target is not None else "leave it"
        raise UsageError(
            f"{studies[0]} looks at examples of --data, and {what} is for single answers; {hint}"
        )


def _studied(
    bundle: Any,
    methods: list[str],
    data: str | None,
    part: str,
    examples: int,
    out: Path | None,
    *,
    json: bool,
) -> int:
    from cartograd.apps.cli.common import data_of, part_of
    from cartograd.apps.verbs.study import study
    from cartograd.core.spec import Spec

    source, part = data_of(bundle, data), part_of(part)
    all_found = [study(bundle, source, method=one, part=part, examples=examples) for one in methods]
    names, said = _names([Spec.parse(one).name for one in methods]), list[dict[str, Any]]()
    for found, name, method in zip(all_found, names, methods, strict=True):
        own = home(bundle) / f"{Spec.parse(method).name}.png"
        place = own if out is None else out.with_name(f"{out.stem}{name}{out.suffix}")
        picture = found.draw(place)
        if json:
            said.append(found.to_json() | {"picture": picture})
            continue
        output.table(found.found.columns, found.rows())
        lines = [("method", found.method), ("examples", f"{found.examples} of {source}, {part}")]
        output.lines([*lines, *found.notes, ("picture", str(picture))])
    if json:
        output.emit({"methods": said} if len(methods) > 1 else said[0])
    return 0


def _names(methods: list[str]) -> list[str]:
    """What is added to the file's name for each of several methods.

    >>> _names(["lime"]), _names(["lime", "lrp", "lime"])
    ([''], ['-lime', '-lrp', '-lime-2'])
    """
    if len(methods) == 1:
        return [""]
    before = [methods[:place].count(name) for place, name in enumerate(methods)]
    return [
        f"-{name}-{times + 1}" if times else f"-{name}"
        for name, times in zip(methods, before, strict=True)
    ]


def _written(found: Any, place: Path) -> dict[str, Any]:
    """The files of an explanation, by what they are."""
    page = found.write(place.with_suffix(".html")) if any(found.tokens) else None
    heads = found.draw_heads(place.with_name(f"{place.stem}-heads.png"))
    return {"picture": found.draw(place), "page": page, "heads": heads}


def _show(found: Any, files: dict[str, Any]) -> None:
    output.table(("source", "explains", "contributes most"), found.rows())
    for tokens, heat in zip(found.tokens, found.attributions, strict=True):
        if tokens:
            words = [token.partition(" ")[2] for token in tokens]
            output.coloured(words, heat[: len(words)].tolist())
    told = [(name, str(file)) for name, file in files.items() if file is not None]
    output.lines([("method", found.method), *told])


def _judged(
    bundle: Any, given: list[Any], methods: list[str], target: str | None, json: bool
) -> int:
    from cartograd.apps.results.explanation_quality import BETTER
    from cartograd.apps.verbs.explanation_quality import explanation_quality
    from cartograd.apps.verbs.export import golden

    inputs = given or golden(bundle)[0]
    found = explanation_quality(bundle, inputs, methods, target=target)
    if json:
        output.emit(found.to_json())
        return 0
    arrows = {"lower": "↓", "higher": "↑"}
    titles = [f"{name} {arrows[BETTER[name]]}" for name in found.columns]
    output.table(("method", *titles), found.rows())
    worse = [
        (name, f"no better than random numbers by {', '.join(columns)}")
        for name, columns in found.no_better().items()
        if columns
    ]
    several = "s; means with their standard errors" if found.examples > 1 else ""
    explained = f"{found.examples} answer{several}"
    output.lines([("explained", explained), *worse, *(("note", note) for note in found.notes)])
    return 0
