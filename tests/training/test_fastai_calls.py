"Every row of docs/fastai.md, executed; and the values that stand behind them."

import copy
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import fastai.callback.all
import fastai.vision.all  # whoever knows fastai has imported it, and with it fastai's own drawing
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from fastai.callback.all import CSVLogger, MCDropoutCallback, ReduceLROnPlateau
from fastai.losses import CrossEntropyLossFlat
from fastai.optimizer import Adam, OptimWrapper
from fastai.torch_core import trainable_params
from PIL import Image

import linknet_fastai
from linknet_fastai import (
    Machine,
    Recipe,
    SegmentationDataLoaders,
    SegmentationInterpretation,
    UserError,
    linknet_learner,
)
from linknet_fastai.evaluation.confusion import confusion_matrices
from linknet_fastai.images.mask import VOID
from linknet_fastai.images.rgb import to_rgb
from linknet_fastai.models.autocast import plain_model
from linknet_fastai.training.optimizers import discriminative_lr

DOC = Path(__file__).parents[2] / "docs" / "fastai.md"
ROWS = re.findall(r"^\| `(.+?)` \| (.+) \|$", DOC.read_text(), re.MULTILINE)
RECIPE = Recipe(encoder="test_resnet", weights="none", batch_size=4, lr=1e-2, size=(64, 64))
CPU = Machine(torch.device("cpu"), "fp32")


def accuracy_of_pixels(logits, masks): return (logits.argmax(1) == masks).float().mean()


def learner(dataset, path: Path, recipe: Recipe = RECIPE, **kwargs):
    "Quiet: no bars, no tables."
    learn = linknet_learner(SegmentationDataLoaders.from_dataset(dataset, recipe, "cpu"), recipe, CPU, path=path,
                            **kwargs)
    learn.logger = lambda *words: None
    return learn


@pytest.fixture
def dataset(tiny_dataset): return tiny_dataset


@pytest.fixture
def learn(dataset, tmp_path):
    yield learner(dataset, tmp_path)
    plt.close("all")


@pytest.fixture
def trained(learn):
    with learn.no_bar():
        learn.fit_one_cycle(4)
        yield learn


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("call, verdict", ROWS, ids=[call for call, _ in ROWS])
def test_the_table_is_true(call, verdict, dataset, tmp_path):
    learn = learner(dataset, tmp_path)
    learn.fit(1, 1e-3)
    path = dataset.split("val").image.iloc[0]
    names = vars(fastai.vision.all) | vars(fastai.callback.all) | globals() | dict(
        learn=learn, dls=learn.dls, recipe=RECIPE, folder=tmp_path / "other", path=path, image=Image.open(path),
        array=np.asarray(Image.open(path)))
    if verdict.startswith("can't"):
        with pytest.raises(UserError) as raised: exec(call, names)
        assert len(str(raised.value).splitlines()) == 1
    else: exec(call, names)
    plt.close("all")


def test_the_table_says_of_each_row_what_it_does():
    assert len(ROWS) > 40
    for _, verdict in ROWS: assert verdict.startswith(("works", "differs", "can't", "fastai has no such method"))


# The same seed, the same weights

def weights(learn) -> list[torch.Tensor]: return list(learn.model.state_dict().values())


def same_weights(one, other) -> bool: return all(map(torch.equal, weights(one), weights(other)))


def test_the_same_seed_trains_the_same_weights(dataset, tmp_path):
    first, again = (learner(dataset, tmp_path) for _ in range(2))
    torch.rand(7)  # what is drawn in between doesn't matter
    third = linknet_learner(again.dls, RECIPE, CPU)
    third.logger = lambda *words: None
    for learn in (first, third):
        torch.manual_seed(RECIPE.seed)
        with learn.no_bar(): learn.fit_one_cycle(2)
    assert same_weights(first, third)
    other = learner(dataset, tmp_path, Recipe(**vars(RECIPE) | {"seed": 1}))
    assert not same_weights(other, again)


def test_fit_one_cycle_twice_step_by_step(dataset, tmp_path):
    results = []
    for _ in range(2):
        learn = learner(dataset, tmp_path)
        with learn.no_bar(): learn.fit_one_cycle(2)
        results.append(learn)
    assert same_weights(*results)


# What the caller passes

