"""An invertible linear map of the channels: a learned permutation, whose determinant is cheap.

The matrix is kept in the factors of its LU decomposition, with a permutation that stays as it was
drawn. Its determinant is the product of the diagonal, and undoing it solves two triangles. It
begins as a random rotation.

    W = P L (U + diag(sign exp(size))),    log |det| = pixels * sum size

Shapes: `b d` or `b c y x`; a matrix multiplies each pixel's channels (a 1x1 convolution).

References:
    Diederik Kingma, Prafulla Dhariwal. Glow: generative flow with invertible 1x1 convolutions.
    NeurIPS 2018, section 3.2. https://arxiv.org/abs/1807.03039
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class InvertibleLinear(nn.Module):
    """One map.

    Args:
        count: channels, or numbers of a vector.
    """

    sign: Tensor
    place: Tensor

    def __init__(self, count: int, /):
        super().__init__()
        rotation = torch.linalg.qr(torch.randn(count, count))[0]
        permutation, lower, upper = torch.linalg.lu(rotation)
        size = upper.diagonal()
        self.lower, self.upper = nn.Parameter(lower.tril(-1)), nn.Parameter(upper.triu(1))
        self.size = nn.Parameter(size.abs().log())
        self.register_buffer("sign", size.sign())
        self.register_buffer("place", permutation.argmax(1))

    def forward(self, x: Float[Tensor, "b c ..."]) -> tuple[Tensor, Float[Tensor, " b"]]:
        """The image and the log-determinant."""
        lower, upper = self._triangles()
        slopes = self.size[:, None].expand(-1, x[0, 0].numel()).sum()
        y = torch.einsum("ij,bj...->bi...", (lower @ upper)[self.place], x)
        return y, slopes.expand(x.shape[0])

    def inverse(self, z: Float[Tensor, "b c ..."]) -> Float[Tensor, "b c ..."]:
        """What is mapped to `z`."""
        lower, upper = self._triangles()
        columns = z.movedim(1, 0).flatten(1)[self.place.argsort()]
        columns = torch.linalg.solve_triangular(lower, columns, upper=False, unitriangular=True)
        columns = torch.linalg.solve_triangular(upper, columns, upper=True)
        return columns.unflatten(1, (z.shape[0], *z.shape[2:])).movedim(0, 1)

    def _triangles(self) -> tuple[Tensor, Tensor]:
        one = torch.eye(len(self.size), dtype=self.size.dtype, device=self.size.device)
        diagonal = (self.sign * self.size.exp()).diag()
        return self.lower.tril(-1) + one, self.upper.triu(1) + diagonal
