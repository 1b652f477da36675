"""A prompt becomes what the network reads, in windows of what its text encoder takes, and tells which words nobody reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

# What encode_prompt of each class answers, in its order, under the names that its pipeline takes it by.
_GUIDED = ("prompt_embeds", "negative_prompt_embeds")
_POOLED = (*_GUIDED, "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
_ANSWERS = {
    "StableDiffusionPipeline": _GUIDED,
    "StableDiffusionXLPipeline": _POOLED,
    "StableDiffusion3Pipeline": _POOLED,
    "FluxPipeline": ("prompt_embeds", "pooled_prompt_embeds"),
    "StableDiffusionUpscalePipeline": _GUIDED,
}
_T5_READS = 256  # tokens: the default of SD 3, and the most that the distilled FLUX has seen
_T5_READS_FLUX = 512
_MOST_WINDOWS = 8  # of a long prompt
_COMMA_WITHIN = 20  # tokens before a window's end
_NAMED_WORDS = 6
_WORD = 30  # characters; a longer one, as in scripts without spaces, is not named from its beginning

Text = dict[str, torch.Tensor]


class Prompts:
    """Reads prompts for one model. Each text is encoded alone: what it becomes does not depend on what is drawn beside it."""

    def __init__(self, pipeline: Any, long_prompts: bool) -> None:
        """long_prompts: the words beyond the first window are encoded in windows of their own (SD and SDXL alone)."""
        self._pipeline = pipeline
        self._kind = type(pipeline).__name__
        self._long = long_prompts

    def read(self, prompt: str, negative: str, guided: bool) -> Text:
        """One row, as the pipeline takes it. A prompt that fits into one window is what the stock pipeline makes of it, bit for bit.

        guided: whether a negative prompt is used, where the class knows one at all.
        """
        asked, avoided = self._windows(prompt), self._windows(negative) if guided else [""]
        count = max(len(asked), len(avoided))
        # The shorter of the two is repeated: attention over keys that are all there twice is attention over them once.
        parts = [
            self._encode(asked[place % len(asked)], avoided[place % len(avoided)], guided) for place in range(count)
        ]
        return {
            name: parts[0][name] if "pooled" in name else torch.cat([part[name] for part in parts], dim=1)
            for name in parts[0]
        }

    def unread(self, prompt: str, negative: str) -> list[str]:
        """A sentence for each text of which something is cut off, that names the first words of it. negative: empty where it is not used."""
        found = []
        for text, where in ((prompt, ""), (negative, " of the negative prompt")):
            words = text[self._end(text) :].split()
            if words:
                more = " …" if len(words) > _NAMED_WORDS else ""
                found.append(f"Not read{where}: “{' '.join(words[:_NAMED_WORDS])}{more}”")
        return found

    @torch.no_grad()
    def _encode(self, prompt: str, negative: str, guided: bool) -> Text:
        how: dict[str, Any] = {}
        if self._kind != "FluxPipeline":
            # None is what the stock pipeline gets when nobody gives one: SDXL reads that as zeros.
            how |= {"do_classifier_free_guidance": guided, "negative_prompt": negative or None}
        match self._kind:
            case "StableDiffusion3Pipeline":
                how |= {"prompt_2": None, "prompt_3": None}  # the same for every encoder
            case "FluxPipeline":
                how |= {"max_sequence_length": self._t5_reads()}
        device = self._pipeline._execution_device
        texts = self._pipeline.encode_prompt(prompt=prompt, device=device, num_images_per_prompt=1, **how)
        return {name: text for name, text in zip(_ANSWERS[self._kind], texts, strict=False) if text is not None}

    def _windows(self, text: str) -> list[str]:
        """The text cut at word ends into 1, 2, 4 or 8 windows that the encoder can read; the last ones may be empty.

        Only those numbers, so that rows of one batch can be made equally long by repeating them.
        """
        if not self._long:
            return [text]
        tokenizer = self._pipeline.tokenizer
        windows: list[str] = []
        rest = text
        while rest and len(windows) < _MOST_WINDOWS:
            end = _window_end(tokenizer, rest)
            windows.append(rest[:end])
            rest = rest[end:].strip()
        count = 1
        while count < len(windows):
            count *= 2
        return windows + [""] * (count - len(windows))

    def _end(self, text: str) -> int:
        """Where in the text the last encoder that reads it stops, in characters."""
        if self._long:
            at, windows = 0, 0
            while at < len(text) and windows < _MOST_WINDOWS:
                at += _window_end(self._pipeline.tokenizer, text[at:])
                at += len(text[at:]) - len(text[at:].lstrip())
                windows += 1
            return at
        return max(_read_to(tokenizer, tokens, text) for tokenizer, tokens in self._encoders())

    def _encoders(self) -> list[tuple[Any, int]]:
        """Tokenizer and number of tokens of those that read word by word; FLUX takes no more than a summary from its CLIP."""
        match self._kind:
            case "FluxPipeline":
                return [(self._pipeline.tokenizer_2, self._t5_reads())]
            case "StableDiffusion3Pipeline":
                clip = (self._pipeline.tokenizer, self._pipeline.tokenizer_max_length)
                return (
                    [clip] if self._pipeline.text_encoder_3 is None else [clip, (self._pipeline.tokenizer_3, _T5_READS)]
                )
        return [(self._pipeline.tokenizer, self._pipeline.tokenizer.model_max_length)]

    def _t5_reads(self) -> int:
        return _T5_READS_FLUX if self._pipeline.transformer.config.guidance_embeds else _T5_READS


def together(rows: Sequence[Text]) -> Text:
    """The rows of one batch: shorter ones are repeated until all have the same number of windows, which changes nothing for them."""
    joined = {}
    for name in rows[0]:
        parts = [row[name] for row in rows]
        if parts[0].ndim == 3:
            longest = max(part.shape[1] for part in parts)
            parts = [part.repeat(1, longest // part.shape[1], 1) for part in parts]
        joined[name] = torch.cat(parts)
    return joined


def _window_end(tokenizer: Any, text: str) -> int:
    """Where the first window of a text ends, in characters: after a comma near its end, else after a word, else in a word."""
    end = _read_to(tokenizer, tokenizer.model_max_length, text)
    if end == len(text):
        return end
    near = tokenizer(text[:end], add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"][
        -_COMMA_WITHIN:
    ]
    comma: int = text.rfind(",", near[0][0], end)
    return comma + 1 if comma >= 0 else end


def _read_to(tokenizer: Any, tokens: int, text: str) -> int:
    """Where an encoder that takes so many tokens stops reading, in characters; before a word that it would read in part."""
    room = tokens - tokenizer.num_special_tokens_to_add()
    places = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    if len(places) <= room:
        return len(text)
    end: int = places[room][0]
    begin = end
    while begin > 0 and text[begin - 1].isalnum() and text[end].isalnum():
        begin -= 1
    return begin if begin > 0 and end - begin <= _WORD else end