def test_the_caller_s_arguments_win_and_callbacks_and_metrics_are_added(dataset, tmp_path):
    loss = CrossEntropyLossFlat(axis=1, ignore_index=VOID)
    learn = learner(dataset, tmp_path, cbs=CSVLogger(), metrics=accuracy_of_pixels, loss_func=loss, opt_func=Adam,
                    lr=1e-4, wd=0.5,
                    moms=(0.8, 0.7, 0.8), splitter=trainable_params, model_dir="weights")
    assert (learn.loss_func, learn.opt_func, learn.lr, learn.wd, learn.moms) == (loss, Adam, 1e-4, 0.5, (0.8, 0.7, 0.8))
    assert learn.model_dir == "weights" and learn.path == tmp_path
    with learn.no_bar(): learn.fit(1)
    assert list(learn.recorder.metric_names)[3:-1] == ["miou", "class_accuracy", "dice", "pixel_accuracy",
                                                       "accuracy_of_pixels"]
    assert (tmp_path / "history.csv").is_file() and len(learn.opt.param_lists) == 1 and learn.opt.hypers[0]["wd"] == 0.5


def test_a_misspelt_argument_raises(dataset, tmp_path):
    with pytest.raises(TypeError, match="weight_decy"): learner(dataset, tmp_path, weight_decy=1)
    learn = learner(dataset, tmp_path)
    with pytest.raises(TypeError, match="show_batch"): learn.dls.show_batch(figsiz=(1, 1))


# Saving

def test_two_trainings_save_into_their_own_folders(dataset, tmp_path):
    one, other = learner(dataset, tmp_path / "one"), learner(dataset, tmp_path / "other",
                                                             Recipe(**vars(RECIPE) | {"seed": 1}))
    for learn in (one, other): learn.save("model")
    before = copy.deepcopy(one)
    one.load("model", with_opt=False)
    assert same_weights(one, before) and not same_weights(one, other)
    state = torch.load(tmp_path / "one/models/model.pth", weights_only=True)
    assert all(name.startswith("model.") for name in state)


def test_a_saved_optimizer_is_loaded_too(trained):
    trained.save("model")
    expected = [{key: value.clone() for key, value in state.items() if torch.is_tensor(value)}
                for state in trained.opt.opt.state.values()]
    with trained.no_bar(): trained.fit(1)
    trained.load("model")
    for state, values in zip(trained.opt.opt.state.values(), expected):
        for key, value in values.items(): assert torch.equal(state[key].cpu(), value)


def test_lr_find_leaves_no_folder(trained):
    before = copy.deepcopy(trained)
    trained.lr_find(num_it=8, show_plot=False)
    assert not (trained.path / "models").exists() and trained.model_dir == "models"
    assert same_weights(trained, before)


@pytest.mark.slow
def test_an_exported_learner_predicts_in_a_fresh_process(trained, dataset):
    path = dataset.split("val").image.iloc[1]
    trained.export("learn.pkl")
    expected = np.asarray(trained.predict(path)[0])
    code = ("import sys, numpy, fastai.learner\n"
            "mask, *_ = fastai.learner.load_learner(sys.argv[1]).predict(sys.argv[2])\n"
            "numpy.save(sys.argv[3], numpy.asarray(mask))")
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, trained.path / "learn.pkl", path,
                    trained.path / "mask.npy"],
                   check=True)
    assert (np.load(trained.path / "mask.npy") == expected).all()


def test_a_copied_learner_trains_for_itself(trained):
    before, other = copy.deepcopy(trained), copy.deepcopy(trained)
    with other.no_bar(): other.fit(1)
    assert same_weights(trained, before) and not same_weights(other, before)
    assert trained.metrics[0].value == before.metrics[0].value != other.metrics[0].value == other.confusion.scores.miou


# Interpretation

def by_hand(learn, items) -> np.ndarray:
    "Each image's confusion matrix, predicted one by one from the decoded samples."
    matrices = []
    learn.model.eval()
    for sample in items:
        images = learn.dls.valid.after_batch((fastai.torch_core.TensorImage(sample.image[None]),))[0]
        with torch.no_grad(): classes = learn.model(images).argmax(1)
        matrices.append(confusion_matrices(classes, sample.mask[None], len(learn.dls.vocab))[0].numpy())
    return np.stack(matrices)


def test_training_images_are_interpreted_whole(trained):
    interpretation = SegmentationInterpretation.from_learner(trained, ds_idx=0)
    items = trained.dls.train.items
    assert (interpretation.matrices == by_hand(trained, items)).all()
    assert interpretation.images["image"].tolist() == [item.path.name for item in items]
    again = SegmentationInterpretation.from_learner(trained, ds_idx=0)
    assert interpretation.worst_images(k=3).equals(again.worst_images(k=3))


