"""The shape of deploy/models.yaml: which keys there are, and what each may hold. The gateway's loader words every problem alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode

WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,14})")
NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?([eE][-+]?[0-9]{1,2})?")
SHOWN_CHARACTERS = 40


@dataclass(frozen=True)
class Problem:
    """One bad place in the file."""

    line: int
    key: str  # models[ID].sizes.min
    what: str  # what is wrong there
    allowed: str

    def __str__(self) -> str:
        return f"{self.line}: {self.key or 'the file'} {self.what}; allowed: {self.allowed}"


def kind(node: Node) -> str:
    """text, whole, number, flag or null, by a scalar's letters alone: YAML libraries differ over yes, 1e3, 010 and dates."""
    if not isinstance(node, ScalarNode):
        return ""
    if node.style:
        return "text"
    if node.value in ("", "~", "null", "Null", "NULL"):
        return "null"
    if node.value in ("true", "false"):
        return "flag"
    if WHOLE.fullmatch(node.value):
        return "whole"
    return "number" if NUMBER.fullmatch(node.value) else "text"


def value(node: Node) -> Any:
    """What a node that was found good holds."""
    if isinstance(node, MappingNode):
        return {key.value: value(inner) for key, inner in node.value}
    if isinstance(node, SequenceNode):
        return [value(item) for item in node.value]
    convert: Mapping[str, Callable[[str], Any]] = {"whole": int, "number": float, "flag": "true".__eq__}
    return convert.get(kind(node), str)(node.value)


def what(node: Node) -> str:
    """Says of a value what it is."""
    if kind(node) == "null" or node.value == []:
        return "is empty"
    if not isinstance(node, ScalarNode):
        return "is a mapping" if isinstance(node, MappingNode) else "is a list"
    shown = " ".join(node.value.split())[:SHOWN_CHARACTERS]
    return f'is "{shown}"' if node.style else f"is {shown}"


def label(path: str, item: Node, index: int) -> str:
    """Names a model by its id, where it has one, and any other item of a list by its index."""
    own = find(item, "id")[0] if path == "models" else None
    named = isinstance(own, ScalarNode) and FORMS["id"][0].fullmatch(own.value)
    return f"{path}[{own.value if own and named else index}]"


def find(node: Node, path: str) -> tuple[Node | None, int]:
    """Walks a path such as sizes.offered[1].width: the value, None when there is none, and the line of the last key on the way that is there."""
    line = node.start_mark.line + 1
    for word in path.replace("[", ".[").split("."):
        found: tuple[Node, int] | None = None
        if word.startswith("["):
            index = int(word[1:-1])
            if isinstance(node, SequenceNode) and index < len(node.value):
                found = node.value[index], node.value[index].start_mark.line + 1
        elif isinstance(node, MappingNode):
            found = next(((inner, key.start_mark.line + 1) for key, inner in node.value if key.value == word), None)
        if found is None:
            return None, line
        node, line = found
    return node, line


FORMS = {
    "text": (re.compile(r"[\s\S]*\S[\s\S]*"), "some text"),
    "id": (
        re.compile(r"[a-z0-9][a-z0-9._-]{0,63}"),
        "lower case letters, digits, '.', '_' and '-', at most 64, beginning with a letter or digit",
    ),
    "repository": (
        re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*"),
        "owner/name of a hub repository",
    ),
    "revision": (re.compile(r"[0-9a-f]{40}"), "a full commit hash of 40 hex characters"),
    "word": (re.compile("[a-z0-9\x80-\U0010ffff]+"), "one word of lower case letters and digits"),
    "template": (re.compile(r"[^{}]*\{product\}[^{}]*"), "text with {product} exactly once"),
}


@dataclass(frozen=True)
class Place:
    """Where a value stands."""

    line: int  # of its key
    path: str

    def bad(self, node: Node, allowed: str) -> Iterator[Problem]:
        yield Problem(self.line, self.path, what(node), allowed)


@dataclass(frozen=True)
class Scalar:
    """A value of its own: one of `kinds`, and `kept` by its letters."""

    allowed: str
    kinds: tuple[str, ...]
    kept: Callable[[str], Any]

    def problems(self, node: Node, at: Place) -> Iterator[Problem]:
        if kind(node) not in self.kinds or not self.kept(node.value):
            yield from at.bad(node, self.allowed)


def text(form: str = "text") -> Scalar:
    pattern, allowed = FORMS[form]
    return Scalar(allowed, ("text",), pattern.fullmatch)


def choice(*words: str) -> Scalar:
    return Scalar(one_of(words), ("text",), lambda given: given in words)


def whole(low: int, high: int) -> Scalar:
    return Scalar(f"a whole number, {low} to {high}", ("whole",), lambda given: low <= int(given) <= high)


def number(low: int, high: int) -> Scalar:
    return Scalar(f"a number, {low} to {high}", ("whole", "number"), lambda given: low <= float(given) <= high)


def one_of(words: Sequence[str]) -> str:
    return f"one of {', '.join(words)}"


FLAG = Scalar("true or false", ("flag",), lambda given: True)
OPTION = Scalar("text, a number, true or false", ("text", "whole", "number", "flag"), lambda given: True)


