"Any image, of any size, mode and depth, whole or damaged, gets a mask of its size or one message."

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from short_training import undrawn

from linknet_fastai.datasets.folder import folder
from linknet_fastai.deploy.predictor import Predictor
from linknet_fastai.errors import UserError
from linknet_fastai.recipes import Recipe
from linknet_fastai.runs.run import Run
from linknet_fastai.runtime.device import Machine
from linknet_fastai.workflows.evaluate import evaluate
from linknet_fastai.workflows.fit import FitOptions, fit
from linknet_fastai.workflows.predict import predict

CPU = Machine(torch.device("cpu"), "fp32")
MODES = {"png": ("1", "L", "LA", "P", "RGB", "RGBA"), "jpg": ("L", "RGB", "CMYK"),
         "bmp": ("1", "L", "P", "RGB"), "tif": ("1", "L", "P", "RGB", "RGBA", "CMYK"),
         "webp": ("RGB", "RGBA")}
EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
FEWER = settings(EXAMPLES, max_examples=30)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    "Two classes, ground and wall, in a folder with six images for training and one for validation."
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 1)):
        for number in range(count):
            mask = (rng.random((64, 64)) < 0.5).astype(np.uint8)
            for kind, pixels in (("images", mask * 200), ("masks", mask)):
                (root / kind / split).mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(root / kind / split / f"{number}.png")
    (root / "classes.txt").write_text("ground\nwall\n")
    recipe = Recipe(encoder="test_resnet", weights="none", size=(64, 64), epochs=1)
    with undrawn(): return fit(folder(root), recipe, CPU, FitOptions(tmp_path_factory.mktemp("runs") / "run"))


@st.composite
def images(draw) -> tuple[str, bytes, tuple[int, int]]:
    "A file's ending, its content, (height, width)."
    ending = draw(st.sampled_from(sorted(MODES)))
    mode = draw(st.sampled_from(MODES[ending]))
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    return ending, encoded(noise(height, width, mode, draw(st.integers(0, 9))), ending), (height, width)


def noise(height: int, width: int, mode: str, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3)).astype(np.uint8)).convert(mode)


def encoded(image: Image.Image, ending: str) -> bytes:
    content = io.BytesIO()
    image.save(content, {"jpg": "JPEG", "tif": "TIFF"}.get(ending, ending.upper()))
    return content.getvalue()


@st.composite
def damaged(draw) -> tuple[str, bytes]:
    "An image file that was cut, or some of whose bytes are others."
    ending, content, _ = draw(images())
    content = bytearray(content[:draw(st.integers(0, len(content)))] if draw(st.booleans()) else content)
    for _ in range(draw(st.integers(0, 8)) if content else 0):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return ending, bytes(content)


@pytest.fixture(scope="module")
def predictor(run) -> Predictor: return Predictor(run.path, CPU)


def predicted(predictor: Predictor, ending: str, content: bytes, folder: Path) -> np.ndarray | str:
    "A mask, or the message."
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    file = folder / f"image.{ending}"
    file.write_bytes(content)
    try: [written] = predict(predictor, [file], folder / "out")
    except UserError as error: return str(error)
    return np.asarray(Image.open(written.file))


@pytest.mark.slow
@EXAMPLES
@given(image=images())
def test_predict_gives_a_mask_of_the_image_s_size(predictor, tmp_path_factory, image):
    ending, content, size = image
    mask = predicted(predictor, ending, content, tmp_path_factory.getbasetemp() / "predicted")
    assert isinstance(mask, np.ndarray), mask
    assert mask.shape == size and mask.max() <= 1


@pytest.mark.slow
@EXAMPLES
@given(image=damaged())
def test_predict_says_what_is_wrong_with_a_damaged_image(predictor, tmp_path_factory, image):
    "Damage that a decoder doesn't notice gives a mask of what it decoded."
    mask = predicted(predictor, *image, tmp_path_factory.getbasetemp() / "predicted")
    if isinstance(mask, str): assert "can't be read as an image" in mask and len(mask.splitlines()) == 1
    else: assert mask.max() <= 1


def scored(run: Run, image: tuple[str, bytes], mask: tuple[str, bytes], root: Path):
    "Scores of a dataset whose validation image and mask are these, or the message."
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(run.config.data, root)
    for kind, (ending, content) in (("images", image), ("masks", mask)):
        (root / kind / "val" / "0.png").unlink()
        (root / kind / "val" / f"0.{ending}").write_bytes(content)
    try: return evaluate(run.path, "val", CPU, data=root)
    except UserError as error: return str(error)


@pytest.mark.slow
@FEWER
@given(image=images(), seed=st.integers(0, 9))
def test_evaluate_scores_at_the_mask_s_own_size(run, tmp_path_factory, image, seed):
    ending, content, (height, width) = image
    truth = np.random.default_rng(seed).integers(0, 2, (height, width)).astype(np.uint8)
    mask = "png", encoded(Image.fromarray(truth), "png")
    result = scored(run, (ending, content), mask, tmp_path_factory.getbasetemp() / "scored")
    assert not isinstance(result, str), result
    assert result.protocol["resolution"] == f"{height}x{width}"
    assert result.scores.confusion.sum(1).tolist() == np.bincount(truth.ravel(), minlength=2).tolist()


@pytest.mark.slow
@FEWER
@given(image=damaged(), mask=damaged())
def test_evaluate_says_what_is_wrong_with_a_damaged_sample(run, tmp_path_factory, image, mask):
    result = scored(run, image, mask, tmp_path_factory.getbasetemp() / "scored")
    if isinstance(result, str): assert len(result.splitlines()) == 1 and "/val/0." in result
    else: assert result.scores.confusion.sum() > 0
