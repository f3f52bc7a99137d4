"""Autoencoder: an example through a short code and back, as near to itself as the code allows.

Encoder and decoder are learned together by the squared error of what comes back. Without hidden
layers both are linear, and the best they can do is what principal components do. With some, the
code bends along the data. Nothing says how codes are spread, so that a random one decodes to
nothing in particular: a VAE mends that. What is unlike the training data comes back badly, which is
how anomalies are found.

    min E |x - decode(encode(x))|^2

Shapes: input `b d` or `b c y x`; answers as inputs; codes `b k`.

Departures: dense layers (the paper's networks were pretrained layer by layer); the answer of a
picture, whose numbers have whole levels from 0 to 1, goes through a sigmoid.

References:
    Geoffrey Hinton, Ruslan Salakhutdinov. Reducing the dimensionality of data with neural networks.
    Science 313, 2006. https://doi.org/10.1126/science.1127647

>>> import torch
>>> model = Autoencoder(features=6, latent=2, widths=(8,))
>>> model(torch.rand(3, 6)).shape, model.encode(torch.rand(3, 6)).shape
(torch.Size([3, 6]), torch.Size([3, 2]))
"""

from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.generative.autoencoders.dense import dense

CARD = Card(
    name="autoencoder",
    kind="model",
    entry="Autoencoder",
    nodes=("vae/autoencoder", "vae/anomaly"),
    title="Autoencoder",
    zh="自编码器",
    aliases=("auto-encoder",),
    paper="Reducing the dimensionality of data with neural networks",
    year=2006,
    url="https://doi.org/10.1126/science.1127647",
    proofs=("law: linear, its error is that of as many principal components, to 1 %",),
    evidence={
        "vae/autoencoder": ("test_a_linear_one_learns_the_principal_components",),
        "vae/anomaly": ("test_what_was_not_seen_comes_back_badly", "acceptance:anomaly-fashion"),
    },
    tiny={"features": 4, "latent": 2, "widths": (5,)},
    answers="reconstruct",
)


class Autoencoder(nn.Module):
    """Dense layers from example to code and back.

    Args:
        features: numbers of one example.
        latent: numbers of a code.
        widths: units of the hidden layers of the encoder; the decoder's are the same backwards.
        activation: the nonlinearity, by name.
        levels: how many evenly spaced values from 0 to 1 a number takes; 0 if it is any.
    """

    def __init__(
        self,
        *,
        features: int,
        latent: int = 32,
        widths: tuple[int, ...] = (256,),
        activation: str = "relu",
        levels: int = 0,
    ):
        super().__init__()
        self.lacks = {
            "log_prob": "it rebuilds examples and has no density for them",
            "sample": "nothing says how its codes are spread; a vae learns codes that can be drawn",
        }
        self.encoder = dense((features, *widths, latent), activation)
        self.decoder = dense((latent, *widths[::-1], features), activation)
        self.last = nn.Sigmoid() if levels else nn.Identity()

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """Each example again."""
        return self.decode(self.encode(x)).reshape(x.shape)

    def encode(self, x: Float[Tensor, "b ..."], /) -> Float[Tensor, "b k"]:
        """The code of each example."""
        return self.encoder(x.flatten(1))

    def decode(self, z: Float[Tensor, "b k"], /) -> Float[Tensor, "b d"]:
        """The example of each code."""
        return self.last(self.decoder(z))

    def reconstruct(self, x: Float[Tensor, "b ..."], /) -> Float[Tensor, "b ..."]:
        """Each example again, as `cartograd.core.generative.Rebuilds` has it."""
        return self(x)
