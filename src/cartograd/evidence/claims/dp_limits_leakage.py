"""Who is found among wrongly labelled digits: by an open training, and by private ones."""

import torch
from torch import nn

from cartograd.core.build import build
from cartograd.data.dataset.dataset import Split
from cartograd.engine.loop.fit import fit
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import accuracy, dataset, few, train
from cartograd.frontier.privacy.dp_sgd import dp_sgd
from cartograd.frontier.privacy.membership import Leak, membership, scores
from cartograd.training.objectives.classify import Classify

CLAIM = Claim(
    id="dp-limits-leakage",
    place="privacy/dp",
    en="DP limits what one sample reveals",
    zh="差分隐私限制单样本影响",
    hypothesis="Of 400 wrongly labelled digits 200 are among 600 training examples of a network of "
    "256 hidden units. Whoever ranks all 400 by the network's log-odds of their wrong labels finds "
    "those that were there: the area under the ROC curve falls by more than .2 from an open "
    "training to DP-SGD at eps = 32, and falls again to eps = 1 (delta = 1e-4). At eps = 1 it is "
    "below .7311, which no attack can pass, and the bound from below on eps that a private "
    "training's scores give is below the eps that its account tells. That they have learned: the "
    "open training finds nearly all, and private ones are right on test digits.",
    rule=(
        "mean fall to eps 32 > 0.2",
        "mean fall from eps 32 to eps 1 > 0",
        "every AUC at eps 1 < 0.7311",
        "every audited above told < 0",
    ),
    requires=("every AUC of open training > 0.9", "every accuracy at eps 1 > 0.4"),
    seeds=8,
    draw=("AUC of open training", "AUC at eps 32", "AUC at eps 1"),
    axes=("area under the ROC curve", ""),
)
TOLD, DELTA = (32.0, 1.0), 1e-4


def measure(seed: int, /) -> Measured:
    """Areas, falls, and what is audited beside what is told."""
    data = dataset("digits")
    part, half = few(data.train, 800, seed=seed), 200
    draw = torch.Generator().manual_seed(seed)
    wrong = (part.targets[:400] + 1 + torch.randint(9, (400,), generator=draw)) % 10
    mixed = Split(
        torch.cat([part.inputs[:half], part.inputs[400:]]),
        torch.cat([wrong[:half], part.targets[400:]]),
        data.signature,
    )

    def network() -> nn.Module:
        torch.manual_seed(seed)
        return build("mlp:widths=[256]", signature=data.signature)

    def leak(model: nn.Module) -> Leak:
        found = scores(model, part.inputs[:400], wrong)
        return membership(found[:half], found[half:], delta=DELTA)

    open_one, right, found = network(), {}, {}
    train(open_one, mixed, seed=seed, epochs=60)
    for eps in TOLD:
        model = network()
        # From the seed, to be run again by anybody; a training of one's own has a secret.
        made = dp_sgd(Classify(model=model), mixed, 100, 20, epsilon=eps, delta=DELTA, secret=seed)
        settings = {"epochs": 20, "optimizer": "adamw:lr=2e-3", "seed": seed, "device": "cpu"}
        fit(made, made.batches(), **settings)
        found[eps], right[eps] = leak(model), accuracy(model, data.test)
    known, (loose, tight) = leak(open_one).auc, (found[eps].auc for eps in TOLD)
    return {
        "AUC of open training": known,
        "AUC at eps 32": loose,
        "AUC at eps 1": tight,
        "fall to eps 32": known - loose,
        "fall from eps 32 to eps 1": loose - tight,
        "audited above told": max(found[eps].epsilon - eps for eps in TOLD),
        "accuracy at eps 32": right[TOLD[0]],
        "accuracy at eps 1": right[TOLD[1]],
    }
