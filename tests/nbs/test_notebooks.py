"The tutorials: saved as they ran, and run again on the drawn streets."

import json
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from short_training import undrawn

from linknet_fastai.datasets.streets import streets
from linknet_fastai.recipes import Recipe
from linknet_fastai.runtime.device import Machine
from linknet_fastai.workflows.fit import FitOptions, fit

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "nbs").glob("*.ipynb"))


def code(notebook): return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_they_are_numbered_in_the_order_to_read_them_in():
    assert NOTEBOOKS and [path.stem[:2] for path in NOTEBOOKS] == [f"{number:02}" for number in range(len(NOTEBOOKS))]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_saved_as_it_ran_from_top_to_bottom(path):
    notebook = nbformat.read(path, 4)
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    assert outputs and not any(output.output_type == "error" or output.get("name") == "stderr" for output in outputs)
    assert any("assert " in cell.source for cell in code(notebook))
    for home in ("/home/", "/root/", "/work/", "/tmp/"): assert home not in path.read_text()


@pytest.fixture(scope="module")
def parameters(tmp_path_factory) -> dict[str, str]:
    """The cells that name what is on a disk, by the notebook.

    A short run of streets for the one of CamVid, where the cached table is, fewer epochs, and small cities.
    """
    table = streets().table.groupby("split").head(24)
    recipe = Recipe(encoder="test_resnet", weights="none", epochs=3, lr=1e-2, batch_size=8)
    out = tmp_path_factory.mktemp("runs") / "streets"
    machine = Machine(torch.device("cpu"), "fp32")
    with undrawn(): run = fit(replace(streets(), table=table), recipe, machine, FitOptions(out))
    cached = ROOT / "benchmarks" / "table1"
    small = 'side, crop, epochs, whole_epochs, encoder, lr = 512, 128, 12, 8, "test_resnet", 1e-2'
    return {"00_quickstart": 'out, epochs = "runs/quickstart", 5',
            "01_lr_find": 'encoder = "test_resnet"',
            "02_show_results": f"run_path, data = {str(run.path)!r}, None",
            "03_your_own_data": 'encoder, epochs = "test_resnet", 8',
            "04_table_1": f"cached = {str(cached)!r}",
            "05_fine_tune": 'epochs, encoder = 6, "test_resnet"',
            "06_large_images": small}


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_its_claims_hold(path, parameters, tmp_path):
    notebook = nbformat.read(path, 4)
    for cell in code(notebook):
        if "parameters" in cell.metadata.get("tags", []): cell.source = parameters.get(path.stem, cell.source)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()
    if path.stem == "00_quickstart":  # 5 of the README's 13 epochs: 51.7, where all have 63.2
        assert json.loads((tmp_path / "runs/quickstart/scores.json").read_text())["scores"]["miou"] > 0.45
