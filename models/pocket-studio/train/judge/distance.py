"""How far a set of pictures is from another in the classifier's features: the Fréchet distance of FID (Heusel et al., 2017).

The classifier names products and was taught to see past blur, so this judges what shapes there are and how they vary; for soft edges
there is the sharpness that the report prints, for lumps the eye.
"""

import torch
from torch import Tensor


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Squared distance of the normal distributions fitted to features (n, d) and (m, d).

    Two draws of the same kind are a little apart as well, the less the more there are: compare only sets of one size, with the
    distance of two such draws beside it.
    """
    a, b = a.double(), b.double()
    spread_a, spread_b = torch.cov(a.T), torch.cov(b.T)
    root = square_root(spread_a)
    # trace of the root of spread_a @ spread_b, by a symmetric matrix of the same eigenvalues
    shared = square_root(root @ spread_b @ root).trace()
    return float((a.mean(0) - b.mean(0)).square().sum() + spread_a.trace() + spread_b.trace() - 2 * shared)


def square_root(matrix: Tensor) -> Tensor:
    """Of a symmetric matrix whose eigenvalues are not negative but for rounding."""
    values, vectors = torch.linalg.eigh(matrix)
    return torch.as_tensor(vectors * values.clamp(min=0).sqrt() @ vectors.T)
