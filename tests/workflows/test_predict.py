"Which files are predicted, and where the masks go."

import numpy as np
import pytest
from finished_run import finished_run
from PIL import Image

from linknet_fastai.deploy.predictor import Predictor
from linknet_fastai.errors import UserError
from linknet_fastai.workflows.predict import predict


@pytest.fixture(scope="module")
def predictor(tmp_path_factory) -> Predictor:
    return Predictor(finished_run(tmp_path_factory.mktemp("runs") / "tiny").path)


@pytest.fixture
def images(tmp_path):
    for name in ("a.png", "deeper/b.jpg"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((20, 30, 3), 90, dtype=np.uint8)).save(path)
    return tmp_path / "images"


def files(folder): return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_masks_lie_as_the_images_do(predictor, images, tmp_path):
    written = predict(predictor, [images], tmp_path / "out")
    assert written == [tmp_path / "out" / "a.png", tmp_path / "out" / "deeper" / "b.png"]
    assert files(tmp_path / "out") == ["a.png", "a_overlay.png", "deeper/b.png", "deeper/b_overlay.png"]


def test_masks_within_the_images_folder_are_not_predicted_the_second_time(predictor, images):
    first = predict(predictor, [images], images / "masks")
    there = files(images)
    assert predict(predictor, [images], images / "masks") == first and files(images) == there and len(there) == 6


def test_an_overlay_that_is_named_is_predicted(predictor, images, tmp_path):
    out = images / "masks"
    predict(predictor, [images], out)
    assert len(predict(predictor, [out / "a_overlay.png"], tmp_path / "again")) == 1


def test_an_image_is_never_overwritten(predictor, images):
    before = (images / "a.png").read_bytes()
    with pytest.raises(UserError, match="a.png.*--out"): predict(predictor, [images], images)
    assert (images / "a.png").read_bytes() == before and files(images) == ["a.png", "deeper/b.jpg"]
