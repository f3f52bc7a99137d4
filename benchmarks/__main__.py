"""`python -m benchmarks [NAME ...]`: run workloads, print their tables, publish the results."""

import argparse
import importlib
import sys
from pathlib import Path

from benchmarks import probe, report, runner
from benchmarks.pairs import QUIET

FILES = (
    "step_overhead",
    "resnet18",
    "sequence_steps",
    "decoding",
    "checkpoints",
    "startup",
    "data_path",
    "augmentation",
    "integrated_gradients",
    "pgd",
    "security",
    "explaining",
    "private_steps",
    "federated",
    "sentence_encoding",
    "diffusion_sampling",
    "generative_steps",
    "drawing_numbers",
    "coco_map",
    "compression",
    "constrained_decoding",
    "tuning",
    "metrics",
)
ROOT = Path(__file__).parents[1]


def main() -> int:
    """0 if every promise was kept, 1 if one was not or the machine was not quiet."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all, or: {', '.join(FILES)}")
    parser.add_argument("--rounds", type=int, default=7, help="quiet rounds wanted of each case")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results")
    parser.add_argument(
        "--try", action="store_true", dest="trial", help="count noisy rounds too, publish nothing"
    )
    options = parser.parse_args()
    names = FILES if options.names in ([], ["all"]) else options.names
    if wrong := [name for name in names if name not in FILES]:
        parser.error(f"no workload {wrong[0]!r}; there are {', '.join(FILES)}")
    return max(_workload(name, options) for name in names)


def _workload(file: str, options: argparse.Namespace) -> int:
    module = importlib.import_module(f"benchmarks.{file}")
    results, missed = [], []
    for case in module.CASES:
        try:
            result = runner.compare(
                file, case, rounds=options.rounds, noisy=options.trial, say=_say
            )
        except runner.BrokenError as error:
            _say(f"{file}: {error}")
            return 1
        if len(result.rounds) < options.rounds:
            _say(
                f"{file}: only {len(result.rounds)} of {options.rounds} rounds were quiet: the "
                f"probe varied by more than {QUIET:.0%}; nothing is published. Use an idle machine."
            )
            return 1
        print(f"\n{case.name}\n{report.table(result)}\n", flush=True)
        results.append(result)
        missed += [f"{file}, {case.name}: {line}" for line in result.missed()]
    for line in missed:
        _say(f"missed: {line}")
    if not options.trial:
        facts = probe.machine(1)
        print(report.publish(options.out, file, module.__doc__ or "", results, facts))
    return int(bool(missed))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