@dataclass(frozen=True)
class Listed:
    """A list of one kind of item."""

    item: Scalar | Keys | Listed
    least: int = 0
    exactly: int = 0

    @property
    def allowed(self) -> str:
        return "a list of width and height" if self.exactly else "a list of at least one" if self.least else "a list"

    def problems(self, node: Node, at: Place) -> Iterator[Problem]:
        length = len(node.value) if isinstance(node, SequenceNode) else -1
        if length < self.least or (self.exactly and length != self.exactly):
            yield from at.bad(node, self.allowed)
            return
        for index, item in enumerate(node.value):
            place = Place(item.start_mark.line + 1, label(at.path, item, index))
            yield from self.item.problems(item, place)


@dataclass(frozen=True)
class Named:
    """A mapping whose keys the operator chooses."""

    item: Scalar | Keys | Named
    least: int = 0
    form: str = ""

    @property
    def allowed(self) -> str:
        return "a mapping of at least one" if self.least else "a mapping of keys to values"

    def problems(self, node: Node, at: Place) -> Iterator[Problem]:
        if not isinstance(node, MappingNode) or len(node.value) < self.least:
            yield from at.bad(node, self.allowed)
            return
        for name, inner, place, again in _pairs(node, at):
            if again:
                yield Problem(place.line, place.path, "is given twice", "once")
            elif self.form and not FORMS[self.form][0].fullmatch(name):
                yield Problem(place.line, place.path, "is no name", FORMS[self.form][1])
            else:
                yield from self.item.problems(inner, place)


@dataclass(frozen=True)
class Keys:
    """A mapping with known keys; those that end in "?" may be left out."""

    keys: Mapping[str, Scalar | Listed | Named | Keys]
    allowed = "a mapping of keys to values"

    def problems(self, node: Node, at: Place) -> Iterator[Problem]:
        if not isinstance(node, MappingNode) or not node.value:
            yield from at.bad(node, self.allowed)
            return
        seen = set()
        for name, inner, place, again in _pairs(node, at):
            shape = self.keys.get(name) or self.keys.get(name + "?")
            if again:
                yield Problem(place.line, place.path, "is given twice", "once")
            elif shape is None or name.endswith("?"):
                known = ", ".join(key.rstrip("?") for key in self.keys)
                yield Problem(place.line, place.path, "is not a key here", known)
            else:
                yield from shape.problems(inner, place)
            seen.add(name)
        first = node.value[0][0].start_mark.line + 1
        for name, shape in self.keys.items():
            if name not in seen and not name.endswith("?"):
                yield Problem(first, f"{at.path}.{name}".lstrip("."), "is missing", shape.allowed)


def _pairs(node: MappingNode, at: Place) -> Iterator[tuple[str, Node, Place, bool]]:
    seen: set[str] = set()
    for key, inner in node.value:
        name = key.value if isinstance(key, ScalarNode) else ""
        yield name, inner, Place(key.start_mark.line + 1, f"{at.path}.{name}".lstrip(".")), name in seen
        seen.add(name)


_PIXELS = whole(8, 16384)
_STALL = whole(1, 3600)
_FORMAT = choice("png", "webp", "jpeg")

FILE = Keys(
    {
        "models": Listed(
            Keys(
                {
                    "id": text("id"),
                    "name": text(),
                    "description?": text(),
                    "licence": text(),
                    "default?": FLAG,
                    "enabled?": FLAG,
                    "task": choice("text_to_image", "upscale", "simulated"),
                    "test_only?": FLAG,
                    "source?": text(),
                    "repository?": text("repository"),
                    "revision?": text("revision"),
                    "pipeline?": text(),
                    "dtype?": choice("float32", "float16", "bfloat16"),
                    "device?": choice("auto", "cpu", "cuda"),
                    "memory_mb?": whole(1, 1048576),
                    "speed?": Keys(
                        {
                            "attention_slicing?": FLAG,
                            "vae_slicing?": FLAG,
                            "vae_tiling?": FLAG,
                            "channels_last?": FLAG,
                            "compile?": FLAG,
                            "offload?": choice("none", "model", "sequential"),
                            "warm_up?": Listed(Listed(_PIXELS, exactly=2)),
                        }
                    ),
                    "golden?": text(),
                    "scale?": whole(2, 8),
                    "sizes": Keys(
                        {
                            "min": _PIXELS,
                            "max": _PIXELS,
                            "multiple_of": whole(1, 1024),
                            "offered?": Listed(Keys({"name": text(), "width": _PIXELS, "height": _PIXELS})),
                        }
                    ),
                    "steps": Keys({"min": whole(1, 1000), "max": whole(1, 1000)}),
                    "guidance_scale": Keys({"min": number(0, 100), "max": number(0, 100)}),
                    "schedulers": Named(Named(OPTION), least=1),
                    "formats": Listed(_FORMAT, least=1),
                    "max_n": whole(1, 64),
                    "prompt_words?": whole(0, 10000),
                    "long_prompts?": FLAG,
                    "vocabulary?": Listed(text("word")),
                    "examples?": Listed(text()),
                    "batch_cap": whole(1, 64),
                    "step_ms?": whole(0, 60000),
                    "stall_seconds": Keys(
                        {"load": _STALL, "warm_up": _STALL, "first_step": _STALL, "step": _STALL, "decode": _STALL}
                    ),
                    "presets": Named(Keys({"name": text(), "template": text("template")}), least=1, form="id"),
                    "defaults": Keys(
                        {
                            "preset": text(),
                            "width": _PIXELS,
                            "height": _PIXELS,
                            "steps": whole(1, 1000),
                            "guidance_scale": number(0, 100),
                            "scheduler": text(),
                            "format": _FORMAT,
                            "n": whole(1, 64),
                        }
                    ),
                }
            ),
            least=1,
        )
    }
)
