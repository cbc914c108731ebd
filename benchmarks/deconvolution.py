"""Transposed convolutions as ordinary ones and a pixel shuffle: are inference engines faster with them?

    python benchmarks/deconvolution.py

Both are exported, and take turns on one image of 360x480 with one thread; what is measured is the processor's time.
That they are equal to rounding is asserted first. Processors without VNNI: `ONEDNN_MAX_CPU_ISA=AVX2` before it.
"""

import statistics
import tempfile
import time
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch
from prediction import model, model_card, noise
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from linknet_fastai.deploy.exports.engines import open_engine
from linknet_fastai.deploy.exports.onnx_file import export_onnx, image_graph
from linknet_fastai.deploy.exports.openvino_file import export_openvino

SCALE = 2  # of every upsampling in the models


class PadBelowRight(nn.Module):
    "`[N,C,H,W]` to `[N,C,H+1,W+1]`, with zeros."

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.pad(x, (0, 1, 0, 1))


def without_deconvolutions(model: nn.Module) -> nn.Module:
    """A copy of `model`, in evaluation mode, in which transposed convolutions of stride 1 and 2 are ordinary ones.

    BatchNorm and ReLU that follow an upsampling stand before its pixel shuffle, where they are part of the convolution.
    Other modules stay as they are.
    """
    model = deepcopy(model).eval()
    for sequence in [module for module in model.modules() if isinstance(module, nn.Sequential)]:
        layers = [part for layer in sequence for part in _parts(layer)]
        if layers == [*sequence]: continue  # nothing is upsampled in it
        del sequence[:]
        sequence.extend(_shuffled_last(layers))
    return model


def convolution_and_shuffle(layer: nn.ConvTranspose2d) -> list[nn.Module]:
    """Layers that do what a transposed convolution does.

    It has a stride of 2, and kernel 3, padding 1, output padding 1, or kernel 2 without padding. Of one row, the even
    output 2i is w[1] x[i], the odd one w[2] x[i] + w[0] x[i+1]: a convolution of kernel 2 to four times the channels,
    one for each corner of 2x2 output pixels. Kernel 2 sees one pixel only, so it becomes a 1x1 convolution.
    """
    kernel, (channels, out_channels) = layer.kernel_size[0], layer.weight.shape[:2]
    # [corner's row or column, tap]: the kernel's number there; 3 is none
    taps = torch.tensor([[1, 3], [2, 0]] if kernel == 3 else [[0], [1]])
    weight = nn.functional.pad(layer.weight.detach(), (0, 4 - kernel, 0, 4 - kernel))
    weight = weight[:, :, taps[:, None, :, None], taps[None, :, None, :]]  # [in, out, 2, 2, kernel, kernel]
    weight = weight.permute(1, 2, 3, 0, 4, 5).reshape(4 * out_channels, channels, taps.shape[1], taps.shape[1])
    convolution = nn.Conv2d(channels, 4 * out_channels, taps.shape[1], bias=layer.bias is not None)
    convolution.weight.data = weight
    if layer.bias is not None: convolution.bias.data = layer.bias.detach().repeat_interleave(4)
    padding = [PadBelowRight()] if kernel == 3 else []
    return [*padding, convolution.eval(), nn.PixelShuffle(SCALE)]


def _parts(layer: nn.Module) -> list[nn.Module]:
    "A layer's own parts, where it upsamples; else the layer."
    if isinstance(layer, nn.Sequential) and any(isinstance(part, nn.PixelShuffle) for part in layer): return [*layer]
    if not isinstance(layer, nn.ConvTranspose2d) or layer.groups > 1 or layer.dilation != (1, 1): return [layer]
    shape = layer.kernel_size, layer.stride, layer.padding, layer.output_padding
    if shape in (((3, 3), (2, 2), (1, 1), (1, 1)), ((2, 2), (2, 2), (0, 0), (0, 0))):
        return convolution_and_shuffle(layer)
    return [_same_size(layer)] if shape == ((3, 3), (1, 1), (1, 1), (0, 0)) else [layer]


def _same_size(layer: nn.ConvTranspose2d) -> nn.Conv2d:
    "A transposed convolution of stride 1 is one with its kernel turned around."
    convolution = nn.Conv2d(layer.in_channels, layer.out_channels, 3, padding=1, bias=layer.bias is not None)
    convolution.weight.data = layer.weight.detach().transpose(0, 1).flip(2, 3).contiguous()
    if layer.bias is not None: convolution.bias.data = layer.bias.detach()
    return convolution.eval()


def _shuffled_last(layers: list[nn.Module]) -> list[nn.Module]:
    "A convolution's BatchNorm is folded into it; BatchNorm and ReLU behind a pixel shuffle come before it."
    done: list[nn.Module] = []
    for layer in layers:
        place = len(done) - isinstance(done[-1], nn.PixelShuffle) if done else 0  # behind the last convolution
        before = done[place - 1] if place else None
        if isinstance(layer, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
            done[place - 1] = fuse_conv_bn_eval(before, _repeated(layer, SCALE**2 if place < len(done) else 1))
        elif isinstance(layer, nn.ReLU): done.insert(place, layer)
        else: done.append(layer)
    return done


def _repeated(norm: nn.BatchNorm2d, times: int) -> nn.BatchNorm2d:
    "For `times` as many channels, as a pixel shuffle takes them in: those of one output beside each other."
    repeated = nn.BatchNorm2d(norm.num_features * times, norm.eps).eval()
    repeated.load_state_dict({name: value.repeat_interleave(times) if value.ndim else value
                              for name, value in norm.state_dict().items()})
    return repeated


def engines(network: nn.Module, folder: Path) -> dict:
    "The network as onnxruntime and OpenVINO run it, by name."
    folder.mkdir()
    card = model_card()
    export_onnx(image_graph(network, card), card, folder / "model.onnx")
    export_openvino(folder / "model.onnx", card, folder / "model.xml")
    export_openvino(folder / "model.onnx", replace(card, int8=True), folder / "int8.xml", [noise() for _ in range(4)])
    return {"onnxruntime fp32": open_engine(folder / "model.onnx", 1),
            "OpenVINO fp32": open_engine(folder / "model.xml", 1, "fp32"),
            "OpenVINO int8": open_engine(folder / "int8.xml", 1)}


def main():
    network, pixels = model(), noise()
    for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
        for values in (norm.running_mean, norm.running_var, norm.weight.data, norm.bias.data): values.uniform_(0.5, 1)
    rewritten, images = without_deconvolutions(network), torch.randn(2, 3, 96, 160)
    with torch.inference_mode(): torch.testing.assert_close(rewritten(images), network(images), rtol=1e-4, atol=1e-4)
    with tempfile.TemporaryDirectory() as folder:
        both = [engines(each, Path(folder) / str(number)) for number, each in enumerate((network, rewritten))]
        seconds: dict = {name: ([], []) for name in both[0]}
        for _ in range(12):
            for name, kind in ((name, kind) for name in seconds for kind in (0, 1)):
                started = time.process_time()
                both[kind][name](pixels)
                seconds[name][kind].append(time.process_time() - started)
    for name, times in seconds.items():
        plain, shuffled = (1000 * statistics.median(each[2:]) for each in times)
        print(f"{name}: {plain:.1f} ms with transposed convolutions, {shuffled:.1f} without")


if __name__ == "__main__": main()
