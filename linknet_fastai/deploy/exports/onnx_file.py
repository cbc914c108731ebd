"A trained model as an ONNX file."

import re
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...errors import UserError
from ...extras import extra
from ...files import atomic_write
from ...models.autocast import plain_model
from .export_card import ExportCard
from .graph import ImageGraph

INPUT = "image"
AXES = ("batch", "height", "width")


def image_graph(model: nn.Module, card: ExportCard) -> ImageGraph:
    "`model` in evaluation mode, or an `AutocastModel` of one, with what its card says of pixels around it."
    return ImageGraph(model, card.mean, card.std, card.input == "float", card.output == "classes").eval()


def export_onnx(graph: ImageGraph, card: ExportCard, path: Path):
    """Write a graph with its card as one ONNX file, for images of any size and batch.

    `UserError` where torch can't express the model so, the extra isn't installed, or the file can't be written.
    """
    extra("onnx")
    extra("onnxscript")
    stride = plain_model(graph.model).stride
    size = 3 * stride, 5 * stride  # of the example; neither size nor batch is kept
    example = torch.zeros(2, *size, card.channels, dtype=torch.float32 if card.input == "float" else torch.uint8)
    any_size = dict.fromkeys(range(len(AXES)), torch.export.Dim.DYNAMIC)
    try:
        # `strides divide it` is no guard that torch can prove of every size: it becomes an assertion, and is left out
        program = torch.export.export(graph, (example,), dynamic_shapes=(any_size,), strict=False,
                                      prefer_deferred_runtime_asserts_over_guards=True)
        exported = torch.onnx.export(program, dynamo=True, verbose=False, input_names=[INPUT],
                                     output_names=[card.output])
    except Exception as error:  # torch's exporters raise whatever they come upon
        raise UserError(f"{card.model} with encoder {card.encoder} can't be exported to ONNX "
                        f"({_first_line(error)}); choose another encoder, such as resnet18.") from error
    content = exported.model_proto
    _tidy(content)
    for name, value in card.metadata().items(): content.metadata_props.add(key=name, value=value)
    with atomic_write(path) as file: file.write_bytes(content.SerializeToString())


def _tidy(content: Any):
    "Name the free axes, and leave out what torch notes of its own source, with paths of this machine."
    graph = content.graph
    for part in (content, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
    del graph.value_info[:]
    for node in graph.node: node.doc_string = ""
    names = {axis.dim_param: name for axis, name in zip(graph.input[0].type.tensor_type.shape.dim, AXES)}
    for value in (*graph.input, *graph.output):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param: axis.dim_param = re.sub(r"\w+", lambda found: names.get(found[0], found[0]),
                                                       axis.dim_param)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
