"""The graph of one ONNX file while steps add themselves to it."""

from __future__ import annotations

from enum import StrEnum

from onnx import ModelProto

from petsgan_sdk.export.onnx_file.builder import GraphBuilder
from petsgan_sdk.export.onnx_file.grids import Grids
from petsgan_sdk.export.onnx_file.patch_search import Match
from petsgan_sdk.runtime.bundle import Bundle
from petsgan_sdk.runtime.flow import last_decision

__all__ = ["CUSTOM_DOMAIN", "Composition", "Form", "Precision"]

CUSTOM_DOMAIN = "pets"
"""Of our op."""


class Form(StrEnum):
    """What patch transfer is in the graph."""

    standard = "onnx"
    """Standard operators."""
    custom = "onnx-custom"
    """One `pets::PatchTransfer` for each transfer."""


class Precision(StrEnum):
    """What the networks behind the last patch transfer compute in; without one, all networks."""

    fp32 = "fp32"
    fp16 = "fp16"


class Composition:
    """The graph so far, and what of it later steps ask for.

    Args:
        bundle: Steps, networks and constants.
        form: Of patch transfer.
        precision: Of the networks behind the last patch transfer; without one, of all.
    """

    def __init__(self, bundle: Bundle, form: Form, precision: Precision) -> None:
        """Begin with nothing but the sizes of the grids."""
        manifest = bundle.manifest
        self.bundle = bundle
        self.form = form
        self.precision = precision
        self.graph = GraphBuilder()
        self.grids = Grids(self.graph, manifest)
        self.tensors = {name: name for step in manifest.steps for name in step.writes}
        """What each tensor of the manifest is called in the graph."""
        self.tensors[manifest.output] = f"{manifest.output}/unclipped"
        self.matches: dict[str, Match] = {}
        """By the output of each patch transfer."""
        self.half_tensors: list[str] = []
        """Tensors of the graph in half precision."""
        self.half_steps: set[int] = set()
        """Numbers of the steps whose network is in half precision."""
        self.networks: dict[tuple[str, bool], tuple[ModelProto, tuple[str, ...]]] = {}
        """By member and whether halved: the network, and its tensors in half precision."""
        self.last_decision = last_decision(manifest)
        """Number of a step, see `flow.last_decision`."""
