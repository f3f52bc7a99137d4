"""Small networks that have every operation with a rule, and one that was trained."""

from functools import cache

import torch
from torch import nn

import cartograd as cg
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.foundations.activations.layer import Activation


class Joined(nn.Module):
    """Additions, products, parts and what moves numbers."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 3, 1)
        self.register_buffer("scale", torch.tensor([1.5, -0.5, 2.0])[None, :, None, None])
        self.token = nn.Parameter(torch.randn(1, 1, 9))
        self.head = nn.Linear(9, 3)

    def forward(self, x):
        z = torch.relu(self.one(x))
        z = z + self.two(z) * self.scale - 0.25
        some, rest = z.split([2, 1], 1)
        z = torch.cat([some, -rest], 1)
        rows = z.permute(0, 2, 3, 1).reshape(len(x), 16, -1).transpose(1, 2)[:, :, :9]
        rows = torch.cat([self.token.expand(len(x), -1, -1), rows / 2], 1)
        return self.head(nn.functional.leaky_relu(rows, 0.1)).mean(1)


class Looking(nn.Module):
    """Positions that look at each other, normalised, with a gate."""

    def __init__(self):
        super().__init__()
        self.read = nn.Linear(4, 12)
        self.first, self.last = nn.LayerNorm(12), nn.RMSNorm(4)
        self.gate, self.head = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        q, k, v = self.first(self.read(x.flatten(1, 2))).chunk(3, -1)
        y = nn.functional.scaled_dot_product_attention(q, k, v)
        shares = (q @ k.mT).softmax(-1)
        y = self.last(y + shares @ v) * self.gate(v).sigmoid()
        return self.head(y).mean(1)


class Recurrent(nn.Module):
    """Rows of pixels one after the other."""

    def __init__(self, kernel):
        super().__init__()
        self.kernel, self.head = kernel, nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.kernel(x.movedim(1, 2).flatten(2))[0].mean(1))


def networks():
    """By name: what takes pictures of 2 x 4 x 4 and has three classes."""
    torch.manual_seed(3)
    batch = nn.BatchNorm2d(3)
    batch.running_mean.uniform_(-1, 1)
    batch.running_var.uniform_(0.5, 2)
    return {
        "relu": nn.Sequential(
            nn.Flatten(), nn.Linear(32, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU(),
            nn.Linear(12, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3),
        ),
        "pooled": nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1), batch, nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(3, 4, 2),
            nn.LeakyReLU(0.2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
        ),
        "enlarged": nn.Sequential(
            nn.Upsample(size=(7, 7), mode="bilinear"), nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(),
            nn.Linear(75, 3),
        ),
        "largest": nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(), nn.MaxPool2d(2, 1, 1),
            nn.Flatten(), nn.Linear(36, 3),
        ),
        "bent": nn.Sequential(
            nn.Flatten(), nn.Linear(32, 10), nn.Tanh(), nn.Linear(10, 8), nn.Sigmoid(),
            nn.Linear(8, 3),
        ),
        "joined": Joined(),
        "one-logit": nn.Sequential(nn.Flatten(), nn.Linear(32, 6), nn.ReLU(), nn.Linear(6, 1)),
        "smooth": nn.Sequential(
            nn.Flatten(), nn.Linear(32, 10), nn.GELU(), nn.Linear(10, 8), nn.SiLU(),
            nn.Linear(8, 8), nn.GELU("tanh"), nn.Linear(8, 3),
        ),
        "limbs": nn.Sequential(
            nn.Flatten(), nn.Linear(32, 8), nn.ELU(1.5), nn.Linear(8, 6), Activation("gelu"),
            nn.Linear(6, 6), nn.PReLU(6), nn.Linear(6, 3),
        ),
        "grouped": nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.GroupNorm(2, 4), Activation("elu"),
            nn.Conv2d(4, 4, 2), nn.InstanceNorm2d(4, affine=True), nn.Hardswish(), nn.Flatten(),
            nn.Linear(36, 3),
        ),
        "looking": Looking(),
        "lstm": Recurrent(nn.LSTM(8, 8, batch_first=True)),
    }  # fmt: skip


def signed(net, classes=3, dims=(2, 4, 4)):
    image = Port("image", "image", dims, "float32", (0.0, 1.0), (0.4,) * dims[0], (0.3,) * dims[0])
    return Signed(net, Signature((image,), (Port("class", "label", (classes,)),)))


def examples(model, n=6):
    """Inputs, and what the model answers of them."""
    x = torch.rand(n, 2, 4, 4, generator=torch.Generator().manual_seed(1))
    answers = model.eval()(x)
    return x, (answers[:, 0] > 0).long() if answers.shape[1] == 1 else answers.argmax(1)


@cache
def trained():
    """A network on digits of 4 x 4 means, with 300 of its examples that it did not learn from."""
    data = cg.dataset("digits")
    parts = [data.train, data.test]
    x, y = (
        torch.cat([getattr(part, name) for part in parts]).float() for name in ("inputs", "targets")
    )
    x, y = nn.functional.avg_pool2d(x.reshape(-1, 1, 8, 8), 2), y.long()
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 20), nn.ReLU(), nn.Linear(20, 12), nn.ReLU(),
                        nn.Linear(12, 10))  # fmt: skip
    model = signed(net, 10, (1, 4, 4))
    adam = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(200):
        loss = nn.functional.cross_entropy(model(x[:-300]), y[:-300])
        adam.zero_grad()
        loss.backward()
        adam.step()
    adam.zero_grad()
    return model.eval(), x[-300:], y[-300:]
