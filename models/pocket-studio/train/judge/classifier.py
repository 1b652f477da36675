"""Names the product in a picture: `python -m train.judge.classifier FOLDER`.

It learns from renders of all combinations, with other seeds than the model's. Its inner features are also what train.judge.distance
measures shapes in.
"""

import logging
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from renderer.stock import PRODUCTS
from train import pictures
from train.pace import pace

SIZE = 96  # pixels a side that it looks at
RENDERS, SEED, ROUNDS, BATCH, RATE = 4000, 55, 4, 50, 2e-3
log = logging.getLogger(__name__)


class Classifier(nn.Module):
    """Convolutions down to 6 x 6, a layer of 128 features, one logit a product."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 24, 48, 96, 128)
        levels = [
            nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in pairwise(widths)
        ]
        self.body = nn.Sequential(
            *levels, nn.Flatten(), nn.Dropout(0.2), nn.Linear(widths[-1] * (SIZE // 16) ** 2, 128)
        )
        self.head = nn.Linear(128, len(PRODUCTS))

    def features(self, x: Tensor) -> Tensor:
        """(n, 128)."""
        out: Tensor = self.body(x)
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, products)."""
        out: Tensor = self.head(functional.relu(self.features(x)))
        return out


def small(batch: np.ndarray) -> Tensor:
    """uint8 (n, h, w, 3) to float (n, 3, SIZE, SIZE), -1 to 1."""
    full = torch.from_numpy(np.ascontiguousarray(batch)).permute(0, 3, 1, 2).float().div(127.5).sub(1)
    return functional.interpolate(full, (SIZE, SIZE), mode="area")


def train(folder: Path) -> Classifier:
    """Renders what it learns from into FOLDER/judge and writes FOLDER/classifier.pt; loads that when it is there."""
    model, path = Classifier(), folder / "classifier.pt"
    if path.exists():
        model.load_state_dict(torch.load(path, weights_only=True))
        model.eval()
        return model
    pictures.make(folder / "judge", RENDERS, SEED, withheld=None)
    source = pictures.Pictures(folder / "judge")
    images = torch.cat([small(shard) for shard in source.shards])
    labels = torch.from_numpy(source.labels[:, 0].astype(np.int64))
    torch.manual_seed(0)
    learn, check = torch.arange(RENDERS - 500), torch.arange(RENDERS - 500, RENDERS)
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=1e-3)
    steps, step = ROUNDS * len(learn) // BATCH, 0
    for _ in range(ROUNDS):
        for chosen in learn[torch.randperm(len(learn))].split(BATCH):
            pace(optimizer, RATE, step, steps)
            x = images[chosen]
            if step % 3 == 0:  # or it would judge by sharpness
                x = functional.interpolate(functional.avg_pool2d(x, 2), (SIZE, SIZE), mode="bilinear")
            loss = functional.cross_entropy(model(x + 0.05 * torch.randn_like(x)), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
    model.eval()
    with torch.no_grad():
        right = (model(images[check]).argmax(1) == labels[check]).float().mean().item()
    log.info("classifier: %.1f %% of 500 renders it has not learnt from", 100 * right)
    torch.save(model.state_dict(), path)
    return model


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train(Path(sys.argv[1]))
