"""The catalogue: what an operator can get wrong is told by file, line, key and what is allowed, in the words of the gateway."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom_worker import catalog
from darkroom_worker.catalog import Model
from darkroom_worker.repertoire import Repertoire

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "deploy" / "models.yaml"
VECTORS = ROOT / "contract" / "examples" / "catalogue"


GOOD = [path.read_text() for path in sorted((VECTORS / "valid").glob("*.yaml"))]
VALUES = [
    "null",
    "[]",
    "{}",
    "-1",
    "1e999",
    ".nan",
    "yes",
    "1:30",
    "'x'",
    "&a *a",
    "!!python/name:os.system",
    "|",
    "\t",
    "x" * 300,
]


def _vectors(folder: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted((VECTORS / folder).glob("*.yaml"))]


@pytest.mark.parametrize("path", _vectors("invalid"))
def test_every_problem_of_a_bad_catalogue_is_told_in_the_words_of_the_treaty(path: Path) -> None:
    with pytest.raises(catalog.BadCatalogue) as caught:
        catalog.load(path, (), test_mode=False)
    told = str(caught.value).replace(f"{path.parent}/", "")
    assert told.splitlines() == path.with_suffix(".txt").read_text().splitlines()


@pytest.mark.parametrize("path", _vectors("valid"))
def test_a_good_catalogue_offers_what_is_enabled_and_not_for_tests(path: Path) -> None:
    models = catalog.load(path, (), test_mode=False)
    assert list(models) == path.with_suffix(".txt").read_text().split()


def test_the_shipped_catalogue_can_be_served() -> None:
    models = catalog.load(SHIPPED, (), test_mode=True)
    assert models["simulated"].step_ms > 0
    assert Path(models["pocket-studio"].source or "").is_dir()
    assert list(catalog.load(SHIPPED, ["simulated"], test_mode=False)) == ["simulated"]


def test_a_model_carries_its_samplers_and_what_its_pipeline_can_do() -> None:
    model = catalog.load(SHIPPED, (), test_mode=False)["pocket-studio"]
    sampler = model.samplers["dpmpp_2m"]
    assert sampler.class_name == "DPMSolverMultistepScheduler"
    assert sampler.options["algorithm_type"] == "dpmsolver++"
    assert sampler.options["solver_order"] == 2
    assert model.traits is not None
    assert model.traits.guidance == "classifier_free"
    assert Model.model_validate(model.model_dump(mode="json")) == model


def test_options_are_numbers_words_and_flags_as_they_are_written() -> None:
    flux = catalog.load(VECTORS / "valid" / "every-key.yaml", (), test_mode=False)["flux.1-schnell"]
    assert flux.samplers["flow_heun"].options["shift"] == 1.5, "over those of the treaty"
    assert flux.schedulers["flow_heun"] == {
        "shift": 1.5,
        "invert_sigmas": False,
        "time_shift_type": "linear",
        "base_shift": 0.5,
    }
    assert flux.vocabulary[:3] == ["mug", "4", "8k"]
    assert flux.examples[1] == 'it\'s "quoted"'


def test_a_file_that_is_no_yaml_is_told_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    for text in ("models: [", "models: []\n---\nmodels: []\n"):
        path.write_text(text)
        with pytest.raises(catalog.BadCatalogue, match=r"models\.yaml: cannot be read") as caught:
            catalog.load(path, (), test_mode=False)
        assert "\n" not in str(caught.value)
    with pytest.raises(catalog.BadCatalogue, match=r"MODELS_FILE=.*cannot be read"):
        catalog.load(tmp_path / "none.yaml", (), test_mode=False)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A good catalogue with some lines left out, doubled or with another value."""
    lines = draw(st.sampled_from(GOOD)).splitlines()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        key, _, value = lines[at].partition(":")
        other = draw(st.sampled_from(VALUES) | st.text(max_size=10))
        lines[at : at + 1] = draw(
            st.sampled_from([[], [lines[at]] * 2, [f"{key}: {other}"], [f"{other}: {value}"], [f" {lines[at]}"]])
        )
        lines = lines or [other]
    return "\n".join(lines)


@given(damaged())
def test_a_damaged_catalogue_is_read_or_refused_in_lines_that_name_the_file(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "models.yaml"
        path.write_text(text, errors="surrogatepass")
        try:
            catalog.load(path, (), test_mode=False)
        except catalog.BadCatalogue as error:
            assert all(line.startswith((str(path), "MODELS_FILE=")) for line in str(error).splitlines())


def test_a_model_that_is_not_in_the_catalogue_stops_the_start() -> None:
    with pytest.raises(catalog.BadCatalogue, match="WORKER_MODELS=sdxl: sdxl is not in"):
        catalog.load(SHIPPED, ["sdxl"], test_mode=False)


@pytest.mark.engine
def test_every_sampler_and_pipeline_of_the_treaty_is_a_class_of_diffusers_that_takes_its_options() -> None:
    diffusers = pytest.importorskip("diffusers")
    repertoire = Repertoire.read(ROOT / "contract")
    for sampler in repertoire.samplers:
        made = getattr(diffusers, sampler.class_name)(**sampler.options)
        assert {key: made.config[key] for key in sampler.options} == sampler.options
    assert set(repertoire.pipelines) <= set(dir(diffusers))
