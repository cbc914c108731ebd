"What users are told."

import pytest

from linknet_fastai.errors import UserError, as_word, check_choice, counted

FEW = ("adamw", "rmsprop", "sgd")
MANY = [f"{name}{number}" for name in ("resnet", "convnext", "vgg") for number in range(10, 40)]


def refusal(*words) -> str:
    with pytest.raises(UserError) as raised: check_choice(*words)
    return raised.value.message


def test_a_choice_that_is_there_is_taken():
    for name in FEW: check_choice("optimizer", name, FEW)
    check_choice("optimizer", "sgd", {"sgd": 1})
    check_choice("optimizer", "sgd", iter(FEW))


def test_few_choices_are_listed_and_the_nearest_suggested():
    message = refusal("optimizer", "adam", FEW)
    assert "optimizer" in message and "'adam'" in message and "adamw, rmsprop, sgd" in message
    assert "did you mean adamw?" in message


def test_nothing_is_suggested_where_nothing_is_near():
    message = refusal("optimizer", "zzz", FEW)
    assert "'zzz'" in message and "adamw, rmsprop, sgd" in message and "did you mean" not in message


def test_of_many_choices_only_the_near_ones_are_named():
    message = refusal("encoder", "resnet9", MANY)
    assert "'resnet9'" in message and "resnet19" in message
    assert "vgg" not in message and message.count("resnet") <= 4
    assert "resnet" not in refusal("encoder", "zzz", MANY)


def test_a_message_is_one_line_whatever_is_named():
    assert UserError("two\nlines, \x1b[31mred, Straße 日本").message == "two\\nlines, \\x1b[31mred, Straße 日本"
    assert "\n" not in refusal("encoder", "res\nnet", FEW)


def test_the_message_is_the_error_s_text_also_when_others_rewrite_its_args():
    error = UserError("a bad file")
    error.args = ("something else",)
    assert str(error) == error.message == "a bad file"


@pytest.mark.parametrize(("path", "word"), [("runs/camvid-1", "runs/camvid-1"), ("my runs/1", "'my runs/1'"),
                                            ("it's", "'it'\"'\"'s'"), ("two\nlines", "'two\\nlines'")])
def test_paths_in_commands_are_quoted_where_a_shell_needs_it(path, word): assert as_word(path) == word


def test_one_is_not_many():
    assert [counted(number, "epoch") for number in (0, 1, 2)] == ["0 epochs", "1 epoch", "2 epochs"]
