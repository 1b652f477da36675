"""What the values of the catalogue must keep to beside each other; in the words of the gateway's loader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from yaml import MappingNode, Node, SequenceNode

from darkroom_worker.catalog_shape import FORMS, Problem, find, label, one_of, value, what
from darkroom_worker.repertoire import Repertoire

_SIZE = ("sizes.min", "sizes.max", "sizes.multiple_of")
_LOADS = ("source", "repository", "revision", "pipeline", "dtype", "device", "speed", "golden", "long_prompts")  # fmt: skip


def judge(models: Node, line: int, repertoire: Repertoire, bad: list[Problem], test_mode: bool) -> list[Problem]:
    """Checks the values of all entries, whose shapes have the problems `bad`."""
    if not isinstance(models, SequenceNode):
        return []
    known = list(bad)
    ids: set[str] = set()
    entries = [_Entry(node, label("models", node, index), known, repertoire) for index, node in enumerate(models.value)]
    for entry in entries:
        for problem in entry.problems():
            known.append(problem)  # what rests on it says nothing new
    again = []
    for entry in entries:
        name = entry.get("id", "")
        if name in ids:
            again.append(entry.problem("id", "an id of its own", "is given twice"))
        ids |= {name} - {""}
    return known[len(bad) :] + again + _defaults(entries, line, bad, test_mode)


def _defaults(entries: list[_Entry], line: int, bad: list[Problem], test_mode: bool) -> list[Problem]:
    """Says nothing where the count is not known."""
    if {problem.key.rpartition("]")[2] for problem in bad} & {"", "models", ".default", ".enabled", ".test_only"}:
        return []
    offered = [e for e in entries if e.get("enabled", True) and (test_mode or not e.get("test_only", False))]
    count = sum(e.get("default", False) for e in offered)
    if count == 1:
        return []
    allowed = "one entry with default: true, enabled, and outside test mode not test_only"
    return [Problem(line, "models", f"have {count} defaults", allowed)]


def _inside(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


class _Entry:
    def __init__(self, node: Node, path: str, bad: list[Problem], repertoire: Repertoire) -> None:
        self._node = node
        self._path = path
        self._bad = bad  # grows while entries are judged
        self._repertoire = repertoire

    def problem(self, key: str, allowed: str, wrong: str = "") -> Problem:
        """Says that the value of a key is what it is, or what is wrong with it."""
        node, line = find(self._node, key)
        return Problem(line, f"{self._path}.{key}", wrong or (what(node) if node else "is missing"), allowed)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key that is good; the default where it is absent or bad."""
        node, _ = find(self._node, key)
        return default if node is None or not self._good(key) else value(node)

    def _good(self, *keys: str) -> bool:
        """Whether nothing is wrong with these keys, in them, or above them."""
        paths = [f"{self._path}.{key}" for key in keys]
        return not any(_inside(p.key, path) or _inside(path, p.key) for p in self._bad for path in paths)

    def _given(self, key: str) -> bool:
        return find(self._node, key)[0] is not None

    def _names(self, key: str) -> list[str]:
        """Those of a mapping's keys whose values are good."""
        node, _ = find(self._node, key)
        names = [name.value for name, _ in node.value] if isinstance(node, MappingNode) else []
        return [name for name in names if self._good(f"{key}.{name}")]

    def _length(self, key: str) -> int:
        node, _ = find(self._node, key)
        return len(node.value) if isinstance(node, SequenceNode) else 0

    def problems(self) -> Iterator[Problem]:
        yield from self._upside_down()
        yield from self._sizes()
        yield from self._defaults()
        if not self._good("task"):
            return
        yield from self._simulated() if self.get("task") == "simulated" else self._loaded(self.get("task"))

    def _upside_down(self) -> Iterator[Problem]:
        for key, most in (("sizes", 16384), ("steps", 1000), ("guidance_scale", 100)):
            low, high = self.get(f"{key}.min"), self.get(f"{key}.max")
            if low is not None and high is not None and high < low:
                yield self.problem(f"{key}.max", _between(key, low, most))

    def _sizes(self) -> Iterator[Problem]:
        if not self._good(*_SIZE):
            return
        low, high, multiple = (self.get(key) for key in _SIZE)
        allowed = f"a multiple of {multiple}, {low} to {high}"
        places = [f"sizes.offered[{i}].{side}" for i in range(self._length("sizes.offered")) for side in ("width", "height")]  # fmt: skip
        for key in [*places, "defaults.width", "defaults.height"]:
            if self._good(key) and not _fits(self.get(key), low, high, multiple):
                yield self.problem(key, allowed)
        for i in range(self._length("speed.warm_up")):
            key = f"speed.warm_up[{i}]"
            if self._good(key) and not all(_fits(side, low, high, multiple) for side in self.get(key)):
                yield self.problem(key, f"width and height, each {allowed}")

    def _defaults(self) -> Iterator[Problem]:
        get = self.get
        for key in ("steps", "guidance_scale"):
            own, range_ = get(f"defaults.{key}"), get(key)
            if own is not None and range_ is not None and not range_["min"] <= own <= range_["max"]:
                yield self.problem(f"defaults.{key}", _between(key, range_["min"], range_["max"]))
        for key, among in (("preset", "presets"), ("scheduler", "schedulers"), ("format", "formats")):
            if self._good(f"defaults.{key}", among) and get(f"defaults.{key}") not in get(among):
                yield self.problem(f"defaults.{key}", one_of(list(get(among))))
        if self._good("defaults.n", "max_n") and get("defaults.n") > get("max_n"):
            yield self.problem("defaults.n", f"a whole number, 1 to {get('max_n')}")

    def _simulated(self) -> Iterator[Problem]:
        yield from self._unwanted("nothing (a simulated model loads none)", *_LOADS, "scale")
        for name in self._names("schedulers"):
            if name != "simulated":
                yield self.problem(f"schedulers.{name}", "simulated", "is no sampler of a simulated model")

    def _loaded(self, task: str) -> Iterator[Problem]:
        yield from self._origin()
        for key, allowed in (("dtype", "one of float32, float16, bfloat16"), ("memory_mb", "a whole number, 1 to 1048576")):  # fmt: skip
            if not self._given(key):
                yield self.problem(key, allowed)
        if task != "upscale":
            yield from self._unwanted("nothing (it is for the task upscale)", "scale")
        elif not self._given("scale"):
            yield self.problem("scale", "a whole number, 2 to 8")
        yield from self._unwanted("nothing (it is for the task simulated)", "step_ms")
        yield from self._pipeline(task)

    def _origin(self) -> Iterator[Problem]:
        folder, hub, revision = map(self._given, ("source", "repository", "revision"))
        if not self._good("repository"):
            return
        if self._good("source") and not folder and not hub:
            yield self.problem("source", "a folder; or repository and revision instead")
        if self._good("source") and folder and hub:
            yield self.problem("source", "one of the two", "is given beside repository")
        if self._good("revision") and hub and not revision:
            yield self.problem("revision", FORMS["revision"][1])
        if self._good("revision") and revision and not hub:
            yield self.problem("revision", "both, or neither", "is given without repository")

    def _pipeline(self, task: str) -> Iterator[Problem]:
        if not self._good("pipeline"):
            return
        chosen = self.get("pipeline", "")
        pipeline = self._repertoire.pipelines.get(chosen)
        if pipeline is None or pipeline.task != task:
            yield self.problem("pipeline", one_of(sorted(n for n, p in self._repertoire.pipelines.items() if p.task == task)))  # fmt: skip
            return
        if self.get("long_prompts", False) and not pipeline.long_prompts:
            yield self.problem("long_prompts", f"false for {chosen}")
        fitting = [sampler.id for sampler in self._repertoire.samplers if sampler.family == pipeline.family]
        for name in self._names("schedulers"):
            if name not in fitting:
                yield self.problem(f"schedulers.{name}", ", ".join(fitting), f"is no sampler of {chosen}")

    def _unwanted(self, allowed: str, *keys: str) -> Iterator[Problem]:
        for key in keys:
            if self._good(key) and self._given(key):
                yield self.problem(key, allowed, "is given")


def _fits(pixels: int, low: int, high: int, multiple: int) -> bool:
    return low <= pixels <= high and pixels % multiple == 0


def _between(key: str, low: float, high: float) -> str:
    noun = "a number" if key == "guidance_scale" else "a whole number"
    return f"{noun}, {low:.15g} to {high:.15g}"
