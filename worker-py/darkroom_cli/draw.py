"""`darkroom draw`: from a prompt to files, waiting at the server's pace."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from darkroom_cli.api import Gateway, Job
from darkroom_cli.screen import AsJson, console, say, show_json
from darkroom_cli.settings import Settings
from darkroom_cli.trouble import BadSetting, Trouble

INTERRUPTED = 130
SUFFIXES = {"image/png": "png", "image/webp": "webp", "image/jpeg": "jpg"}


def draw(
    prompt: Annotated[
        str, typer.Argument(metavar="PROMPT", help="What to draw; with --preset the product to put into it.")
    ],
    model: Annotated[str | None, typer.Option(help="A model of the catalogue.")] = None,
    preset: Annotated[str | None, typer.Option(help="A template of the model.")] = None,
    negative: Annotated[str | None, typer.Option(help="What must not be seen.")] = None,
    size: Annotated[str | None, typer.Option(help="Width and height in pixels, such as 256x256.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="One of the model's schedulers.")] = None,
    seed: Annotated[int | None, typer.Option(help="Drawn by the server when left out.")] = None,
    n: Annotated[int | None, typer.Option("-n", help="How many pictures.")] = None,
    format: Annotated[str | None, typer.Option(help="png, webp or jpeg.")] = None,
    deadline: Annotated[int | None, typer.Option(help="Seconds by which it must have ended.")] = None,
    output: Annotated[str, typer.Option("-o", "--output", help="A file, a folder, or - for stdout.")] = ".",
    as_json: AsJson = False,
) -> None:
    """Draw a picture and write it to a file. Ctrl-C cancels the job."""
    request = {
        ("product" if preset else "prompt"): prompt,
        "model": model,
        "preset": preset,
        "negative_prompt": negative,
        **_pixels(size),
        "steps": steps,
        "guidance_scale": guidance,
        "scheduler": scheduler,
        "seed": seed,
        "n": n,
        "format": format,
        "deadline_seconds": deadline,
    }
    gateway = Gateway(Settings())
    job = _wait(gateway, gateway.submit({key: value for key, value in request.items() if value is not None}))
    if job["status"] != "succeeded":
        error = job["error"] or {}
        raise Trouble(f"job {job['id']} {job['status']}: {error.get('message', 'no reason was given')}")
    files = _write(gateway, job, prompt, output)
    if as_json and output != "-":
        show_json({"job": job, "files": files})
    elif output != "-":
        print("\n".join(files))


def _pixels(size: str | None) -> dict[str, int]:
    if size is None:
        return {}
    match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", size)
    if not match:
        raise BadSetting(f"--size {size}: must be WIDTHxHEIGHT in pixels, such as 256x256")
    return {"width": int(match[1]), "height": int(match[2])}


def _wait(gateway: Gateway, job: Job) -> Job:
    for warning in job["warnings"]:
        say(f"note: {warning}")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("in line", total=1.0)
        try:
            for later in gateway.watch(job):
                job = later
                _advance(progress, bar, job)
        except KeyboardInterrupt:
            gateway.cancel(job)
            say(f"job {job['id']} is canceled")
            raise typer.Exit(INTERRUPTED) from None
    return job


def _advance(progress: Progress, bar: TaskID, job: Job) -> None:
    told = job["waiting_for"] or (job["stage"] or job["status"]).replace("_", " ")
    progress.update(bar, completed=job["progress"]["value"], description=told)


def _write(gateway: Gateway, job: Job, prompt: str, output: str) -> list[str]:
    outputs = job["outputs"]
    if output == "-":
        if len(outputs) != 1:
            raise BadSetting(f"-o - is for one picture, and there are {len(outputs)}")
        sys.stdout.buffer.write(gateway.picture(outputs[0]))
        return []
    files = []
    for made in outputs:
        path = _place(Path(output), prompt, made, several=len(outputs) > 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gateway.picture(made))
        files.append(str(path))
    return files


def _place(output: Path, prompt: str, made: dict[str, Any], several: bool) -> Path:
    """A name that was given is taken, with the index where there are several; in a folder nothing is overwritten."""
    suffix = SUFFIXES[made["content_type"]]
    if not output.is_dir():
        return output.with_stem(f"{output.stem}-{made['index']}") if several else output
    words = "-".join(re.findall(r"\w+", prompt.lower()))[:40].strip("-") or "picture"
    path, number = output / f"{words}-{made['seed']}.{suffix}", 2
    while path.exists():
        path, number = output / f"{words}-{made['seed']}-{number}.{suffix}", number + 1
    return path