@pytest.mark.parametrize("shuffled", [
    lambda dls: dls.valid.new(shuffle=True), lambda dls: dls.valid.new(shuffle=True, bs=3, drop_last=True),
    lambda dls: dls.valid.new(get_idxs=lambda: [3, 1, 0, 2])], ids=["shuffled", "last batch dropped", "own order"])
def test_everything_is_in_one_order_whatever_the_loader_does(trained, shuffled):
    usual, other = (SegmentationInterpretation.from_learner(trained, dl=dl) for dl in (None, shuffled(trained.dls)))
    assert (usual.matrices == other.matrices).all() and torch.equal(usual.losses, other.losses)
    assert usual.images.equals(other.images) and usual.worst_images().equals(other.worst_images())
    assert usual.top_losses()[1].tolist() == other.top_losses()[1].tolist()
    for one, two in zip(usual[[2, 0]], other[[2, 0]]): assert torch.equal(torch.as_tensor(one), torch.as_tensor(two))


def test_a_part_of_the_images_is_interpreted_alone(trained):
    usual = SegmentationInterpretation.from_learner(trained)
    part = SegmentationInterpretation.from_learner(trained, dl=trained.dls.valid.new(get_idxs=lambda: [3, 1]))
    assert (part.matrices == usual.matrices[[1, 3]]).all() and torch.equal(part.losses, usual.losses[[1, 3]])
    assert part.images["image"].tolist() == ["09.png", "11.png"]
    part.plot_worst_images(k=1)
    assert plt.gcf().axes[0].get_title("left").startswith(part.worst_images(k=1)["image"].iloc[0])
    shown = np.asarray(plt.gcf().axes[0].images[0].get_array())
    place = part.worst_images(k=1).index[0]
    assert (shown == np.asarray(Image.open(part.dl.items[place].path))).all()


def test_slices_and_fastai_s_keywords(trained):
    interpretation = SegmentationInterpretation.from_learner(trained)
    images, *_, losses = interpretation[0:3]
    assert len(images) == 3 and torch.equal(losses, interpretation.losses[:3]) and len(interpretation[-1][0]) == 1
    interpretation.matrices = np.array([[[8, 2, 0], [6, 4, 0], [1, 0, 199]]])
    assert interpretation.most_confused(min_val=3).values.tolist() == [["wall", "ground", 6, 0.6]]
    interpretation.plot_confusion_matrix(normalize=False, figsize=(5, 4))
    assert {text.get_text() for text in plt.gcf().axes[0].texts} >= {"8", "6", "199"}
    assert plt.gcf().get_size_inches().tolist() == [5, 4]
    SegmentationInterpretation.from_learner(trained).plot_top_losses([1, 0], figsize=(7, 6))
    assert plt.gcf().get_size_inches().tolist() == [7, 6] and len(plt.gcf().axes) == 8


# Batches and grids

def test_unique_shows_one_image_in_several_views(learn):
    images, _ = learn.dls.train.decode(learn.dls.train.new(get_idxs=lambda: [0] * 4).one_batch())
    assert not torch.equal(images[0], images[1])
    learn.dls.show_batch(unique=True, max_n=4, nrows=2, ncols=2, figsize=(8, 6))
    figure = plt.gcf()
    assert figure.get_size_inches().tolist() == [8, 6] and len(figure.axes) == 8
    masks = [axis.images[0].get_array() for axis in figure.axes[1::2]]
    assert len({mask.tobytes() for mask in masks}) > 1


def test_a_grid_leaves_out_what_doesn_t_fit(learn):
    learn.show_results(max_n=4, nrows=1, ncols=2, shuffle=False)
    assert len(plt.gcf().axes) == 2 * 3


# Test images

def test_images_are_decoded_when_a_batch_asks(learn, dataset, monkeypatch):
    from linknet_fastai.images.format import ImageFormat
    opened, usual = [], ImageFormat.read
    monkeypatch.setattr(ImageFormat, "read", lambda self, source: opened.append(source) or usual(self, source))
    dl = learn.dls.test_dl([dataset.table.image.iloc[0]] * 1000, bs=4)
    assert len(opened) == 0
    next(iter(dl))
    assert len(opened) <= 8


def test_an_image_is_the_same_whatever_holds_it(trained, dataset, tmp_path):
    path = dataset.split("val").image.iloc[0]
    array = np.asarray(Image.open(path))
    expected = trained.predict(path)[2]
    for item in (str(path), Image.open(path), array, torch.from_numpy(array.copy()).permute(2, 0, 1),
                 fastai.vision.all.PILImage.create(path)):
        assert torch.equal(trained.predict(item)[2], expected), type(item)
    dl = trained.dls.test_dl([path, array], with_labels=False)
    torch.testing.assert_close(trained.get_preds(dl=dl)[0][1], expected)


