"What is drawn of predictions."

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from linknet_fastai.reports import results


def test_names_are_paths_below_the_folder_of_all():
    def names(*paths): return results.image_names(SimpleNamespace(items=[SimpleNamespace(path=path) for path in paths]))
    assert names(Path("/data/a/1.png"), Path("/data/b/1.png")) == ["a/1.png", "b/1.png"]
    assert names(Path("/data/a/1.png")) == ["1.png"] and names() == []


def test_a_large_image_is_drawn_by_means_and_its_masks_by_the_middle_of_each_square(monkeypatch):
    "At half its size: 5x4 pixels in squares of 2, those at the lower border of a single row."
    monkeypatch.setattr(results, "LONGEST_SHOWN", 3)
    image = torch.tensor([[0, 2, 10, 10], [4, 6, 10, 30], [0, 0, 9, 9], [0, 8, 9, 9], [1, 3, 5, 7]], dtype=torch.uint8)
    truth = torch.arange(20, dtype=torch.uint8).reshape(5, 4)
    monkeypatch.setattr(results, "tiled_classes", lambda model, pixels, dl: truth.numpy() + pixels.shape[2])
    sample = SimpleNamespace(image=image.expand(3, -1, -1), mask=truth)
    [shown] = results.predict_samples(torch.nn.Identity(), SimpleNamespace(items=[sample], tiling=True), [0])
    assert shown.image.shape == (3, 3, 2) and shown.image.dtype == np.uint8
    assert (shown.image == [[3, 15], [2, 9], [2, 6]]).all()
    assert shown.truth.tolist() == [[5, 7], [13, 15], [17, 19]]
    assert shown.prediction.tolist() == [[8, 10], [16, 18], [20, 22]]
