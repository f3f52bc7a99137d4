"""The verbs in Python, one for each stage of a model's life; the command line prints their results.

Each takes a model with a signature (ours or anyone's), a run, a bundle, or the path of one.
"""

from cartograd.apps.load.source import dataset
from cartograd.apps.load.target import as_signed
from cartograd.apps.verbs.attack import Robustness, attack, robustness
from cartograd.apps.verbs.compress import compress
from cartograd.apps.verbs.evaluate import Evaluation, evaluate
from cartograd.apps.verbs.explain import explain
from cartograd.apps.verbs.export import Export, export
from cartograd.apps.verbs.generate import generate
from cartograd.apps.verbs.predict import predict
from cartograd.apps.verbs.serve import serve
from cartograd.apps.verbs.train import train

__all__ = [
    "Evaluation",
    "Export",
    "Robustness",
    "as_signed",
    "attack",
    "compress",
    "dataset",
    "evaluate",
    "explain",
    "export",
    "generate",
    "predict",
    "robustness",
    "serve",
    "train",
]
