"""Cartograd: a map of deep learning on which every place runs."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what editors and type checkers see; `_HOME` says the same at run time
    from cartograd.apps.audit.audit import audit as audit
    from cartograd.apps.auto.auto import auto as auto
    from cartograd.apps.check.check import data_check as data_check
    from cartograd.apps.load.pretrained import import_ as import_
    from cartograd.apps.load.runs import listed as runs
    from cartograd.apps.load.runs import look as look
    from cartograd.apps.load.source import dataset as dataset
    from cartograd.apps.replace.replace import replace as replace
    from cartograd.apps.results.comparison import Comparison as Comparison
    from cartograd.apps.results.evaluation import Evaluation as Evaluation
    from cartograd.apps.server.run import serve as serve
    from cartograd.apps.tools.ask import ask as ask
    from cartograd.apps.tour import tour as tour
    from cartograd.apps.verbs.attack import attack as attack
    from cartograd.apps.verbs.attack import robustness as robustness
    from cartograd.apps.verbs.augment import augmented as augmented
    from cartograd.apps.verbs.augment_texts import augment as augment
    from cartograd.apps.verbs.before_after import before_after as before_after
    from cartograd.apps.verbs.claim import claim as claim
    from cartograd.apps.verbs.claim import claims as claims
    from cartograd.apps.verbs.compare import compare as compare
    from cartograd.apps.verbs.compare_groups import compare_groups as compare_groups
    from cartograd.apps.verbs.compress import compress as compress
    from cartograd.apps.verbs.compress_steps import compress_steps as compress_steps
    from cartograd.apps.verbs.compress_within import compress_within as compress_within
    from cartograd.apps.verbs.cost import cost as cost
    from cartograd.apps.verbs.costs import costs as costs
    from cartograd.apps.verbs.defend import defend as defend
    from cartograd.apps.verbs.diagnose import diagnose as diagnose
    from cartograd.apps.verbs.evaluate import evaluate as evaluate
    from cartograd.apps.verbs.explain import explain as explain
    from cartograd.apps.verbs.explain import explanation as explanation
    from cartograd.apps.verbs.explanation_quality import (
        explanation_quality as explanation_quality,
    )
    from cartograd.apps.verbs.export import export as export
    from cartograd.apps.verbs.fit import fit as fit
    from cartograd.apps.verbs.generate import generate as generate
    from cartograd.apps.verbs.generative_model import generative_model as generative_model
    from cartograd.apps.verbs.league import league as league
    from cartograd.apps.verbs.leak import leak as leak
    from cartograd.apps.verbs.neighbours import neighbours as neighbours
    from cartograd.apps.verbs.predict import predict as predict
    from cartograd.apps.verbs.prove import prove as prove
    from cartograd.apps.verbs.repeat import repeat as repeat
    from cartograd.apps.verbs.sample import sample as sample
    from cartograd.apps.verbs.save import save as save
    from cartograd.apps.verbs.scan import scan as scan
    from cartograd.apps.verbs.security_curve import security_curve as security_curve
    from cartograd.apps.verbs.shared_base import SharedBase as SharedBase
    from cartograd.apps.verbs.shared_base import Wish as Wish
    from cartograd.apps.verbs.study import study as study
    from cartograd.apps.verbs.stylise import stylise as stylise
    from cartograd.apps.verbs.trace import trace as trace
    from cartograd.apps.verbs.train import train as train
    from cartograd.apps.verbs.verify import verify as verify
    from cartograd.apps.verbs.verify_ranges import verify_ranges as verify_ranges
    from cartograd.core.build import build as build
    from cartograd.core.card import Card as Card
    from cartograd.core.column import Column as Column
    from cartograd.core.concepts import coverage as coverage
    from cartograd.core.errors import UsageError as UsageError
    from cartograd.core.language import language as language
    from cartograd.core.plugins import use as use
    from cartograd.core.ports import Port as Port
    from cartograd.core.ports import Signature as Signature
    from cartograd.core.protocols import Loss as Loss
    from cartograd.core.registry import find as find
    from cartograd.core.registry import methods as methods
    from cartograd.core.signed import sign as sign
    from cartograd.core.spec import Spec as Spec
    from cartograd.data.dataset.dataset import Dataset as Dataset
    from cartograd.data.dataset.tensors import tensors as tensors
    from cartograd.data.store.packages import available as packages
    from cartograd.data.store.packages import get as fetch
    from cartograd.data.store.packages import show as package
    from cartograd.engine.files.bundle import load as load
    from cartograd.engine.loop.fit import Run as Run
    from cartograd.engine.optim.schedule import rates as rates
    from cartograd.evidence.claim import Claim as Claim
    from cartograd.evidence.claim import Curve as Curve
    from cartograd.practice.metrics.meter import Meter as Meter

__version__ = "0.2.0"

_HOME = {
    "Card": "core.card",
    "Claim": "evidence.claim",
    "Column": "core.column",
    "Comparison": "apps.results.comparison",
    "Curve": "evidence.claim",
    "Dataset": "data.dataset.dataset",
    "Evaluation": "apps.results.evaluation",
    "Loss": "core.protocols",
    "Meter": "practice.metrics.meter",
    "Port": "core.ports",
    "Run": "engine.loop.fit",
    "SharedBase": "apps.verbs.shared_base",
    "Signature": "core.ports",
    "Spec": "core.spec",
    "UsageError": "core.errors",
    "Wish": "apps.verbs.shared_base",
    "ask": "apps.tools.ask",
    "attack": "apps.verbs.attack",
    "audit": "apps.audit.audit",
    "augment": "apps.verbs.augment_texts",
    "augmented": "apps.verbs.augment",
    "auto": "apps.auto.auto",
    "before_after": "apps.verbs.before_after",
    "build": "core.build",
    "claim": "apps.verbs.claim",
    "claims": "apps.verbs.claim",
    "compare": "apps.verbs.compare",
    "compare_groups": "apps.verbs.compare_groups",
    "compress": "apps.verbs.compress",
    "compress_steps": "apps.verbs.compress_steps",
    "compress_within": "apps.verbs.compress_within",
    "cost": "apps.verbs.cost",
    "costs": "apps.verbs.costs",
    "coverage": "core.concepts",
    "data_check": "apps.check.check",
    "dataset": "apps.load.source",
    "defend": "apps.verbs.defend",
    "diagnose": "apps.verbs.diagnose",
    "evaluate": "apps.verbs.evaluate",
    "explain": "apps.verbs.explain",
    "explanation": "apps.verbs.explain",
    "explanation_quality": "apps.verbs.explanation_quality",
    "export": "apps.verbs.export",
    "fetch": "data.store.packages:get",
    "find": "core.registry",
    "fit": "apps.verbs.fit",
    "generate": "apps.verbs.generate",
    "generative_model": "apps.verbs.generative_model",
    "import_": "apps.load.pretrained",
    "language": "core.language",
    "league": "apps.verbs.league",
    "leak": "apps.verbs.leak",
    "load": "engine.files.bundle",
    "look": "apps.load.runs",
    "methods": "core.registry",
    "neighbours": "apps.verbs.neighbours",
    "package": "data.store.packages:show",
    "packages": "data.store.packages:available",
    "predict": "apps.verbs.predict",
    "prove": "apps.verbs.prove",
    "rates": "engine.optim.schedule",
    "repeat": "apps.verbs.repeat",
    "replace": "apps.replace.replace",
    "robustness": "apps.verbs.attack",
    "runs": "apps.load.runs:listed",
    "sample": "apps.verbs.sample",
    "save": "apps.verbs.save",
    "scan": "apps.verbs.scan",
    "security_curve": "apps.verbs.security_curve",
    "serve": "apps.server.run",
    "sign": "core.signed",
    "study": "apps.verbs.study",
    "stylise": "apps.verbs.stylise",
    "tensors": "data.dataset.tensors",
    "tour": "apps.tour",
    "trace": "apps.verbs.trace",
    "train": "apps.verbs.train",
    "use": "core.plugins",
    "verify": "apps.verbs.verify",
    "verify_ranges": "apps.verbs.verify_ranges",
}
"""Where each public name lives (`module`, or `module:its name there`): found on first use, so that
importing Cartograd stays instant."""

__all__ = [
    "Card",
    "Claim",
    "Column",
    "Comparison",
    "Curve",
    "Dataset",
    "Evaluation",
    "Loss",
    "Meter",
    "Port",
    "Run",
    "SharedBase",
    "Signature",
    "Spec",
    "UsageError",
    "Wish",
    "ask",
    "attack",
    "audit",
    "augment",
    "augmented",
    "auto",
    "before_after",
    "build",
    "claim",
    "claims",
    "compare",
    "compare_groups",
    "compress",
    "compress_steps",
    "compress_within",
    "cost",
    "costs",
    "coverage",
    "data_check",
    "dataset",
    "defend",
    "diagnose",
    "evaluate",
    "explain",
    "explanation",
    "explanation_quality",
    "export",
    "fetch",
    "find",
    "fit",
    "generate",
    "generative_model",
    "import_",
    "language",
    "league",
    "leak",
    "load",
    "look",
    "methods",
    "neighbours",
    "package",
    "packages",
    "predict",
    "prove",
    "rates",
    "repeat",
    "replace",
    "robustness",
    "runs",
    "sample",
    "save",
    "scan",
    "security_curve",
    "serve",
    "sign",
    "study",
    "stylise",
    "tensors",
    "tour",
    "trace",
    "train",
    "use",
    "verify",
    "verify_ranges",
]


if not TYPE_CHECKING:  # a checker that saw this would believe any name to exist

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module 'cartograd' has no attribute {name!r}")
        module, _, attribute = _HOME[name].partition(":")
        value = getattr(import_module(f"cartograd.{module}"), attribute or name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
