"""`petsgan-sdk doctor`: what works here and what is missing."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from petsgan_sdk.cli._options import print_json, print_line
from petsgan_sdk.errors import BackendUnavailableError

__all__ = ["doctor_command"]


def doctor_command(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Try every part; exit 0 when bundles of every model can be sampled here, else 3."""
    from petsgan_sdk.diagnosis.doctor import diagnose  # noqa: PLC0415 - heavy

    diagnosis = diagnose()
    if as_json:
        print_json(diagnosis)
    else:
        _print_table(diagnosis)
    if not diagnosis["ok"]:
        raise typer.Exit(BackendUnavailableError.exit_code)


def _print_table(diagnosis: dict[str, Any]) -> None:
    for name, version in diagnosis["versions"].items():
        print_line(f"{name:<18}{version or 'not installed'}")
    for name, entry in diagnosis["providers"].items():
        answer = "ok" if entry["ok"] else "no"
        version = f" {entry['version']}" if entry["present"] else ""
        print_line(f"provider {name:<13}{answer}{version}: {entry['detail']}")
    cores, backend = diagnosis["cores"], diagnosis["backend"]
    quota = "no quota" if cores["quota"] is None else f"a quota of {cores['quota']:g}"
    print_line(f"cores             {cores['usable']} usable: {cores['allowed']} allowed, {quota}")
    simd = f" ({backend['simd']})" if backend["used"] == "cpu" else ""
    print_line(
        f"kernels           {', '.join(diagnosis['kernels'])}; used: {backend['used']}{simd}"
    )
    for model, tasks in diagnosis["models"].items():
        answers = (f"{task} {'ok' if is_ready else 'no'}" for task, is_ready in tasks.items())
        print_line(f"model {model:<12}{', '.join(answers)}")
    for entry in diagnosis["missing"]:
        print_line(f"missing: {entry['what']}: {entry['detail']}")
        print_line(f"    {entry['install']}")
    if diagnosis["ok"]:
        print_line("ready to sample")
        return
    others = [model for model, tasks in diagnosis["models"].items() if tasks["sampling"]]
    print_line("not ready to sample" + (f", but for {', '.join(others)}" if others else ""))
