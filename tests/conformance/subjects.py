"""What methods need that take data of their own: small files for sources, examples for losses."""

import gzip
import struct
import wave

import numpy as np
import torch
from PIL import Image

from cartograd.architectures.rnn.bilstm_crf import BiLSTMCRF
from cartograd.architectures.series.lstm_forecaster import LSTMForecaster
from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.architectures.words.word2vec import Word2Vec
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import sign
from cartograd.core.timeline import Timeline
from cartograd.frontier.explain.glassbox.concept_bottleneck import ConceptBottleneck
from cartograd.frontier.explain.glassbox.prototype_network import PrototypeNetwork
from cartograd.frontier.explain.trees.decision_tree import DecisionTree
from tests.conformance.boxed import (
    boxes_found,
    coco_files,
    cut_out,
    detector,
    pictures_with_boxes,
    yolo_files,
)
from tests.conformance.rated import RATED, REMEMBERED, listed, ranker, rated, rater, stars, taken


def table(folder):
    """A CSV of two kinds of columns and two classes."""
    rows = [
        f"{i / 7:.3f},{'red' if i % 3 else 'blue'},{'yes' if i % 2 else 'no'}" for i in range(80)
    ]
    path = folder / "table.csv"
    path.write_text("\n".join(["size,colour,bought", *rows]) + "\n")
    return (path,), {"target": "bought"}


def pictures(folder):
    """Two classes of small noisy pictures."""
    draw = np.random.default_rng(0)
    for i in range(60):
        path = folder / "pictures" / ("dark" if i % 2 else "light") / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (6, 6), dtype=np.uint8)).save(path)
    return (folder / "pictures",), {}


def drawings(folder):
    """Two drawings more than clip-art needs of each class, and a copy."""
    from cartograd.data.sources.clip_art import CLASSES

    for number, name in enumerate(CLASSES):
        (folder / name / "deep").mkdir(parents=True, exist_ok=True)
        for i in range(62):
            colour = (number * 20, i * 4, 128, 255 if i % 3 else 100)
            image = Image.new("RGBA", (9, 6 + i % 4), colour)
            image.save(folder / name / ("deep" if i % 2 else "") / f"{i}.png")
        image.save(folder / name / "copy.png")
    return (folder,), {}


def idx(folder):
    """The four files of a set in the format of MNIST."""
    draw = np.random.default_rng(0)
    for stem, n in (("train", 60), ("t10k", 20)):
        images = draw.integers(0, 256, (n, 5, 5), dtype=np.uint8)
        labels = (np.arange(n) % 4).astype(np.uint8)
        for name, array in (
            (f"{stem}-images-idx3-ubyte", images),
            (f"{stem}-labels-idx1-ubyte", labels),
        ):
            head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            (folder / f"{name}.gz").write_bytes(gzip.compress(head + array.tobytes()))
    return (folder,), {}


def text(folder):
    """A few files of text."""
    for i in range(3):
        (folder / f"{i}.txt").write_text(f"The {i}th of some short texts. " * 200)
    return (folder,), {}


def sounds(folder):
    """Two classes of short tones."""
    for i in range(40):
        kind = ("low", "high")[i % 2]
        path = folder / "sounds" / kind / f"{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        tone = np.sin(np.arange(800) * (0.1 if kind == "low" else 0.4) + i) * 20000
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(tone.astype("<i2").tobytes())
    return (folder / "sounds",), {}


def tagged(folder):
    """Texts of words with their parts of speech."""
    for i in range(60):
        lines = (" ".join(f"{digit}/cd-tl" for digit in f"{i}{line}") + " ./." for line in "1357")
        (folder / f"c{i:02}").write_text("\n\n".join(lines))
    return (folder,), {}


def translated(folder):
    """A file of sentences and their translations."""
    path = folder / "pairs.tsv"
    path.write_text("\n".join(f"the {i}th of them\tel número {i} de ellos" for i in range(80)))
    return (path,), {"valid": 0.1, "test": 0.1}


