"""The house rules that no common linter knows; `docs/rules/` tells why each holds.

python -m tools.rules          lists what breaks a rule, and exits with 1 if anything does
"""

import ast
import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from tools.source import ROOT, File, assigns, tracked, unsearched

CORE = ROOT / "src/cartograd/core"
FILE_LINES, TEST_LINES, FUNCTION_LINES, HYPERPARAMETERS = 300, 600, 60, 10

ALLOWED = {
    ("CG005", "src/cartograd/architectures/transformer/llama.py"): "by these its kin differ",
    ("CG005", "src/cartograd/architectures/transformer/decoder.py"): "by these families differ",
    ("CG005", "src/cartograd/architectures/transformer/modernbert.py"): "its sizes, head, windows",
    ("CG005", "src/cartograd/architectures/transformer/sentence_encoder.py"): "a BERT's sizes",
    ("CG005", "src/cartograd/architectures/transformer/deberta.py"): "its sizes, head and ranges",
    ("CG005", "src/cartograd/architectures/transformer/bert.py"): "its sizes, head and norm",
    ("CG005", "src/cartograd/architectures/transformer/bart.py"): "its sizes, head and own tokens",
    ("CG005", "src/cartograd/architectures/transformer/t5.py"): "its sizes, activation and head",
    ("CG005", "src/cartograd/architectures/transformer/vit.py"): "its sizes, and norm with eps",
    ("CG005", "src/cartograd/generative/diffusion/ddpm.py"): "its sizes, network and chain",
    ("CG005", "src/cartograd/frontier/federated/fedavg.py"): "what server and clients agree on",
    ("CG005", "src/cartograd/data/sources/csv.py"): "in so many ways do people write tables",
    ("CG005", "src/cartograd/data/sources/ratings.py"): "its columns, what is asked, and the parts",
    ("CG005", "src/cartograd/data/sources/series.py"): "a table, and what of it is a series",
    ("CG008", "src/cartograd/core/signed.py"): "a foreign module may carry a signature or not",
    ("CG008", "src/cartograd/core/answered.py"): "a foreign module's answer is asked what it has",
    ("CG008", "src/cartograd/apps/verbs/evaluate.py"): "a user's metric may have no name",
    ("CG008", "src/cartograd/engine/loop/arguments.py"): "a user's objective is asked what it has",
    ("CG008", "src/cartograd/engine/logging/callbacks.py"): "a user's callback is asked",
    ("CG006", "src/cartograd/apps/load/options.py"): "typing.Unpack: ours adds to another",
    ("CG008", "src/cartograd/engine/loop/evaluate.py"): "an objective's `validate` is optional",
    ("CG008", "src/cartograd/engine/inputs/loader.py"): "a user's data are asked what they have",
    ("CG008", "src/cartograd/engine/optim/fused_step.py"): "a foreign step may be no function",
    ("CG008", "src/cartograd/engine/loop/stepper.py"): "an objective's `after_step` is optional",
    ("CG008", "src/cartograd/engine/inputs/stream.py"): "batches may be any iterable, or ours",
    ("CG009", "src/cartograd/engine/loop/evaluate.py"): "`fit` has made sure that there is a model",
}
"""Exceptions, each with its reason; one that is not needed any more fails the tests."""

Finding = tuple[int, str]


def _named(node: ast.AST, *names: str) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def docstring_first(file: File) -> Iterator[Finding]:
    """A file begins with a docstring whose first line is a sentence."""
    if file.in_package and file.text.strip():
        first = (ast.get_docstring(file.tree) or "").partition("\n")[0]
        if not first.endswith((".", ":", "?")):
            yield 1, "begin with a docstring: one line, one sentence"


def card_is_literal(file: File) -> Iterator[Finding]:
    """CARD and PRESETS are literals at column 0, after the imports and before the code."""
    if not file.in_package or not file.card:
        return
    before = file.tree.body[1 : file.tree.body.index(file.card)]
    if not all(isinstance(node, ast.Import | ast.ImportFrom) for node in before):
        yield file.card.lineno, "only the docstring and the imports stand before CARD"
    for node in file.tree.body:
        for name, start, end in (("CARD", "CARD = Card(", ")"), ("PRESETS", "PRESETS = {", "}")):
            if not assigns(node, name):
                continue
            lines = (ast.get_source_segment(file.text, node) or "").split("\n")
            if lines[0] != start or lines[-1] != end or len(lines) < 2:
                yield node.lineno, f"write {start} ... {end} over several lines"
            call = node.value
            values = [k.value for k in call.keywords] if isinstance(call, ast.Call) else [call]
            try:
                [ast.literal_eval(value) for value in values]
            except ValueError:
                yield node.lineno, f"{name} holds literals only: it is read, never run"


