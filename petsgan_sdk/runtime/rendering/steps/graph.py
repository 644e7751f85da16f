"""ONNX graphs, by ONNX Runtime."""

from __future__ import annotations

from petsgan_sdk.manifest import GraphStep
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window
from petsgan_sdk.runtime.rendering.steps.maps import check_map
from petsgan_sdk.runtime.rendering.steps.runner import StepRunner, Surroundings, Tensors
from petsgan_sdk.runtime.session import GraphSession

__all__ = ["RunGraph"]


class RunGraph(StepRunner[GraphStep]):
    """One ONNX graph; steps with the same member share a session."""

    def __init__(self, step: GraphStep, around: Surroundings) -> None:
        """Check that the graph has the inputs and outputs that the manifest names."""
        super().__init__(step, around)
        self._factor = around.bundle.manifest.factor

        def open_session() -> GraphSession:
            return GraphSession(
                around.bundle.graphs[step.member],
                step.member,
                provider=around.provider,
                threads=around.threads,
                provider_options=around.provider_options,
            )

        self._session = around.shared(("session", step.member), open_session)
        self._session.check_names(step)

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:
        """Feed the graph and name its results, maps `[1, C, ..., ...]` of the window."""
        feeds = {key: tensors[t] for key, t in self.step.inputs.items()}
        results = self._session.run(feeds, release=canvas.release)
        for key, tensor in self.step.outputs.items():
            check_map(results[key], tensor, window, factor=self._factor)
            tensors[tensor] = results[key]
