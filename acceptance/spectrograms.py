"""Row on speech that is drawn as spectrograms: beside noises as loud, and real speech."""

from typing import Any

import torch
from torch import Tensor

from acceptance.session import Outcome, Session

DATA = "prompts:labels=[en],seconds=0.256,whole=true"
SPEECH = (
    f"cartograd train spectrogram-diffusion --data {DATA} --epochs 12 --set seed=SEED batch_size=32"
)
DRAWN, BANDS, RATE = 500, 20, 8000
NEAR, ALIKE, COVERED, NEW = 0.1, 0.15, 0.7, 0.8
"""Most of the distance of the nearest noise; how far the share of voiced frames and the swing of
loudness may be from real ones; the least coverage, and the least neighbour ratio."""

PIECE, STEP, LAGS, PERIODIC, AUDIBLE = 320, 160, (20, 115), 0.5, 0.03
"""Samples of a frame and from one to the next; lags of voices of 70 to 400 hertz; the least
autocorrelation of a voiced frame, and its least loudness."""

Found = dict[str, float]


def spectrogram_speech(session: Session, /) -> Outcome:
    """A quarter of a second of announcements at a time, out of noise."""
    import cartograd as cg

    data = cg.dataset(DATA)
    test, train = (_all(part) for part in (data.test, data.train))
    runs = [session.train(SPEECH, seed) for seed in session.seeds]
    plain = session.train(SPEECH.replace("epochs 12", "epochs 1 --optimizer sgd:lr=0"), 0)
    spectrogram: Any = cg.generative_model(runs[0].folder).inner.spectrogram
    noises = {
        "untrained weights": cg.sample(plain.folder, DRAWN)[:, 0],
        "white noise as loud": noise(train, coloured=False),
        "noise as loud with the mean spectrum": noise(train, coloured=True),
    }
    controls = {
        "a normal distribution of spectrograms": normal(train, spectrogram),
        "real sounds, by their spectrograms": again(some(train), spectrogram),
        "real sounds of the training part": some(train),
    }
    drawn = [measured(cg.sample(run.folder, DRAWN)[:, 0], test, train) for run in runs]
    beside = {name: measured(x, test, train) for name, x in (noises | controls).items()}
    real = measured(some(test), test, train)
    bound = NEAR * min(beside[name]["distance"] for name in noises)
    usual = beside["a normal distribution of spectrograms"]["coverage"]
    return Outcome(
        claim="Diffusion of log-mel spectrograms draws English telephone announcements",
        command=f"{SPEECH}\n$ cartograd generate RUN --out x.wav",
        measured=[one["distance"] for one in drawn],
        asked=f"Fréchet distance at most {NEAR:g} times that of the nearest of noises as loud, "
        "white and with the mean spectrum of speech, and of untrained weights; coverage of at "
        f"least {COVERED:g}, and more than of a normal distribution of spectrograms; the share of "
        f"voiced frames and the swing of loudness within {ALIKE:.0%} of real ones, as of none of "
        f"the noises; neighbour ratio of at least {NEW:g} to the training part",
        passed=all(one["distance"] <= bound and one["coverage"] > usual for one in drawn)
        and all(like_speech(one, real) and one["new"] >= NEW for one in drawn)
        and not any(like_speech(beside[name], real) for name in noises),
        unit="% of the variance",
        beside={f"seed {seed}": told(one) for seed, one in zip(session.seeds, drawn, strict=True)}
        | {name: told(one) for name, one in beside.items()}
        | {"real sounds of the test part": told(real)},
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[
            f"{DRAWN} sounds of each kind against the test part, by means, deviations and mean "
            f"changes in time of {BANDS} bands in decibels, of other pieces and bands than those "
            "of the model. The Fréchet distance is told by their total variance in real sounds. A "
            "normal distribution has the first two moments of the spectrograms of the training "
            "part, and so the least distance there is to be had by these alone. A frame is voiced "
            "that repeats itself within 70 to 400 hertz; swing is the deviation of loudness in "
            "time. How it sounds to people is not measured.",
            "Bounds were set by seed 100, which is not counted, whose rate fell by a cosine "
            "without the warm-up: distance 8.0 %, coverage 0.84, 87.4 % of the frames voiced, "
            "swing 7.5 dB, neighbour ratio 1.10.",
        ],
    )


def like_speech(one: Found, real: Found, /) -> bool:
    """Whether sounds are as various as real ones, voiced as often, and swing as much."""
    return one["coverage"] >= COVERED and all(
        abs(one[name] / real[name] - 1) <= ALIKE for name in ("voiced", "swing")
    )