def short_file(file: File) -> Iterator[Finding]:
    """A file has at most 300 lines, tests 600."""
    lines = file.text.count("\n")
    limit = TEST_LINES if file.name.startswith("tests/") else FILE_LINES
    if lines > limit:
        yield lines, f"{lines} lines; split it by idea (limit {limit}, aim 120)"


def short_function(file: File) -> Iterator[Finding]:
    """A function has at most 60 lines without its docstring."""
    for function in () if file.name.startswith("tests/") else file.functions():
        body = function.body[ast.get_docstring(function) is not None :]
        lines = (function.end_lineno or 0) - body[0].lineno + 1 if body else 0
        if lines > FUNCTION_LINES:
            told = f"{function.name}: {lines} lines (limit {FUNCTION_LINES}, aim 40)"
            yield function.lineno, told


def few_hyperparameters(file: File) -> Iterator[Finding]:
    """A method has at most ten hyperparameters."""
    for name, function in file.entries():
        count = len(function.args.kwonlyargs)
        if count > HYPERPARAMETERS:
            told = f"{name}: {count} hyperparameters (limit {HYPERPARAMETERS}, aim 8)"
            yield function.lineno, told


def flat_classes(file: File) -> Iterator[Finding]:
    """No class inherits from a class of ours, but for errors: vary by argument."""
    if not file.in_package:
        return
    ours = {node.name for node in file.nodes if isinstance(node, ast.ClassDef)}
    for node in file.nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cartograd"):
            ours |= {alias.asname or alias.name for alias in node.names}
    for node in file.nodes:
        if isinstance(node, ast.ClassDef):
            bases = {ast.unparse(base) for base in node.bases} & ours
            for base in bases - {name for name in bases if name.endswith("Error")}:
                yield node.lineno, f"{node.name} inherits from {base}; hand the difference in"


def no_future_annotations(file: File) -> Iterator[Finding]:
    """Annotations are objects: the shape checker needs them."""
    for node in file.nodes if "__future__" in file.text else []:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            yield node.lineno, "no `from __future__ import ...`"


def no_probing(file: File) -> Iterator[Finding]:
    """No hasattr, and no getattr with a default: know what you hold."""
    for node in file.nodes if file.in_package else []:
        if not isinstance(node, ast.Call):
            continue
        if _named(node.func, "hasattr") or (_named(node.func, "getattr") and len(node.args) == 3):
            yield node.lineno, "no probing: a protocol or a type says what is there"


def assert_invariants(file: File) -> Iterator[Finding]:
    """A public function raises UsageError for what it is given; assert is for our own mistakes."""
    for function in file.functions() if file.in_package else ():
        if function.name.startswith("_"):
            continue
        given = {a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)} - {"self"}
        for node in ast.walk(function):
            if isinstance(node, ast.Assert):
                names = {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}
                if names & given:
                    yield node.lineno, f"assert on the argument {', '.join(names & given)}"


def usage_errors(file: File) -> Iterator[Finding]:
    """Users' mistakes are UsageErrors: one line that says how to mend them."""
    for node in file.nodes if file.in_package else []:
        if isinstance(node, ast.Raise) and node.exc is not None:
            name = ast.unparse(node.exc).partition("(")[0]
            if name in ("Exception", "ValueError", "NotImplementedError", "KeyError"):
                yield node.lineno, f"raise UsageError, not {name}"


@cache
def _vocabulary() -> dict[str, Any]:
    """Read once, not for each file."""
    return tomllib.loads((CORE / "vocabulary.toml").read_text(encoding="utf-8"))


def one_vocabulary(file: File) -> Iterator[Finding]:
    """Hyperparameters have the names of core/vocabulary.toml."""
    words = _vocabulary()
    proper = {other: word for word, entry in words.items() for other in entry.get("synonyms", ())}
    for name, function in file.entries():
        for argument in function.args.kwonlyargs:
            if argument.arg in proper:
                yield argument.lineno, f"{name}: call it {proper[argument.arg]}, not {argument.arg}"
            elif name == file.entry and argument.arg not in words:
                yield argument.lineno, f"{name}: {argument.arg} is not in the vocabulary"


