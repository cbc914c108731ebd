"What a user can ask for."

import subprocess
import sys
from dataclasses import fields

import pytest
from command_line import linknet

from linknet_fastai.recipes import Recipe

COMMANDS = ("fit", "resume", "lr-find", "show-batch", "show-results", "evaluate", "predict", "datasets", "benchmark",
            "report", "runs", "table1")


def test_help_answers_without_torch():
    "Importing it would take 2 s and more."
    code = ("import sys\nfrom linknet_fastai.cli.main import main\nsys.argv = ['linknet-fastai', '--help']\n"
            "try: main()\nfinally: print('torch' in sys.modules)")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "False"
    for command in COMMANDS: assert command in result.stdout


@pytest.mark.parametrize("command", ["fit", "lr-find", "show-batch"])
def test_every_setting_of_a_recipe_is_a_flag(command):
    def joined(text): return "".join(text.split())  # wherever lines are broken
    text = joined(linknet(command, "--help").stdout)
    without = () if command == "fit" else ("epochs", "minutes", "lr")  # which would do nothing
    for field in fields(Recipe):
        if field.name in without:
            assert f"--{field.name}" not in text
            continue
        flag = "recipe" if field.name == "name" else field.name.replace("_", "-")
        assert f"--{flag}" in text
        if field.name != "name": assert joined(field.metadata["help"]) in text
    assert f"[rapid:{Recipe.batch_size}]" in text