def told(one: Found, /) -> str:
    """Figures in words."""
    return (
        f"distance {one['distance']:.1f} %, coverage {one['coverage']:.2f}, "
        f"{one['voiced']:.1%} of the frames voiced, swing {one['swing']:.1f} dB, neighbour ratio "
        f"{one['new']:.2f}"
    )


def measured(x: Tensor, real: Tensor, learned: Tensor, /) -> Found:
    """How far sounds are from real ones, how various, voiced, swinging, and how new they are."""
    from cartograd.practice.metrics.coverage import coverage
    from cartograd.practice.metrics.frechet import frechet
    from cartograd.practice.metrics.neighbour_ratio import neighbour_ratio

    own, right, known = (_of_bands(one) for one in (x, real, learned))
    distance = 100 * frechet(own, right) / right.var(0).sum().item()
    as_many = _of_bands(some(real))
    own, as_many, known = (one / right.std(0) for one in (own, as_many, known))
    loud = 10 * (frames(x).square().mean(-1) + AUDIBLE**2 / 100).log10()
    return {
        "distance": round(distance, 2),
        "coverage": coverage(own, as_many),
        "voiced": voiced(x),
        "swing": loud.std(1).mean().item(),
        "new": neighbour_ratio(own, known),
    }


def _of_bands(x: Tensor, /) -> Tensor:
    """Means, deviations and changes in time of bands, in decibels."""
    from cartograd.architectures.speech.mel import filters

    window = torch.hann_window(400)
    waves = torch.stft(x, 400, 100, window=window, pad_mode="constant", return_complex=True)
    powers = waves.abs().square().mT @ filters(BANDS, 400, rate=RATE).float()
    decibels = 10 * (powers + 1e-5).log10()
    return torch.cat([decibels.mean(1), decibels.std(1), decibels.diff(dim=1).abs().mean(1)], 1)


def frames(x: Tensor, /) -> Tensor:
    """Overlapping parts of sounds."""
    return x.unfold(1, PIECE, STEP)


def voiced(x: Tensor, /) -> float:
    """The share of audible frames that repeat themselves as voices do.

    The autocorrelation of a frame is divided by that of its window (Paul Boersma, 1993).
    """
    window = torch.hann_window(PIECE)
    pieces = frames(x)
    audible = pieces.square().mean(-1).sqrt() > AUDIBLE
    pieces = (pieces - pieces.mean(-1, keepdim=True)) * window
    own, shape = (
        torch.fft.irfft(torch.fft.rfft(one, n=2 * PIECE).abs().square()) for one in (pieces, window)
    )
    found = own / own[..., :1].clamp_min(1e-9) / (shape / shape[0]).clamp_min(1e-9)
    periodic = found[..., slice(*LAGS)].amax(-1) > PERIODIC
    return ((periodic & audible).sum() / audible.sum().clamp_min(1)).item()


def noise(real: Tensor, /, *, coloured: bool) -> Tensor:
    """Noise as loud as real sounds, white or with their mean spectrum."""
    found = torch.randn(DRAWN, real.shape[1], generator=torch.Generator().manual_seed(0))
    if coloured:
        power = torch.fft.rfft(real).abs().square().mean(0)
        found = torch.fft.irfft(torch.fft.rfft(found) * power.sqrt(), n=real.shape[1])
    loudness = some(real).square().mean(1, keepdim=True).sqrt()
    return found * loudness / found.square().mean(1, keepdim=True).sqrt()


def normal(real: Tensor, spectrogram: Any, /) -> Tensor:
    """Sounds of spectrograms from the normal distribution that real ones would have."""
    spread = real.std()
    with torch.no_grad():
        z = spectrogram(real / spread).flatten(1).double()
        values, axes = torch.linalg.eigh(torch.cov(z.T))
        draw = torch.Generator().manual_seed(0)
        drawn = torch.randn(DRAWN, len(axes), generator=draw, dtype=z.dtype)
        drawn = z.mean(0) + drawn * values.clamp_min(0).sqrt() @ axes.T
        z = drawn.clamp(-1, 1).float().unflatten(1, spectrogram.dims)
        return spread * spectrogram.sound(z)


def again(x: Tensor, spectrogram: Any, /) -> Tensor:
    """Sounds of the spectrograms of sounds."""
    with torch.no_grad():
        return x.std() * spectrogram.sound(spectrogram(x / x.std()))


def some(real: Tensor, /) -> Tensor:
    """Some of the sounds."""
    return real[torch.randperm(len(real), generator=torch.Generator().manual_seed(0))[:DRAWN]]


def _all(part: Any) -> Tensor:
    """The sounds of a part."""
    return part.select(range(len(part))).inputs[:, 0]
