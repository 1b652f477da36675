"""What a training run is told, and the sizes of the networks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from renderer.stock import PRODUCTS

# Text: tokens of a prompt, width and depth of the encoder.
PROMPT_TOKENS: Final = 48
TEXT_WIDTH: Final = 128
TEXT_LAYERS: Final = 3
# Autoencoder: 256 x 256 x 3 -> 16 x 16 x 16. 64 channels suit the tiles of CPU matrix units (32).
LATENT_CHANNELS: Final = 16
LATENT_SIZE: Final = 16
CODER_CHANNELS: Final = 64
ENCODER_BLOCKS: Final = (0, 0, 1, 2, 3)
DECODER_BLOCKS: Final = (4, 3, 2, 1, 0)
# UNet: channels at 16 x 16 and 8 x 8.
UNET_CHANNELS: Final = (128, 224)


@dataclass(frozen=True)
class Settings:
    """One run. Steps are totals over all sittings: a run that is started again with more steps goes on."""

    folder: Path  # pictures, checkpoints and results
    device: str = "cpu"
    threads: int = 2
    pictures: int = 12_000
    products: tuple[str, ...] = PRODUCTS  # that the UNet is taught; text and autoencoder always learn all
    text_steps: int = 6_000
    coder_steps: int = 6_000
    coder_batch: int = 16
    unet_steps: int = 20_000
    unet_batch: int = 32
    decoder_steps: int = 4_400
    decoder_batch: int = 3