def test_labels_are_found_by_the_image_file_or_given(trained, dataset, tmp_path):
    rows = dataset.split("val")
    expected = list(trained.validate())
    tuples = [(str(image), str(mask)) for image, mask in zip(rows.image, rows["mask"])]
    for items in (list(rows.image), tuples):
        found = list(trained.validate(dl=trained.dls.test_dl(items, with_labels=True, bs=4)))
        assert found == pytest.approx(expected)
    stranger = tmp_path / "stranger.png"
    with pytest.raises(UserError, match=re.escape(str(stranger))): trained.dls.test_dl([stranger], with_labels=True)


def test_a_validation_is_the_same_each_time(trained):
    assert len({tuple(trained.validate()) for _ in range(5)}) == 1


def test_images_of_unequal_sizes_are_predicted_one_by_one(dataset, tmp_path):
    for number, size in enumerate([(64, 64), (96, 64), (64, 96)]):
        pixels = np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    learn = learner(dataset, tmp_path, Recipe(**vars(RECIPE) | {"size": None}))
    files = [tmp_path / f"{number}.png" for number in range(3)]
    with learn.no_bar():
        apart = [learn.get_preds(dl=learn.dls.test_dl([file]))[0][0] for file in files]
        together, _, classes = learn.get_preds(dl=learn.dls.test_dl(files), with_decoded=True)
        blended, _ = learn.tta(dl=learn.dls.test_dl(files))
    for one, other, decoded, both in zip(apart, together, classes, blended):
        assert torch.allclose(one, other, atol=1e-6) and torch.equal(decoded, other.argmax(0))
        assert both.shape == one.shape and torch.allclose(both.sum(0), torch.ones(both.shape[1:]))


def test_tta_takes_fastai_s_words(trained):
    (mirrored, plain), masks = trained.tta(beta=None)
    assert torch.equal(plain, trained.get_preds()[0]) and len(masks) == 4
    assert torch.allclose(trained.tta()[0], (plain + mirrored) / 2)
    assert torch.allclose(trained.tta(beta=0.25)[0], 0.75 * mirrored + 0.25 * plain)
    assert torch.equal(trained.tta(use_max=True)[0], torch.maximum(plain, mirrored))


# Precision, callbacks

def test_precisions_change_the_model_s_own_autocast(learn):
    assert learn.to_bf16().model.machine.precision == "bf16"
    with learn.no_bar(): learn.fit(1, 1e-3)
    assert {value.dtype for value in plain_model(learn.model).parameters()} == {torch.float32}
    assert learn.to_fp32().model.machine.precision == "fp32"
    with pytest.raises(UserError, match="fp16 needs a CUDA GPU"): learn.to_fp16()


class Batches(fastai.callback.core.Callback):
    "Keeps the first batch as the model and the loss get it."

    order = 99

    def before_batch(self):
        if not hasattr(self, "images"): self.images, self.masks = self.x.clone(), self.y.clone()


def test_cutmix_takes_the_masks_with_the_images(learn):
    "An image of one color a class: wherever the color is, the class is."
    for sample in learn.dls.train.items:
        sample.mask[sample.mask == VOID] = 0
        sample.image.copy_(sample.mask * 60)
    learn.dls.train.after_batch.fs.pop(1)  # no augmentation
    kept = Batches()
    with learn.no_bar(): learn.fit(1, 1e-3, cbs=[linknet_fastai.CutMix(), kept])
    values = learn.dls.train.decode((kept.images, kept.masks))[0][:, 0]
    assert torch.equal((values / 60).round(), kept.masks.cpu().float())  # decoded to one less or the same
    originals = {sample.mask.numpy().tobytes() for sample in learn.dls.train.items}
    assert any(mask.numpy().tobytes() not in originals for mask in kept.masks.cpu())


def test_mixup_blends_the_losses_of_both_masks(learn):
    torch.manual_seed(0)
    mixup = linknet_fastai.MixUp()
    mixup.learn = learn
    images, masks = learn.dls.train.one_batch()
    learn.xb, learn.yb = (images,), (masks,)
    learn.loss_func.dice_weight = 0  # which draws at random
    mixup.before_batch()
    learn.pred = torch.randn(len(images), 3, 64, 64)
    loss, other = learn.loss_func(learn.pred, masks), learn.loss_func(learn.pred, mixup.other)
    learn.loss_grad = learn.loss = loss
    mixup.after_loss()
    assert torch.allclose(learn.loss, mixup.lam * loss + (1 - mixup.lam) * other)
    assert torch.equal(learn.loss, learn.loss_grad) and not torch.equal(learn.xb[0], images)


