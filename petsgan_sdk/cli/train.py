"""`petsgan-sdk train`: a photo to a checkpoint, or to a bundle at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperOption

from petsgan_sdk.cli._options import print_json, print_line
from petsgan_sdk.cli.progress import ProgressBar, format_seconds
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.files.endings import check_ending

__all__ = ["TrainCommand", "train_command"]

_CHECKPOINTS = ("pt", "pth", "ckpt")
_BUNDLE = "petsgan"
_HINTS = dict.fromkeys((_BUNDLE, "onnx", "tensorrt"), "petsgan-sdk export makes it of MODEL.pt")


class TrainCommand(TyperCommand):
    """`train` with what the registry of families says, which other commands need not import."""

    _knows_families = False

    def get_params(self, ctx: Any) -> list[Any]:
        """All parameters; when first asked for, the families' own are put in before `--set`."""
        if not self._knows_families:
            self._knows_families = True
            self._learn_families()
        return super().get_params(ctx)

    def invoke(self, ctx: Any) -> Any:
        """Run it; the options of families, by name, are the context's object."""
        from petsgan_sdk.settings import families  # noqa: PLC0415 - costs at import

        names = [name for family in families.FAMILIES for name in family.option_names]
        texts = {name: ctx.params.pop(name.replace("-", "_")) for name in names}
        ctx.obj = {name: text for name, text in texts.items() if text is not None}
        return super().invoke(ctx)

    def _learn_families(self) -> None:
        from petsgan_sdk.settings import families, presets  # noqa: PLC0415 - costs at import

        own: dict[str | None, Any] = {param.name: param for param in self.params}
        *models, last = families.model_names()
        own["model"].help = f"{', '.join(models)} or {last}."
        for model in (*models, last):
            if names := presets.ablation_names(model):
                own["ablation"].help += f" {model}: {', '.join(names)}."
        at = self.params.index(own["settings"])
        self.params[at:at] = [
            TyperOption(
                param_decls=[f"--{option.name}"],
                metavar=option.metavar,
                help=f"{family.name}: {option.help}",
            )
            for family in families.FAMILIES
            for option in family.options
        ]


def train_command(
    context: typer.Context,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Any photo that Pillow reads.")],
    *,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="MODEL.pt",
            help="The checkpoint; a model without networks also as a bundle, MODEL.petsgan.",
        ),
    ],
    model: Annotated[str, typer.Option(metavar="NAME")] = "petsgan",
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
            metavar="internal|synthesis|folder:DIR|biggan:DIR",
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
            help="Change the preset as the paper's ablations do.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    seed: Annotated[int | None, typer.Option(help="0 to 2**63-1.  [default: the preset's]")] = None,
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
    """Learn a generator from one image. Ctrl-C saves; --resume continues.

    A model without networks is fitted at once, by the base install: see --model.
    """
    # Torch's idle OpenMP threads otherwise spin, which slows every step down on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from petsgan_sdk.settings.families import family_of_model  # noqa: PLC0415 - costs at import
    from petsgan_sdk.settings.presets import parse_overrides  # noqa: PLC0415 - costs at import

    is_fitted = not family_of_model(model).has_networks
    accepted = (*_CHECKPOINTS, _BUNDLE) if is_fitted else _CHECKPOINTS
    expected = "a checkpoint, MODEL.pt" + (", or a bundle, MODEL.petsgan" if is_fitted else "")
    check_ending(output, accepted, expected=expected, hints=_HINTS)

    from petsgan_sdk.training import train  # noqa: PLC0415 - heavy

    task, unit = ("fitting", "round") if is_fitted else ("training", "step")
    with ProgressBar(task, unit=unit) as bar:

        def show(progress: Any) -> None:
            bar.update(progress.step, progress.steps, numbers=progress.losses, phase=progress.phase)

        result = train(
            image,
            output,
            model=model,
            preset=preset,
            max_size_px=max_size,
            steps=steps,
            prior=_with_weights(prior or [], biggan_weights) or None,
            ablation=ablation,
            options=context.obj,
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
        made = "bundle" if result.is_bundle else "checkpoint"
        print_json(
            {
                made: str(result.checkpoint),
                "steps": result.steps,
                "seconds": result.seconds,
                "size": [width, height],
            }
        )
        return
    took = format_seconds(result.seconds)
    done = "fitted" if is_fitted else f"{result.steps} steps"
    print_line(f"{result.checkpoint} ({done} at {width}x{height} in {took})")


def _with_weights(priors: list[str], folder: Path | None) -> list[str]:
    """Put the folder of BigGAN's weights behind the name of its prior."""
    if folder is not None and "biggan" not in priors:
        found = " ".join(f"--prior {text}" for text in priors) or "no --prior"
        msg = f"--biggan-weights must come with --prior biggan, got {found}"
        raise ConfigError(msg)
    return [f"biggan:{folder}" if folder and text == "biggan" else text for text in priors]
