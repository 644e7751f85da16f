"""Sizes of a bundle's grids in a graph, where only the shapes of the noise are known.

A grid with noise of its own has the size of that noise. The size of the base grid follows from the
finest noise if it has none, and that of a level from the base grid.
"""

from __future__ import annotations

from petsgan_sdk.errors import ExportError
from petsgan_sdk.export.onnx_file.builder import GraphBuilder
from petsgan_sdk.manifest import BundleManifest, NoiseStep, Size, level_size

__all__ = ["Grids", "canvas_of_noise", "noise_steps", "side_names", "side_rules"]


class Grids:
    """Makes the size of a grid when it is asked for, once.

    Args:
        graph: Where to add the nodes.
        manifest: Its noise steps are inputs of the graph.
    """

    def __init__(self, graph: GraphBuilder, manifest: BundleManifest) -> None:
        """Find the noise of every grid."""
        self._graph = graph
        self._manifest = manifest
        self._noises = {step.level: step for step in reversed(noise_steps(manifest))}
        self._sizes: dict[int | None, tuple[str, str]] = {}

    def size(self, level: int | None) -> tuple[str, str]:
        """Rows and columns of a grid, int64 of one element each.

        Raises:
            ExportError: No step makes noise.
        """
        if level not in self._sizes:
            if level in self._noises:
                self._sizes[level] = self._measured(self._noises[level])
            else:
                source = _source(self._manifest, level)
                known = self.size(source)
                with self._graph.scope(_scope(level)):
                    rates = _rates(self._manifest, source, level)
                    height, width = (self._scaled(*pair) for pair in zip(known, rates, strict=True))
                self._sizes[level] = height, width
        return self._sizes[level]

    def _measured(self, step: NoiseStep) -> tuple[str, str]:
        graph = self._graph
        with graph.scope(_scope(step.level)):
            height, width = (graph.size(step.output, axis) for axis in (2, 3))
            if step.margin == 0:
                return height, width
            margin = graph.ints(2 * step.margin)
            return graph.op("Sub", height, margin), graph.op("Sub", width, margin)

    def _scaled(self, side: str, rate: tuple[int, int]) -> str:
        """`_round` in operators."""
        graph, (to, at) = self._graph, rate
        twice = graph.op("Add", graph.op("Mul", side, graph.ints(2 * to)), graph.ints(at))
        return graph.op("Max", graph.op("Div", twice, graph.ints(2 * at)), graph.ints(1))


def canvas_of_noise(manifest: BundleManifest, height: int, width: int) -> Size:
    """The base grid that a graph makes when its noise is sized for a base grid of `height, width`.

    They are the same where the base grid has noise. Elsewhere the canvas grows in steps of a pixel
    of the finest grid that has.

    Raises:
        ExportError: No step makes noise.
    """
    source = _finest(manifest)
    sides = level_size(manifest, source, height, width)
    rows, columns = (
        _round(side, *rate)
        for side, rate in zip(sides, _rates(manifest, source, None), strict=True)
    )
    return rows, columns


def side_names(level: int | None) -> tuple[str, str]:
    """What a grid's sides are called: h and w, those of level 2 h2 and w2."""
    number = "" if level is None else str(level)
    return f"h{number}", f"w{number}"


def side_rules(manifest: BundleManifest, level: int | None) -> str:
    """How the sides of a grid follow from another's, as two statements.

    Args:
        manifest: Of the bundle.
        level: A level, from the base grid; or the base grid, from the finest noise.
    """
    source = _source(manifest, level)
    sides = zip(side_names(level), side_names(source), _rates(manifest, source, level), strict=True)
    return ", ".join(
        f"{name} = max(1, ({2 * to} * {known} + {at}) // {2 * at})"
        for name, known, (to, at) in sides
    )


def noise_steps(manifest: BundleManifest) -> list[NoiseStep]:
    """The inputs of the file."""
    return [step for step in manifest.steps if isinstance(step, NoiseStep)]


def _finest(manifest: BundleManifest) -> int | None:
    """The largest grid that has noise."""
    found = {step.level for step in noise_steps(manifest)}
    if not found:
        msg = "export: a step must make noise, which tells the canvas its size; got none"
        raise ExportError(msg)
    return None if None in found else max(found, key=lambda level: manifest.levels[level or 0])


def _source(manifest: BundleManifest, level: int | None) -> int | None:
    """The grid from which the size of another is taken."""
    return _finest(manifest) if level is None else None


def _rates(
    manifest: BundleManifest, source: int | None, target: int | None
) -> tuple[tuple[int, int], tuple[int, int]]:
    """`(side of the target, side of the source)` at training, of rows and of columns."""
    base = tuple(-(-side // manifest.factor) for side in manifest.image_size_px)
    to, at = (base if level is None else manifest.levels[level] for level in (target, source))
    return (to[0], at[0]), (to[1], at[1])


def _round(side: int, to: int, at: int) -> int:
    """`side * to / at` to the nearest integer, as `manifest.level_size` rounds."""
    return max(1, (2 * to * side + at) // (2 * at))


def _scope(level: int | None) -> str:
    return "canvas" if level is None else f"level_{level}"