def data_or_hyperparameter(file: File) -> Iterator[Finding]:
    """Positional-only arguments are data, keyword-only ones hyperparameters; nothing else."""
    for name, function in file.entries():
        loose = [a.arg for a in function.args.args if a.arg != "self"]
        loose += [a.arg for a in (function.args.vararg, function.args.kwarg) if a is not None]
        if loose:
            yield function.lineno, f"{name}: put / or * so that {', '.join(loose)} is one of them"


def no_shape_decorator(file: File) -> Iterator[Finding]:
    """Shapes are checked by the test hook; a decorator would break torch.compile."""
    for node in file.nodes if file.in_package else []:
        if isinstance(node, ast.ImportFrom) and node.module in ("jaxtyping", "beartype"):
            for alias in node.names:
                if alias.name in ("jaxtyped", "beartype"):
                    yield node.lineno, f"no {alias.name} in the package"


@cache
def _letters() -> set[str]:
    """Read once, not for each file."""
    return set(re.findall(r'"(\w)": ', (CORE / "shapes.py").read_text(encoding="utf-8")))


def shape_letters(file: File) -> Iterator[Finding]:
    """Shapes are written in the letters of core/shapes.py."""
    kinds = ("Float", "Int", "Bool", "Shaped", "Complex", "Num", "UInt8")
    for node in file.nodes if file.in_package else []:
        if not (isinstance(node, ast.Subscript) and _named(node.value, *kinds)):
            continue
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else []
        if len(parts) == 2 and isinstance(parts[1], ast.Constant):
            axes = {axis.lstrip("*#?") for axis in str(parts[1].value).split()}
            strange = {a for a in axes if not re.fullmatch(r"\d+|\.\.\.|", a)}
            strange = {a for a in strange if a.rstrip("0123456789") not in _letters()}
            if strange:
                yield node.lineno, f"{' '.join(sorted(strange))} is no letter of core/shapes.py"


LOUD = r"\b(TODO|FIXME|XXX|HACK)\b|[-=#*]{4,}"


def quiet_comments(file: File) -> Iterator[Finding]:
    """No banners and no notes to oneself: a comment says why."""
    if not re.search(rf"#.*({LOUD})", file.text):
        return
    for token in tokenize.generate_tokens(io.StringIO(file.text).readline):
        if token.type == tokenize.COMMENT and re.search(LOUD, token.string):
            yield token.start[0], f"comment: {token.string.strip()}"


RULES: dict[str, Callable[[File], Iterator[Finding]]] = {
    "CG001": docstring_first,
    "CG002": card_is_literal,
    "CG003": short_file,
    "CG004": short_function,
    "CG005": few_hyperparameters,
    "CG006": flat_classes,
    "CG007": no_future_annotations,
    "CG008": no_probing,
    "CG009": assert_invariants,
    "CG010": usage_errors,
    "CG011": one_vocabulary,
    "CG012": data_or_hyperparameter,
    "CG013": no_shape_decorator,
    "CG014": shape_letters,
    "CG015": quiet_comments,
}

# Pieces are joined here so that this file does not break its own rule.
PRIVATE = re.compile(
    "|".join(
        re.escape("".join(word))
        for word in (
            ("/w", "ork/"),
            ("/r", "oot/"),
            ("/opt/", "wheels"),
            ("files.python", "hosted"),
            ("pypi", ".org"),
            ("registry.npm", "js"),
            ("deb.debian", ".org"),
        )
    )
)


def wording() -> Iterator[str]:
    """CG016: no file names a folder of somebody's machine or the host of a registry."""
    for path in tracked():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if PRIVATE.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: CG016 names a machine or a registry"


def broken(files: list[File], allowed: dict[tuple[str, str], str]) -> Iterator[str]:
    """One line for each place that breaks a rule."""
    with unsearched():
        for file in files:
            for rule, check in RULES.items():
                if (rule, file.name) not in allowed:
                    for line, message in check(file):
                        yield f"{file.name}:{line}: {rule} {message}"


def main() -> int:
    """Check the whole repository."""
    files = [File(path) for path in tracked() if path.suffix == ".py"]
    lines = [*broken(files, ALLOWED), *wording()]
    print(*lines, sep="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
