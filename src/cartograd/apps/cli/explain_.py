"""Show which parts of an input a prediction rests on; writes a picture."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from cartograd.apps.cli import output
from cartograd.apps.cli.common import Data, File, Inputs, Target, check_sources, home
from cartograd.apps.cli.following import of_run
from cartograd.apps.cli.names import naming
from cartograd.core.errors import UsageError
from cartograd.core.paths import texts


def explain_(
    target: Target,
    /,
    *sources: Inputs,
    method: Annotated[list[str] | None, naming("explainer or study")] = None,
    judge: bool = False,
    class_: Annotated[str | None, Parameter(name="--target")] = None,
    layer: str | None = None,
    at: str | None = None,
    repeats: int = 1,
    max_batch: Literal["auto"] | int = "auto",
    data: Data = None,
    part: Annotated[str, naming("part")] = "train",
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
            by default each input's strongest; a single neuron by its places, like 3,0,7)?
        at: a hidden layer, to whose units the answer is attributed, in place of the input's
            numbers; by methods that take gradients.
        repeats: of a method that draws (smoothgrad, kernel-shap, lime, rise, ...) by how many
            seeds: the mean is told, with its standard error.
        max_batch: rows that go through the model at once; by default as many as are fast and fit
            into memory.
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

    flags = ("--method", "--judge", "--target", "--layer", "--at", "--repeats", "--max-batch",
             "--data", "--part", "--examples")  # fmt: skip
    check_sources(sources, (*flags, "--out", "--json", "--help"))
    output.check_png(out)
    bundle = as_bundle(target)
    asked = {"target": class_, "layer": layer, "at": at, "repeats": repeats}
    studies = [one for one in method or () if is_study(one)]
    after = of_run("export", target, bundle.signature, "--check")
    if studies:
        _check_alone(studies, method or [], sources, asked, judge=judge)
        return _studied(bundle, studies, data, part, examples, out, after, json=json)
    if data is not None:
        raise UsageError(
            "--data is for studies of many examples (cartograd list study); give single ones as "
            "SOURCE"
        )
    given = texts(sources) if bundle.signature.input.kind == "text" else list(sources)
    methods = list(dict.fromkeys(method or [METHOD]))
    if judge:
        _check_judged(asked, out)
        return _judged(bundle, given, methods, class_, max_batch, after, json)
    all_found = [explanation(bundle, given or None, method=one, max_batch=max_batch, **asked)
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
            _show(found, files, after if found is all_found[-1] else [])
    if json:
        output.emit({"methods": said} if len(methods) > 1 else said[0])
    return 0


def _check_judged(asked: dict[str, Any], out: Path | None) -> None:
    """Refuse what a judge of several methods has no use for."""
    if out is not None:
        raise UsageError("--judge prints figures and draws no picture; leave --out away")
    for name in ("layer", "at"):
        if asked[name] is not None:
            raise UsageError(f"--judge is for explanations of answers; leave --{name} away")
    if asked["repeats"] != 1:
        raise UsageError("--judge tells errors over examples, not over seeds; leave --repeats away")


def _check_alone(
    studies: list[str], methods: list[str], sources: Any, asked: dict[str, Any], *, judge: bool
) -> None:
    """Refuse what a study has no use for."""
    others = [one for one in methods if one not in studies]
    if others:
        raise UsageError(
            f"{studies[0]} tells of the model and {others[0]} of single answers; give them apart"
        )
    if asked["layer"] is not None:
        raise UsageError(f"name the layer within the study: {studies[0]}:layer={asked['layer']}")
    given = [name for name in ("target", "at") if asked[name] is not None]
    given += ["repeats"] if asked["repeats"] != 1 else []
    if judge or sources or given:
        what = "--judge" if judge else f"--{given[0]}" if given else f"{sources[0]!r}"
        hint = "name the class within it: tcav:target=CLASS" if what == "--target" else "leave it"
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
    after: list[tuple[str, str]],
    *,
    json: bool,
) -> int:
    from cartograd.apps.cli.common import data_of
    from cartograd.apps.cli.words import part_of
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
        last = after if method is methods[-1] else []
        output.lines([*lines, *found.notes, ("picture", str(picture)), *last])
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


def _show(found: Any, files: dict[str, Any], after: list[tuple[str, str]]) -> None:
    output.table(("source", "explains", "contributes most"), found.rows())
    for tokens, heat in zip(found.tokens, found.attributions, strict=True):
        if tokens:
            words = [token.partition(" ")[2] for token in tokens]
            output.coloured(words, heat[: len(words)].tolist())
    told = [(name, str(file)) for name, file in files.items() if file is not None]
    repeats = [] if found.draws is None else [
        ("repeats", f"{len(found.draws)} seeds; means ± their standard errors")
    ]  # fmt: skip
    output.lines([("method", found.method), *repeats, *told, *after])


def _judged(
    bundle: Any, given: list[Any], methods: list[str], target: str | None, max_batch: Any,
    after: list[tuple[str, str]], json: bool,
) -> int:  # fmt: skip
    from cartograd.apps.results.explanation_quality import BETTER
    from cartograd.apps.verbs.explanation_quality import explanation_quality
    from cartograd.apps.verbs.export import golden

    inputs = given or golden(bundle)[0]
    found = explanation_quality(bundle, inputs, methods, target=target, max_batch=max_batch)
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
    told = [
        (name, "better than random numbers: "
         + ", ".join(f"{column} {share:.0%}" for column, share in row.items()) + " of answers")
        for name, row in found.beats.items() if row and found.examples > 1
    ]  # fmt: skip
    several = "s; means with their standard errors" if found.examples > 1 else ""
    explained = f"{found.examples} answer{several}"
    notes = [("note", note) for note in found.notes]
    output.lines([("explained", explained), *told, *worse, *notes, *after])
    return 0