def sword(folder):
    """Modules of verses in two languages."""
    import zlib

    for stem in ("kjv-ot", "kjv-nt", "rv-ot", "rv-nt"):
        texts = [f"And the <w>{i}</w>th {'dijo' if stem[0] == 'r' else 'said'}" for i in range(60)]
        texts = [f"{text} in {stem[-2:]}. ".encode() for text in texts]
        packed = zlib.compress(b"".join(texts))
        starts = [sum(map(len, texts[:i])) for i in range(60)]
        places = b"".join(
            struct.pack("<IIH", 0, start, len(text))
            for start, text in zip(starts, texts, strict=True)
        )
        (folder / f"{stem}.bzz").write_bytes(packed)
        (folder / f"{stem}.bzs").write_bytes(struct.pack("<III", 0, len(packed), 0))
        (folder / f"{stem}.bzv").write_bytes(places)
    return (folder,), {"valid": 0.1, "test": 0.1}


def messages(path, pairs):
    """Write a gettext catalogue: a table of lengths and places of originals and translations."""
    pairs = sorted([("", "Content-Type: text/plain; charset=UTF-8\n"), *pairs.items()])
    texts = [text.encode() for side in (0, 1) for text in (pair[side] for pair in pairs)]
    start, places, count = 28 + 8 * len(texts), [], len(pairs)
    for text in texts:
        places.append(struct.pack("<II", len(text), start))
        start += len(text) + 1
    head = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + b"".join(places) + b"".join(text + b"\0" for text in texts))


def catalogue(folder):
    """A catalogue of Chinese messages."""
    pairs = {f"Open the file number {i}": f"打开第 {i} 个文件" for i in range(80)}
    messages(folder / "zh_CN" / "LC_MESSAGES" / "toy.mo", pairs)
    return (folder,), {"valid": 0.1, "test": 0.1}


def reviews(folder):
    """Chinese reviews of both kinds."""
    (folder / "pos.txt").write_text("\n".join(f"第{i}本书很好" for i in range(60)))
    (folder / "neg.txt").write_text("\n".join(f"第{i}本书不好" for i in range(60)))
    return (folder,), {}


def works(folder):
    """A file of several works."""
    path = folder / "works.txt"
    path.write_text("".join(f"\fwork {i}\n" + f"{i}. work. " * 30 for i in range(30)))
    return (path,), {"window": 16}


def archive(folder):
    """A small Debian archive's index."""
    names = [(f"p{i}", "games" if i % 3 else "science") for i in range(90)]
    (folder / "Packages").write_text(
        "\n".join(f"Package: {n}\nSection: {s}\nDescription-md5: {n}\n" for n, s in names)
    )
    (folder / "Translation-en").write_text(
        "\n".join(
            f"Package: {n}\nDescription-md5: {n}\nDescription-en: {n} for {s}\n Long.\n"
            for n, s in names
        )
    )
    return (folder,), {}


def sentences_of(folder):
    """Short texts, each of words of its own order."""
    for i in range(60):
        (folder / f"{i}.txt").write_text(" ".join(f"{chr(97 + (i * j) % 26)}x" for j in range(40)))
    return (folder,), {"valid": 0.1, "test": 0.1}


def sales(folder):
    """Two series of months, which grow and repeat."""
    draw = np.random.default_rng(0)
    rows = [
        f"{2000 + i // 12}-{i % 12 + 1:02},{shop},{i / 9 + i % 12 + draw.normal():.3f}"
        for shop in ("east", "west")
        for i in range(120)
    ]
    path = folder / "sales.csv"
    path.write_text("\n".join(["month,shop,sold", *rows]) + "\n")
    return (path,), {"time": "month", "target": "sold", "by": "shop", "horizon": 4}


SUBJECTS = {
    "bible": sword,
    "brown": tagged,
    "clip-art": drawings,
    "coco": coco_files,
    "csv": table,
    "cut-outs": cut_out,
    "debian-descriptions": archive,
    "fashion-mnist": idx,
    "folder": pictures,
    "gettext": catalogue,
    "movielens": stars,
    "pairs": translated,
    "prompts": lambda folder: (sounds(folder)[0], {"seconds": 0.1}),
    "ratings": stars,
    "series": sales,
    "shakespeare": works,
    "text": text,
    "wav": sounds,
    "words": sentences_of,
    "yolo": yolo_files,
    "zh-reviews": reviews,
}
"""Sources by card: a new source of the user's own files adds its line here."""


def questions():
    """Right answers, wrong ones and the targets of a loss of yes and no."""
    y = (torch.arange(24) % 2).double().reshape(12, 2).roll(1, 1)
    return 24 * y - 12, 12 - 24 * y, (y,)