class Stopped(fastai.callback.core.Callback):
    def before_step(self): raise KeyboardInterrupt


def test_mixup_that_is_interrupted_leaves_nothing_behind(trained):
    expected = trained.validate()
    with pytest.raises(KeyboardInterrupt), trained.no_bar():
        trained.fit(1, 1e-9, cbs=[linknet_fastai.MixUp(), Stopped()])
    assert trained.validate()[0] == pytest.approx(expected[0], rel=0.05)  # BatchNorms have seen a batch
    assert torch.allclose(trained.get_preds()[0].sum(1), torch.ones(4, 64, 64))


# fastai's callbacks that set hyperparameters

def test_reduce_lr_on_plateau_reduces_the_lr(learn):
    rates = Rates()
    with learn.no_bar():
        learn.fit(4, 1e-3, cbs=[ReduceLROnPlateau("valid_loss", min_delta=100.0, patience=1), rates])
    steps = len(learn.dls.train)
    assert [groups[-1] for groups in rates.seen[::steps]] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-5])


def test_an_optimizer_without_momentum_gets_none(dataset, tmp_path):
    learn = learner(dataset, tmp_path, Recipe(**vars(RECIPE) | {"optimizer": "rmsprop"}))
    with learn.no_bar():
        learn.fit(1, 1e-4)
        learn.fit_one_cycle(1, 1e-4)
    assert {group["momentum"] for group in learn.opt.opt.param_groups} == {0}


def test_any_optimizer_of_torch_s(dataset, tmp_path):
    learn = learner(dataset, tmp_path, opt_func=partial(OptimWrapper, opt=torch.optim.NAdam))
    with learn.no_bar(): learn.fit(1)
    assert {group["lr"] for group in learn.opt.hypers} == {RECIPE.lr}


def test_fastai_s_loggers_get_decoded_results(learn):
    batch = learn.dls.valid.one_batch()
    *_, samples, classes = learn.dls.valid.show_results(batch, batch[1], max_n=2, show=False)
    assert len(samples) == len(classes) == 2 and torch.equal(classes[0][0], batch[1][0])


def test_dropout_is_there_in_enet(dataset, tmp_path):
    learn = learner(dataset, tmp_path, Recipe(model="enet", weights="none", batch_size=4, size=(64, 64)))
    with learn.no_bar():
        one, other = (learn.get_preds(cbs=MCDropoutCallback())[0] for _ in range(2))
    assert not torch.equal(one, other)


# fine_tune in a run is fastai's

class Rates(fastai.callback.core.Callback):
    def before_fit(self): self.seen = getattr(self, "seen", [])

    def before_step(self): self.seen.append([group["lr"] for group in self.opt.hypers])


def test_frozen_epochs_are_fastai_s_fine_tune(dataset, tmp_path):
    from linknet_fastai.training.schedules import fit_schedule
    recipe = Recipe(**vars(RECIPE) | {"epochs": 2, "freeze_epochs": 1, "encoder_lr": 0.1})
    ours, theirs = (learner(dataset, tmp_path, recipe) for _ in range(2))
    rates = Rates(), Rates()
    with ours.no_bar(): fit_schedule(ours, recipe, None, [rates[0]])
    torch.manual_seed(recipe.seed)
    theirs.lr = discriminative_lr(recipe.lr, recipe)
    with theirs.no_bar(): theirs.fine_tune(2, recipe.lr, freeze_epochs=1, lr_mult=10, cbs=rates[1])
    frozen = len(theirs.dls.train)
    assert [group[1] for group in rates[0].seen] == pytest.approx([group[1] for group in rates[1].seen], rel=1e-4)
    assert rates[0].seen[frozen:] == [pytest.approx(groups, rel=1e-4) for groups in rates[1].seen[frozen:]]


def test_16_bits_are_the_same_whatever_holds_them(tmp_path):
    deep = np.full((4, 6), 40_000, np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    expected = np.full((4, 6, 3), round(40_000 / 65_535 * 255), np.uint8)
    for source in (tmp_path / "deep.png", Image.open(tmp_path / "deep.png"), deep):
        assert (np.asarray(to_rgb(source, (0, 65_535))) == expected).all()
        with pytest.raises(UserError, match="more than 8 bits"): to_rgb(source)
