"""What the words of a command name, looked up by name and place: models, data, runs, metrics.

No torch is imported, so that a slip is refused at once; whoever loads what is named asks here
first, so that it is the same line.
"""

from pathlib import Path
from typing import Any

from cartograd.core import known, registry, source, user_code
from cartograd.core.card import MEASURED
from cartograd.core.errors import UsageError, nearest, unknown
from cartograd.core.paths import expanded, is_there, looks_like_path, no_such_path
from cartograd.core.spec import Spec
from cartograd.engine.files.found import found
from cartograd.engine.logging.run_folder import is_run

SAMPLERS = ("token-sampler", "sampler")
"""What draws a text's tokens, and what draws examples along a path."""

PATH = "path"
"""What sources call the file or folder that they read."""

APART = ("model_index.json", "adapter.json")
"""Files of folders that are targets and no bundles: of diffusers, and of an adapter."""


def is_onnx(target: Any, /) -> bool:
    """Whether a target is named as an ONNX file is."""
    return isinstance(target, str | Path) and str(target).lower().endswith(".onnx")


def pretrained_names() -> list[str]:
    """The names of published weights."""
    return [card.name for card in registry.cards().values() if card.kind == "weights"]


def is_pretrained(word: str, /) -> bool:
    """Whether a text is the spec of pretrained weights, like `hf:FOLDER`."""
    try:
        registry.find(Spec.parse(word).name, kind="weights")
    except UsageError:
        return False
    return True


def check_target(word: str, /) -> None:
    """Refuse a target that is nowhere.

    Raises:
        UsageError: nothing is there, and no published weights are called so (with the nearest);
            or what is there is no bundle.
    """
    path = Path(word)
    if is_onnx(word):
        if not is_there(path):
            raise UsageError(f"{path} does not exist; expected an ONNX file")
    elif is_there(path):
        if not any((path / name).is_file() for name in APART):
            found(path)
    elif is_pretrained(word):
        known.check(word, kind="weights")
    elif near := nearest(word, pretrained_names(), alike=0.7):
        raise UsageError(
            f"{word} does not exist; expected a bundle, a run folder or published weights; "
            f"did you mean {near!r}?"
        )
    else:
        found(path)


def is_elsewhere(word: str, /) -> bool:
    """Whether a text names weights to start from, and not a model to build.

    A word that is a model's name is that model, also where a folder is called so.

    Raises:
        UsageError: it names code of a user's own.
    """
    method = registry.lookup(word.partition(":")[0])
    if not method and user_code.NAME.fullmatch(word):
        raise UsageError(
            f"the model is {word}, code that no file makes Cartograd import; give --model {word} "
            "if you trust it (in Python the module itself)"
        )
    return is_pretrained(word) or (not method and holds_weights(word))


def holds_weights(word: str, /) -> bool:
    """Whether a path is that of a run, a bundle or an ONNX file."""
    path = Path(word)
    return is_onnx(word) or is_run(path) or is_there(path / "manifest.json")


def check_begins(word: str, /) -> None:
    """Refuse what no training can begin with.

    Raises:
        UsageError: no model has that name or those arguments, or no weights are there.
    """
    if is_elsewhere(word):
        check_target(word)
        return
    if _like_no_name(word) and not registry.lookup(word.partition(":")[0].strip()):
        raise no_such_path(word)
    known.check(word, kind="model")


def resumed(
    model: Any, folder: str | Path | None, config: str | Path | None, /
) -> tuple[Any, Path, str | Path]:
    """Model, folder and settings of a run to go on with; its folder may stand for the model.

    Raises:
        UsageError: there is no such run.
    """
    if folder is None and isinstance(model, str | Path):
        model, folder = None, model
    if folder is None or not is_run(Path(folder)):
        raise UsageError(f"{folder or 'this'} is no run to resume; give the folder of one")
    return model, Path(folder), config or folder


def placed(text: str | Path, /) -> Spec | tuple[Path, str]:
    """The spec of the source that a text names, or the path that it begins with and its settings.

    Raises:
        UsageError: the text is no spec, or a path where nothing is.
    """
    if isinstance(text, Path):
        place, comma, rest = str(text), "", ""
    else:
        place, comma, rest = text.partition(",")
        if registry.lookup(text.partition(":")[0].strip(), kind="data"):
            return Spec.parse(text)
    if not place.strip():
        raise UsageError("the data's path is empty; expected a file, a folder or a source")
    path = expanded(place.strip())
    if is_there(path):
        return path, comma + rest
    if isinstance(text, Path) or looks_like_path(place) or _like_no_name(place):
        raise no_such_path(place.strip(), hint=_after_a_colon(text))
    return Spec.parse(text)


def check_data(text: str | Path, /) -> None:
    """Refuse data that are nowhere.

    Raises:
        UsageError: as `placed` and `check_source`.
    """
    spec = placed(text)
    if isinstance(spec, Spec):
        check_source(spec)


def check_source(spec: Spec, /) -> None:
    """Refuse the spec of data that no source can read.

    Raises:
        UsageError: there is no such source or argument, or the path is missing or not wanted.
    """
    card, _ = registry.find(spec.name, kind="data")
    needs = [name for name, must in source.subjects(card) if must]
    if spec.subject is None and needs:
        raise UsageError(f"{card.name} needs a {needs[0]}: {card.name}:{needs[0].upper()}")
    known.check(spec, kind="data")
    if needs == [PATH] and not is_there(Path(str(spec.subject)).expanduser()):
        from cartograd.data.store import packages

        if spec.subject not in packages.names():
            raise no_such_path(str(spec.subject))


def check_metric(word: str, /) -> None:
    """Refuse what is no metric, of whatever it measures.

    Raises:
        UsageError: unknown name or argument.
    """
    spec = Spec.parse(word)
    kinds = [kind for kind in MEASURED if registry.lookup(spec.name, kind=kind)]
    args = {key: value for key, value in spec.args.items() if key != "positive"}  # by name
    known.check(Spec(spec.name, args, spec.subject), kind=(*kinds, "metric")[0])


def check_curves(word: str, /) -> None:
    """Refuse what has no curves to be looked at.

    Raises:
        UsageError: it is no run.
    """
    if not is_run(Path(word)):
        raise UsageError(f"{word} is no run; a model needs --data, like --data digits")


def check_sampler(word: str | Spec, /) -> None:
    """Refuse what samples neither tokens of a text nor examples along a path.

    Raises:
        UsageError: unknown name or argument.
    """
    name = Spec.parse(word).name
    kinds = [kind for kind in SAMPLERS if registry.lookup(name, kind=kind)]
    if not kinds and not registry.lookup(name):
        both = [one for kind in SAMPLERS for one in registry.spellings(kind=kind)]
        raise unknown("sampler", name, both, hint=registry.HINT)
    if len(kinds) == 1:
        known.check(word, kind=kinds[0])


def _after_a_colon(text: str | Path) -> str:
    """How settings of a path are written, where what stands before a colon is there."""
    before, _, rest = str(text).partition(":")
    if not rest or not is_there(expanded(before.strip())):
        return ""
    return f"; settings of a path follow a comma: {before.strip()},{rest}"


def _like_no_name(place: str) -> bool:
    """Whether a word has in it what no name of a source has: a dot or a slash, before any colon."""
    return any(mark in place.partition(":")[0] for mark in "./\\")
