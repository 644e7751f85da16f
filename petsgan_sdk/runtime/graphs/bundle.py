"""Follow the graphs of a bundle through its steps: what a run of each costs on a canvas."""

from __future__ import annotations

from collections.abc import Mapping

from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest import BundleManifest, GraphStep, canvas_of
from petsgan_sdk.runtime.graphs.check import CheckedGraph, Shape, follow, read_graph, refusal
from petsgan_sdk.runtime.graphs.model import Model
from petsgan_sdk.runtime.graphs.values import RefusedError

__all__ = ["check_bundle_graphs", "check_names"]


def check_bundle_graphs(
    manifest: BundleManifest,
    graphs: Mapping[str, bytes],
    constants: Mapping[str, Shape],
    given: str | None,
) -> dict[str, bytes]:
    """Check every graph of a bundle, on the smallest canvas that it has.

    Args:
        manifest: Its steps fit together.
        graphs: Serialised ONNX models by member name.
        constants: Shapes of the bundle's constants by member name.
        given: The tensor that no step makes, if there is one.

    Returns:
        The graphs, known as checked.

    Raises:
        BundleError: A graph is not one that a bundle may hold, or has other inputs and outputs than
            the manifest names.
    """
    models = {name: read_graph(data, name) for name, data in graphs.items()}
    # Each run is looked at again. Here it is seen that one can be, and that what a runtime computes
    # when it opens a graph is little: it hangs on no canvas.
    grids = manifest.grids(*canvas_of(manifest, 1, 1))
    tensors: dict[str, Shape] = {} if given is None else {given: (1, 3, *grids.base)}
    for step in manifest.steps:
        if isinstance(step, GraphStep):
            tensors.update(_made_by_graph(step, models[step.member], tensors, manifest.factor))
        else:
            tensors.update(step.shapes_made(tensors, grids, constants))
    return {
        name: CheckedGraph(data, models[name], manifest.factor) for name, data in graphs.items()
    }


def _made_by_graph(
    step: GraphStep, model: Model, tensors: Mapping[str, Shape], factor: int
) -> dict[str, Shape]:
    inputs = {key: tensors[name] for key, name in step.inputs.items()}
    names = {declared.name for declared in model.inputs}
    if names != set(inputs):  # before they are looked up
        check_names(step, names, {declared.name for declared in model.outputs})
    try:
        made = follow(model, inputs, factor=factor)
    except RefusedError as exc:
        raise refusal(step.member, exc) from exc
    check_names(step, names, set(made))
    return {tensor: made[key] for key, tensor in step.outputs.items()}


def check_names(step: GraphStep, inputs: set[str], outputs: set[str]) -> None:
    """Check that a graph has the inputs and outputs that the manifest names.

    Args:
        step: What the manifest says.
        inputs: Names that the graph has.
        outputs: Names that it has, of float32.

    Raises:
        BundleError: It has others.
    """
    if set(step.inputs) != inputs or not set(step.outputs) <= outputs:
        msg = (
            f"{step.member!r} must have inputs {sorted(step.inputs)} and outputs "
            f"{sorted(step.outputs)}, got {sorted(inputs)} and {sorted(outputs)}; export the model "
            "again"
        )
        raise BundleError(msg)
