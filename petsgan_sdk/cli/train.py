"""`petsgan-sdk train`: a photo to a checkpoint."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from petsgan_sdk.cli._options import import_extra, print_json, print_line
from petsgan_sdk.cli.progress import ProgressBar, format_seconds
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.files.endings import check_ending

__all__ = ["train_command"]

_HINTS = dict.fromkeys(("petsgan", "onnx", "tensorrt"), "petsgan-sdk export makes it of MODEL.pt")


def train_command(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Any photo that Pillow reads.")],
    *,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="MODEL.pt", help="The checkpoint.")
    ],
    model: Annotated[
        str, typer.Option(metavar="NAME", help="petsgan, exsingan or singan.")
    ] = "petsgan",
    preset: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE.toml",
            help="fast: minutes on a CPU. paper: as published. Or settings of your own.",
        ),
    ] = "fast",
    max_size: Annotated[
        int | None,
        typer.Option(
            help="Longer side for training, in pixels; a panorama is learned at more.  "
            "[default: the preset's]"
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Training steps.  [default: the preset's]")
    ] = None,
    prior: Annotated[
        list[str] | None,
        typer.Option(
            metavar="internal|folder:DIR|biggan:DIR",
            help="Where layouts come from; several are mixed.  [default: internal]",
        ),
    ] = None,
    biggan_weights: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="G_ema.pth and D.pth of BigGAN-PyTorch, for --prior biggan.  "
            "[default: PETSGAN_BIGGAN_WEIGHTS]",
        ),
    ] = None,
    ablation: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Change the preset as the paper's ablations do. petsgan: end-to-end, cascaded, "
            "no-patch-gan, no-external-prior, no-internal-prior. exsingan: singan, no-structural, "
            "no-semantic, no-paired.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    seed: Annotated[int | None, typer.Option(help="0 to 2**63-1.  [default: the preset's]")] = None,
    features: Annotated[
        str | None,
        typer.Option(
            metavar="auto|filters|vgg19:FILE",
            help="petsgan: features of patches; paper needs VGG-19 unless filters are asked for.  "
            "[default: the preset's]",
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="generate|manipulate",
            help="petsgan: manipulate trains only what paint, edit, harmonize and stylize need.  "
            "[default: generate]",
        ),
    ] = None,
    factor: Annotated[
        str | None,
        typer.Option(
            metavar="2|4|8|16",
            help="petsgan: how far layouts are reduced; less keeps more of what a task is given.  "
            "[default: the preset's]",
        ),
    ] = None,
    high_res: Annotated[
        str | None,
        typer.Option(
            metavar="512|1024",
            help="petsgan: longer side of larger images, 2, 4 or 8 times --max-size; the photo "
            "must be as large.",
        ),
    ] = None,
    stages: Annotated[
        str | None,
        typer.Option(
            metavar="St.1,Se.3,Te.3",
            help="exsingan: number of structural, semantic and texture stages.  "
            "[default: the preset's]",
        ),
    ] = None,
    rescale: Annotated[
        str | None,
        typer.Option(
            metavar="exsingan|consingan|singan",
            help="exsingan: sizes of the stages.  [default: the preset's]",
        ),
    ] = None,
    perceptual: Annotated[
        str | None,
        typer.Option(
            metavar="auto|none|vgg19:FILE",
            help="exsingan: features of the perceptual loss.  [default: the preset's]",
        ),
    ] = None,
    stage0: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL.pt", help="exsingan: take the structural stage of a trained model."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="A setting, as prior.displacement=0.3."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite an existing checkpoint.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Learn a generator from one image. Ctrl-C saves; --resume continues."""
    # Torch's idle OpenMP threads otherwise spin, which slows every step down on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from petsgan_sdk.settings.presets import parse_overrides  # noqa: PLC0415 - costs at import

    check_ending(output, ("pt", "pth", "ckpt"), expected="a checkpoint, MODEL.pt", hints=_HINTS)
    options = {
        "features": features,
        "task": task,
        "factor": factor,
        "high-res": high_res,
        "stages": stages,
        "rescale": rescale,
        "perceptual": perceptual,
        "stage0": stage0,
    }
    training = import_extra("petsgan_sdk.training", extra="train", task="training")
    with ProgressBar("training", unit="step") as bar:

        def show(progress: Any) -> None:
            bar.update(progress.step, progress.steps, numbers=progress.losses, phase=progress.phase)

        result = training.train(
            image,
            output,
            model=model,
            preset=preset,
            max_size_px=max_size,
            steps=steps,
            prior=_with_weights(prior or [], biggan_weights) or None,
            ablation=ablation,
            options={name: text for name, text in options.items() if text is not None},
            device=device,
            seed=seed,
            resume=resume,
            overwrite=force,
            overrides=parse_overrides(settings or []),
            progress=show,
            note=bar.note,
        )
    width, height = result.size_px
    if as_json:
        print_json(
            {
                "checkpoint": str(result.checkpoint),
                "steps": result.steps,
                "seconds": result.seconds,
                "size": [width, height],
            }
        )
        return
    took = format_seconds(result.seconds)
    print_line(f"{result.checkpoint} ({result.steps} steps at {width}x{height} in {took})")


def _with_weights(priors: list[str], folder: Path | None) -> list[str]:
    """Put the folder of BigGAN's weights behind the name of its prior."""
    if folder is not None and "biggan" not in priors:
        found = " ".join(f"--prior {text}" for text in priors) or "no --prior"
        msg = f"--biggan-weights must come with --prior biggan, got {found}"
        raise ConfigError(msg)
    return [f"biggan:{folder}" if folder and text == "biggan" else text for text in priors]
