"What `datasets convert` wrote is compared with its source before it stands there."

from dataclasses import replace

import pytest
from folders import save_colors, stripes, write_folder

from linknet_fastai.datasets.folder import folder
from linknet_fastai.errors import UserError
from linknet_fastai.workflows import convert


@pytest.mark.parametrize("values", [(1, 2, 3), (0, 128, 255), (7, 8, 11)])
def test_classes_that_are_called_by_their_values_are_written(tmp_path, values):
    convert.convert(write_folder(tmp_path / "source", stripes(values)), tmp_path / "plain")
    assert folder(tmp_path / "plain").classes == tuple(map(str, values))


def test_classes_that_are_called_by_their_colors_are_written(tmp_path):
    colors = ((0, 0, 0), (128, 0, 0), (0, 128, 0))
    convert.convert(write_folder(tmp_path / "source", stripes((0, 1, 2)), save=save_colors(colors)), tmp_path / "plain")
    assert folder(tmp_path / "plain").classes == ("000000", "008000", "800000")


def test_masks_that_would_be_read_as_other_classes_are_not_written(tmp_path, monkeypatch):
    source, open_dataset = write_folder(tmp_path / "source", stripes((0, 1), 2), "road\nsky\n"), convert.open_dataset
    def opened(name, root, *words):
        dataset = open_dataset(name, root, *words)
        return dataset if root == source else replace(dataset, values={0: 1, 1: 0, 255: 255})
    monkeypatch.setattr(convert, "open_dataset", opened)
    with pytest.raises(UserError, match="plain: was not written, since 0, 1 in its masks"):
        convert.convert(source, tmp_path / "plain")
    assert not (tmp_path / "plain").exists()
