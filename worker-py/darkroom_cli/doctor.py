"""`darkroom doctor`: looks at every setting and dependency, and says what to change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict

from darkroom_cli.checks import broker, fleet, gateway, ledger, store
from darkroom_cli.checks import settings as values
from darkroom_cli.checks.finding import Finding
from darkroom_cli.screen import AsJson, console, show_json
from darkroom_cli.settings import Settings
from darkroom_cli.trouble import BadSetting, Trouble

CHECKS: dict[str, Callable[[Settings], Iterable[Finding]]] = {
    "settings": values.check,
    "redis": ledger.check,
    "rabbitmq": lambda settings: broker.check(settings, fleet.models(settings)),
    "s3": store.check,
    "gateway": gateway.check,
    "fleet": fleet.check,
}


def doctor(as_json: AsJson = False) -> None:
    """Look at every setting and dependency, and say what to change. Exit status 1 if something is broken."""
    found = {part: _look(part) for part in CHECKS}
    grave = [finding for findings in found.values() for finding in findings if finding.grave]
    if as_json:
        rows = [{"part": part, **asdict(finding)} for part, findings in found.items() for finding in findings]
        show_json({"well": not grave, "findings": rows})
    else:
        for part, findings in found.items():
            _show(part, findings)
    if grave:
        raise Trouble(f"{len(grave)} thing{'s are' if len(grave) > 1 else ' is'} broken")


def _look(part: str) -> list[Finding]:
    """A part whose settings cannot be used is not looked at: what is wrong with them stands under settings."""
    try:
        return list(CHECKS[part](Settings()))
    except BadSetting:
        return []


def _show(part: str, findings: list[Finding]) -> None:
    out = console()
    if not findings:
        out.print(f"ok    {part}")
    for finding in findings:
        out.print(f"{'BAD ' if finding.grave else 'note'}  {part}: {finding.what}", soft_wrap=True)
        out.print(f"      do: {finding.do}", soft_wrap=True)
        if finding.command:
            out.print(f"      $ {finding.command}", soft_wrap=True)
