"""What would stand in the way of somebody who uses a screen reader, high contrast or the keyboard."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()
CONTRAST = {"runOnly": ["color-contrast"]}  # the only rule that another colour scheme changes


def barriers(page: Page) -> list[str]:
    """Serious and critical findings of axe-core, in light and in dark."""
    page.evaluate(AXE)
    found = []
    for scheme, options in (("light", {}), ("dark", CONTRAST)):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        found += [f"{scheme}: {finding}" for finding in serious(page, options)]
    return found


def serious(page: Page, options: dict[str, Any]) -> list[str]:
    found: dict[str, Any] = page.evaluate(
        "options => axe.run(document, {resultTypes: ['violations'], ...options})", options
    )
    return [
        f"{violation['id']}: {node['html'][:160]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
