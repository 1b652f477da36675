"""A set of renders on disk, in shards that a stopped run goes on from."""

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt

from renderer.library import render, scenes_of
from train.shots import draw_shot, to_label

SHARD = 500  # pictures
SIZE = 256
VARIETY = 0.35  # of pose and form: a narrow studio is learnt cleanly
log = logging.getLogger(__name__)


class Pictures:
    """All shards that are finished: pictures uint8 (n, 256, 256, 3), labels int8 (n, 8) as in train.shots.TABLES."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shards: list[npt.NDArray[np.uint8]] = []
        self.labels = np.empty((0, 8), np.int8)
        self.look_again()

    def look_again(self) -> None:
        """Takes in shards that have been finished since."""
        while (path := self.folder / f"{len(self.shards):04d}.npy").exists():
            self.shards.append(np.load(path, mmap_mode="r"))
            self.labels = np.concatenate([self.labels, np.load(path.with_suffix(".labels.npy"))])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> npt.NDArray[np.uint8]:
        picture: npt.NDArray[np.uint8] = self.shards[i // SHARD][i % SHARD]
        return picture


def make(folder: Path, count: int, seed: int, withheld: bool | None = False) -> None:
    """Renders until the folder holds count pictures. A shard depends on the sources, the seed and its number alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range((count + SHARD - 1) // SHARD):
        path = folder / f"{k:04d}.npy"
        if path.exists():
            continue
        rng = np.random.default_rng((seed, k))
        shots = [draw_shot(rng, withheld) for _ in range(SHARD)]
        pictures = render(scenes_of(shots, rng, VARIETY), SIZE)
        np.save(path.with_suffix(".labels.npy"), np.array([to_label(shot) for shot in shots], np.int8))
        np.save(path.with_suffix(".tmp.npy"), pictures)
        path.with_suffix(".tmp.npy").rename(path)
        log.info("%s: %d of %d pictures", folder.name, (k + 1) * SHARD, count)
