"""The rows by name, the page that each stands on, and the data that has to be fetched for it."""

from collections.abc import Callable

from acceptance import (
    anomalies,
    applications,
    attention,
    augmentation,
    cnn,
    diffusion,
    distillation,
    flows,
    gans,
    generative,
    images,
    language,
    neurons,
    paraphrases,
    precision,
    sequences,
    speech,
    tables,
    text_to_image,
    transformers,
    translation,
)
from acceptance.session import Outcome, Session

Row = Callable[[Session], Outcome]

LEARNED: dict[str, Row] = {
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
    "wavenet-speech": speech.wavenet_speech,
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
}
"""Rows of models that answer."""

GENERATIVE: dict[str, Row] = {
    "pixelcnn-digits": generative.pixelcnn_digits,
    "vae-fashion": generative.vae_fashion,
    "vq-vae-fashion": generative.vq_vae_fashion,
    "flow-moons": flows.flow_moons,
    "flow-digits": flows.flow_digits,
    "glow-fashion": flows.glow_fashion,
    "diffusion-digits": diffusion.diffusion_digits,
    "diffusion-fashion": diffusion.diffusion_fashion,
    "gan-digits": gans.gan_digits,
    "gan-fashion": gans.gan_fashion,
    "wgan-gp-grid": gans.wgan_gp_grid,
    "consistency-digits": diffusion.consistency_digits,
    "anomaly-fashion": anomalies.anomaly_fashion,
    "super-resolution": applications.super_resolution,
    "inpainting": applications.inpainting,
    "sketches": applications.sketches,
    "augmentation-by-samples": augmentation.augmentation_by_samples,
    "text-to-image": text_to_image.text_to_image,
}
"""Rows of models that draw, mend or tell pictures, tables and sounds."""

ROWS = LEARNED | GENERATIVE
NEEDS: dict[str, tuple[str, ...]] = {
    "clip-art": ("fine-tuning",),
    "efficientnet-lite0-imagenet": ("fine-tuning",),
    "emoji": ("text-to-image",),
    "fashion-mnist": (
        *("mlp-fashion", "resnet-fashion", "folder-of-pictures", "distillation"),
        *("cnn-family", "rows-of-pixels", "vit-fashion"),
        *("vae-fashion", "vq-vae-fashion", "diffusion-fashion", "glow-fashion"),
        *("anomaly-fashion", "gan-fashion", "super-resolution", "inpainting", "sketches"),
    ),
    "brown": ("tagging", "word-vectors"),
    "bible": ("translation-spanish", "word-vectors"),
    "gettext": ("translation-chinese", "bahdanau-beams", "back-translation"),
    "zh-reviews": ("chinese-reviews",),
    "minilm": ("chinese-reviews",),
    "shakespeare": ("word-vectors", "gpt-shakespeare"),
    "debian-descriptions": ("word-vectors", "bert-descriptions"),
    "spacy-vectors": ("word-vectors",),
    "lending-club": ("lending-club",),
    "prompts": ("wavenet-speech", "voice-activity", "voices", "transcripts"),
    "prompts-voices": ("voices",),
    "librivox": ("transcripts",),
    "silero-vad": ("voice-activity",),
    "resemblyzer": ("voices",),
    "whisper-base": ("transcripts",),
    "easyocr": ("lines-of-text",),
}
"""Data that has to be fetched before a row can run."""
