"""`python -m acceptance [NAME ...]`: run rows, print each with its verdict, publish the page.

A row that was stopped, only tried, or failed goes on with the training runs that are done.
"""

import argparse
import dataclasses
import shutil
import sys
from pathlib import Path

from acceptance import (
    anomalies,
    applications,
    attention,
    cnn,
    diffusion,
    distillation,
    flows,
    generative,
    images,
    language,
    neurons,
    paraphrases,
    precision,
    report,
    sequences,
    speech,
    tables,
    transformers,
    translation,
)
from acceptance.session import SEEDS, FailedError, Session, workplace
from benchmarks.probe import machine

ROWS = {
    "lenet5-digits": images.lenet5_digits,
    "augmented-digits": images.augmented_digits,
    "mlp-fashion": images.mlp_fashion,
    "distillation": distillation.distillation,
    "half-precision": precision.half_precision,
    "resnet-fashion": images.resnet_fashion,
    "cnn-family": cnn.cnn_family,
    "fine-tuning": cnn.fine_tuning,
    "folder-of-pictures": images.folder_of_pictures,
    "breast-cancer": tables.breast_cancer,
    "lending-club": tables.lending_club,
    "perceptron-converges": neurons.perceptron_converges,
    "perceptron-fails-xor": neurons.perceptron_fails_xor,
    "mlp-solves-xor": neurons.mlp_solves_xor,
    "voice-activity": speech.voice_activity,
    "voices": speech.voices,
    "transcripts": speech.transcripts,
    "lines-of-text": speech.lines_of_text,
    "lines-of-digits": images.lines_of_digits,
    "rows-of-pixels": sequences.rows_of_pixels,
    "memory": sequences.memory,
    "tagging": sequences.tagging,
    "translation-spanish": translation.into_spanish,
    "translation-chinese": translation.into_chinese,
    "bahdanau-beams": attention.bahdanau_beams,
    "back-translation": paraphrases.back_translation,
    "chinese-reviews": language.chinese_reviews,
    "word-vectors": language.word_vectors,
    "vit-fashion": transformers.vit_fashion,
    "gpt-shakespeare": transformers.gpt_shakespeare,
    "bert-descriptions": transformers.bert_descriptions,
    "pixelcnn-digits": generative.pixelcnn_digits,
    "vae-fashion": generative.vae_fashion,
    "vq-vae-fashion": generative.vq_vae_fashion,
    "flow-moons": flows.flow_moons,
    "flow-digits": flows.flow_digits,
    "glow-fashion": flows.glow_fashion,
    "diffusion-digits": diffusion.diffusion_digits,
    "diffusion-fashion": diffusion.diffusion_fashion,
    "anomaly-fashion": anomalies.anomaly_fashion,
    "super-resolution": applications.super_resolution,
    "inpainting": applications.inpainting,
}
NEEDS = {
    "clip-art": ("fine-tuning",),
    "efficientnet-lite0-imagenet": ("fine-tuning",),
    "fashion-mnist": (
        *("mlp-fashion", "resnet-fashion", "folder-of-pictures", "distillation"),
        *(
            "cnn-family",
            "rows-of-pixels",
            "vit-fashion",
            "vae-fashion",
            "vq-vae-fashion",
            "diffusion-fashion",
            "glow-fashion",
        ),
        "anomaly-fashion",
        *("super-resolution", "inpainting"),
    ),
    "brown": ("tagging", "word-vectors"),
    "bible": ("translation-spanish", "word-vectors"),
    "gettext": ("translation-chinese", "bahdanau-beams", "back-translation"),
    "zh-reviews": ("chinese-reviews",),
    "shakespeare": ("word-vectors", "gpt-shakespeare"),
    "debian-descriptions": ("word-vectors", "bert-descriptions"),
    "spacy-vectors": ("word-vectors",),
    "lending-club": ("lending-club",),
    "prompts": ("voice-activity", "voices", "transcripts"),
    "prompts-voices": ("voices",),
    "librivox": ("transcripts",),
    "silero-vad": ("voice-activity",),
    "resemblyzer": ("voices",),
    "whisper-base": ("transcripts",),
    "easyocr": ("lines-of-text",),
}
"""Data that has to be fetched before a row can run."""
ROOT = Path(__file__).parents[1]


def main() -> int:
    """0 if every row passed."""
    parser = argparse.ArgumentParser(prog="python -m acceptance", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all, or: {', '.join(ROWS)}")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many seeds")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results")
    parser.add_argument("--try", action="store_true", dest="trial", help="publish nothing")
    options = parser.parse_args()
    names = list(ROWS) if options.names in ([], ["all"]) else options.names
    if wrong := [name for name in names if name not in ROWS]:
        parser.error(f"no row {wrong[0]!r}; there are {', '.join(ROWS)}")
    if missing := _fetched(names):
        print(missing, file=sys.stderr)
        return 1
    return max(_row(name, options) for name in names)


def _fetched(names: list[str]) -> str:
    """Fetch what the rows need; why it could not be had, or nothing."""
    from cartograd.data.store import packages

    for item, rows in NEEDS.items():
        if set(rows) & set(names):
            found = packages.get(item)
            if found.path is None:
                return f"{item}: {found.reason}"
    return ""


def _row(name: str, options: argparse.Namespace) -> int:
    work = workplace(ROOT, name)
    try:
        outcome = ROWS[name](Session(work, seeds=tuple(range(options.seeds))))
    except FailedError as error:
        print(f"{name}: FAILED, {error}", flush=True)
        return 1
    row = dataclasses.asdict(outcome)
    verdict = "passed" if outcome.passed else "FAILED"
    print(f"{name}: {verdict}, {report.measured(row)}; asked {outcome.asked}", flush=True)
    for what, value in outcome.beside.items():
        print(f"  {what}: {value}", flush=True)
    seconds = ", ".join(f"{one:.0f}" for one in outcome.cpu)
    print(f"  CPU seconds: {seconds}", *outcome.notes, sep="\n  ", flush=True)
    if not options.trial:
        report.publish(options.out, name, outcome, machine(_threads()))
        if outcome.passed:
            shutil.rmtree(work)
    return int(not outcome.passed)


def _threads() -> int:
    import torch

    return torch.get_num_threads()


if __name__ == "__main__":
    sys.exit(main())
