"""How far a set of pictures is from another in the classifier's features: the kernel distance of KID (Binkowski et al., 2018)."""

import torch
from torch import Tensor


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """Unbiased squared maximum mean discrepancy of features (n, d) and (m, d) under the cubic kernel. About 0 for two draws of the same kind."""
    a, b = a.double(), b.double()
    same_a, same_b, cross = kernel(a, a), kernel(b, b), kernel(a, b)
    n, m = len(a), len(b)
    inside = (same_a.sum() - same_a.trace()) / (n * (n - 1)) + (same_b.sum() - same_b.trace()) / (m * (m - 1))
    return float(inside - 2 * cross.mean())


def kernel(a: Tensor, b: Tensor) -> Tensor:
    """(a . b / d + 1) cubed."""
    return torch.as_tensor((a @ b.T / a.shape[1] + 1) ** 3)