def distributions():
    """Logits of the target's distribution, others, and the distributions."""
    y = (2 * torch.nn.functional.one_hot(torch.arange(12) % 3, 3).double()).softmax(1)
    return y.log(), y.log().roll(1, 1), (y,)


def pairs():
    """Points where they belong, where they do not, their partners, and which pairs differ."""
    differs = torch.arange(12) % 2 == 0
    near, far = torch.full((12, 3), 0.1).double(), torch.full((12, 3), 5.0).double()
    away = differs[:, None]
    return near.where(~away, far), near.where(away, far), (0 * near, differs)


def triples():
    """Anchors near their own kind, far from it, and the points of both kinds."""
    own, other = torch.zeros(12, 3).double(), torch.full((12, 3), 4.0).double()
    return own + 0.1, other + 0.1, (own, other)


def forecasts():
    """Forecasts of the values to the point, of others, and the values of two steps."""
    y = torch.linspace(1, 3, 12, dtype=torch.float64)[:, None] + torch.arange(2)
    right = y[:, :, None].expand(-1, -1, 3).clone()
    targets = torch.stack([y, y - 1, torch.full_like(y, 0.5)], 2)
    return right, right + 2, (targets,)


EXAMPLES = {
    "ctr": listed,
    "cvr": listed,
    "average-recall": boxes_found,
    "bce": questions,
    "box-iou": boxes_found,
    "coco-map": boxes_found,
    "contrastive": pairs,
    "interval-coverage": forecasts,
    "mase": forecasts,
    "pinball": forecasts,
    "smape": forecasts,
    "kl": distributions,
    "triplet": triples,
}
"""Losses and metrics by card whose data are neither logits and classes nor values and values."""


def coloured(n):
    """Images of three channels."""
    return torch.rand(n, 3, 10, 12, generator=torch.Generator().manual_seed(2)), ()


def waves(n):
    """Sounds of one channel."""
    return torch.randn(n, 1, 900, generator=torch.Generator().manual_seed(2)) / 4, ()


def spectrograms(n):
    """Energies by band and time."""
    return torch.rand(n, 40, 60, generator=torch.Generator().manual_seed(2)), ()


def sentences(n):
    """Sentences of several lengths."""
    words = ["one", "good", "film", "that", "lets", "us", "see", "a", "sad", "and", "old", "town"]
    return [words[i % 4 :] for i in range(n)], ()


def reworded(n):
    """The same, and a thesaurus."""
    return sentences(n)[0], (lambda word: (f"{word}er", f"very {word}"),)


def translators(n):
    """Sentences, and two translators."""
    own = sentences(n)[0]
    return own, (lambda texts: texts, lambda texts: [f"{text} again" for text in texts])


AUGMENTED = {
    "back-translation": translators,
    "image": coloured,
    "audio": waves,
    "text": sentences,
    "spec-augment": spectrograms,
    "synonym-replacement": reworded,
    "random-insertion": reworded,
    "eda": reworded,
}
"""What augmentations change, by card or by kind, and all else that they take."""


def sequences(n):
    """Rows of five positions with eight features each."""
    return (torch.randn(n, 5, 8, generator=torch.Generator().manual_seed(2)),)


def placed(n):
    """Heads of queries, and where they stand."""
    heads = torch.randn(n, 2, 5, 8, generator=torch.Generator().manual_seed(2))
    return heads, torch.arange(5) + torch.arange(n)[:, None]


def places(n):
    """Where positions stand."""
    return (torch.arange(5) + torch.arange(n)[:, None],)


def fits(n):
    """How well queries and keys of four heads fit."""
    return (torch.randn(n, 4, 3, 5, generator=torch.Generator().manual_seed(2)),)


def questions_and_memory(n):
    """Three queries a row, and the five places that they are asked of."""
    draw = torch.Generator().manual_seed(2)
    return torch.randn(n, 3, 8, generator=draw), torch.randn(n, 5, 8, generator=draw)


def two_maps(n):
    """Maps of two channels, no two numbers alike."""
    draws = torch.Generator().manual_seed(3)
    order = torch.stack([torch.randperm(50, generator=draws) for _ in range(n)])
    return (order.reshape(n, 2, 5, 5) / 25 - 1,)


