from dataclasses import replace

import pytest
from finished_run import CONFIG, finished_run

from linknet_fastai.errors import UserError
from linknet_fastai.evaluation.result import read_result
from linknet_fastai.runs.listing import list_runs
from linknet_fastai.runs.run import Run


def test_the_best_run_comes_first_and_one_without_an_epoch_last(tmp_path):
    good, bad = finished_run(tmp_path / "good"), finished_run(tmp_path / "bad", wrong=0.5)
    Run.create(tmp_path / "begun", replace(CONFIG, recipe={"name": "paper", "epochs": 9, "freeze_epochs": 2}))
    (tmp_path / "notes").mkdir()
    rows, unreadable = list_runs(tmp_path)
    best = [f"{100 * read_result(run).scores.miou:.1f}" for run in (good, bad)]
    assert unreadable == [] and rows == [
        ("good", "tiny", "tiny3", "rapid", "3/3", "0.1", best[0]),
        ("bad", "tiny", "tiny3", "rapid", "3/3", "0.1", best[1]),
        ("begun", "tiny", "tiny3", "paper", "0/11", "0.0", "-")]


def test_a_run_of_another_version_is_named_and_the_others_listed(tmp_path):
    finished_run(tmp_path / "good")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text('{"format": 1}')
    rows, [error] = list_runs(tmp_path)
    assert [row[0] for row in rows] == ["good"] and str(error).startswith(f"{tmp_path / 'old'}: ")


def test_a_folder_without_runs_is_named(tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path / 'none'}: "): list_runs(tmp_path / "none")


def test_the_miou_is_that_of_the_scores_or_of_epochs_on_the_same_data(tmp_path):
    "Whatever epochs had on other data: 0.2 and 0.4 of this history are before the last."
    run = finished_run(tmp_path / "run")
    history = run.history
    run.write_csv("history.csv", history.assign(miou=[0.99, 0.4, 0.3]))
    def shown() -> str: return list_runs(tmp_path)[0][0][-1]
    assert shown() == f"{100 * read_result(run).scores.miou:.1f}"
    (run.path / "scores.json").unlink()
    assert shown() == "99.0"
    run.rewrite_config(compared_from=1)
    assert shown() == "40.0"
    run.rewrite_config(compared_from=3)
    assert shown() == "-"


def test_scores_that_are_damaged_are_named(tmp_path):
    (finished_run(tmp_path / "run").path / "scores.json").write_text('{"scores": {"miou": "high"}}')
    [error] = list_runs(tmp_path)[1]
    assert "scores.json: is damaged" in str(error)