LAYERS = {
    "additive-attention": questions_and_memory,
    "luong-attention": questions_and_memory,
    "convolution": two_maps,
    "pooling": two_maps,
    "alibi": fits,
    "feed-forward": sequences,
    "multi-head-attention": sequences,
    "positions": places,
    "rotary": placed,
    "transformer-block": sequences,
}
"""What layers take, by card: a function of the number of rows."""

PARTS = {
    "transformer-block": lambda: {
        "attention": MultiHeadAttention(dim=8, heads=2),
        "feed_forward": FeedForward(dim=8, ffn_dim=12),
    },
}
"""Layers that are made of others: their parts."""


def reader():
    """A network that says something of each token."""
    return torch.nn.Sequential(torch.nn.Embedding(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 6))


def lines(n):
    """Rows of tokens of several lengths, and the token after each one."""
    draw = torch.Generator().manual_seed(1)
    tokens = torch.randint(2, 6, (n, 8), generator=draw)
    tokens[torch.arange(8) > torch.arange(n)[:, None] % 6 + 2] = 0
    targets = tokens.roll(-1, 1).masked_fill(tokens.roll(-1, 1) == 0, -100)
    targets[:, -1] = -100
    return tokens, targets


def chained():
    """A tagger whose tags are chosen together."""
    return BiLSTMCRF(vocabulary=6, classes=6, padding_id=0, dim=5)


def spelled(n):
    """Rows of tokens, and the shorter rows of labels in them."""
    tokens = torch.randint(6, (n, 8), generator=torch.Generator().manual_seed(1))
    targets = (tokens[:, ::3] % 5 + 1).masked_fill(torch.arange(3) > torch.arange(n)[:, None] % 3,
                                                   -100)  # fmt: skip
    return tokens, targets


def table_of_words():
    """Vectors of a few words."""
    return Word2Vec(vocabulary=6, dim=4, padding_id=0)


def windows(n):
    """Words with their neighbours."""
    draw = torch.Generator().manual_seed(1)
    around = torch.randint(1, 6, (n, 4), generator=draw)
    around[:, 3] = around[:, 3] * (torch.arange(n) % 2)
    return around, torch.arange(n) % 6


def tree():
    """A tree that has not grown."""
    return DecisionTree(features=3, classes=2, depth=2)


def told_apart(n):
    """Rows of two classes that questions tell apart."""
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(1)), torch.arange(n) % 2


def bounded():
    """A network whose inputs lie between 0 and 1."""
    net = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))
    row = Port("x", "vector", (3,), bounds=(0.0, 1.0))
    return sign(net, Signature((row,), (Port("y", "label", (2,)),)))


def within(n):
    """Rows of two classes between 0 and 1."""
    return torch.rand(n, 3, generator=torch.Generator().manual_seed(1)), torch.arange(n) % 2


def bottleneck():
    """A model of two concepts."""
    return ConceptBottleneck(features=3, classes=2, concepts=((0,), (0, 1)), widths=(5,))


def remembering():
    """A network of two prototypes a class, which has begun."""
    model = PrototypeNetwork(channels=1, size=6, classes=2, prototypes=2, width=4)
    model.begun.fill_(True)
    return model


def small_pictures(n):
    """Pictures of two classes."""
    x = torch.rand(n, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    return x, torch.arange(n) % 2


def forecaster():
    """A small network of windows of one column."""
    return LSTMForecaster(channels=1, horizon=2, dim=4)


def windows_of_series(n):
    """Windows, and the values, those of a season before and the units of two steps to come."""
    draw = torch.Generator().manual_seed(1)
    targets = torch.randn(n, 2, 3, generator=draw)
    return torch.randn(n, 1, 8, generator=draw), targets.abs() + 0.5


TAUGHT = {
    "factorise": (rater, rated),
    "rank-items": (ranker, taken),
    "bpr": (ranker, taken),
    "in-batch-softmax": (ranker, taken),
    "detect": (detector, pictures_with_boxes),
    "adversarial-training": (bounded, within),
    "certified-training": (bounded, within),
    "cbow": (table_of_words, windows),
    "crf": (chained, lines),
    "ctc": (reader, spelled),
    "forecast": (forecaster, windows_of_series),
    "grow": (tree, told_apart),
    "learn-concepts": (bottleneck, told_apart),
    "learn-prototypes": (remembering, small_pictures),
    "label-tokens": (reader, lines),
    "masked-language-model": (reader, lines),
    "scheduled-sampling": (reader, lines),
    "skip-gram": (table_of_words, windows),
}
"""Objectives by card that do not learn classes or values: a network, and n examples."""


def heard(samples, *outputs):
    """The signature of a model that hears sounds of so many samples."""
    return Signature((Port("sound", "audio", (1, samples), bounds=(-1.0, 1.0)),), outputs)


def seen(rows, columns, *outputs):
    """The signature of a model that sees grey pictures of this size."""
    return Signature((Port("picture", "image", (1, rows, columns), bounds=(0.0, 1.0)),), outputs)


def of_series(name):
    """The signature of a forecaster of two columns."""
    timeline = Timeline("sold", "month", covariates=("price",), step="quarter", season=4, horizon=3)
    statistics = {"mean": (0.5, 0.5), "std": (0.25, 0.25)}
    return name, Signature(
        (Port("past", "series", (2, 12), timeline=timeline, **statistics),),
        (Port("sold", "value", (3, 3), mean=(0.5,), std=(0.25,), task="forecast"),),
    )


FORECASTERS = (
    *("naive", "seasonal-naive", "exponential-smoothing", "lstm-forecaster", "tcn", "patchtst"),
    "n-beats",
)


def answering(padding_id):
    """A model that writes a text for a text."""
    given = (
        Port(name, "text", ("t",), "int64", (0, 10), padding_id=padding_id)
        for name in ("source", "target")
    )
    return Signature(tuple(given), (Port("answer", "label", ("t", 11), task="translate"),))


SIGNATURES = {
    "bart": answering(1),
    "t5": answering(0),
    "matrix-factorisation": RATED,
    "two-towers": REMEMBERED,
    **dict(map(of_series, FORECASTERS)),
    "fcos": seen(
        16, 16, Port("boxes", "value", (16, 8), labels=("cat", "dog", "hen"), task="detect")
    ),
    "crnn": seen(32, 24, Port("characters", "label", (5, 4), task="ctc")),
    "diffwave": Signature(
        (Port("noise", "vector", (1, 64)),),
        (Port("sound", "audio", (1, 64), bounds=(-1.0, 1.0), task="generate"),),
    ),
    "latent-diffusion": Signature(
        (
            Port("noise", "vector", (16,)),
            Port("text", "text", (7,), "int64", (0, 6), padding_id=0),
        ),
        (Port("image", "image", (1, 4, 4), bounds=(0.0, 1.0), task="generate"),),
    ),
    "mel-resnet": heard(1000, Port("word", "label", (3,), task="classify")),
    "decoder-embedding": Signature(
        (Port("text", "text", ("t",), "int64", (0, 10), padding_id=0),),
        (Port("meaning", "vector", (8,)),),
    ),
    "encoder-embedding": Signature(
        (Port("text", "text", ("t",), "int64", (0, 10), padding_id=0),),
        (Port("meaning", "vector", (8,)),),
    ),
    "sentence-encoder": Signature(
        (Port("text", "text", ("t",), "int64", (0, 10), padding_id=0),),
        (Port("meaning", "vector", (8,)),),
    ),
    "speaker-encoder": heard(25600, Port("voice", "vector", (6,))),
    "whisper": Signature(
        (
            Port("sound", "audio", (1, 6400), bounds=(-1.0, 1.0)),
            Port("tokens", "text", ("t",), "int64", (0, 8)),
        ),
        (Port("next", "label", ("t", 9), task="transcribe"),),
    ),
    "unet": seen(8, 8, Port("mask", "label", (3, 8, 8), task="segment")),
    "vad": heard(1300, Port("speech", "label", (3, 1), task="tag")),
}
"""What models take and give that read neither rows, images of fixed size nor tokens alone."""

ATTENDING = ("attention-rollout", "prune-heads", "prune-blocks")
"""What looks at attention or at blocks, and needs a model that has them."""

READING = ("hotflip", "synonym-swap", "character-swap")
"""Attacks on texts, which need a model of tokens."""

OF_TEXTS = ("huggingface", "gguf-file")
"""Exporters of models that a family of language models holds."""

OF_PICTURES = ("torchvision-file", "timm-folder")
"""Exporters of the networks that a library of networks for pictures has."""

GROWN = ("tree-shap",)
"""Explainers of trees, and of nothing else."""
