"Images on their way through a model: read ahead, predicted, written behind; what fails is one image's matter."

import warnings
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ...datasets.left_out import describe_left_out, left_out_of
from ...deploy.base_predictor import BasePredictor
from ...deploy.georeference import Georeference, georeference
from ...deploy.output import EXTRAS, FORMATS, Predicted
from ...deploy.scale import other_scale
from ...errors import Note, UserError, counted, printable
from ...files import NotWritten, writable_folder
from ...runtime.memory import is_out_of_memory
from .options import Failed, PredictOptions, Written
from .overlap import WEIGHT, read_ahead, write_behind
from .record import PredictRecord, state_of
from .targets import Target


@dataclass(frozen=True)
class Seen:
    "A target's pixels, uint8 `[H,W,C]`, where on the earth they lie, and what its file holds beside."

    target: Target
    pixels: np.ndarray
    place: Georeference | None
    left_out: list[str]


class PredictJob:
    "What has become of the images so far: `written` and `failed`."

    def __init__(self, predictor: BasePredictor, out: Path, options: PredictOptions, record: PredictRecord):
        self.predictor, self.out, self.options, self.record = predictor, out, options, record
        self.format = FORMATS[options.format]
        self.written: list[Written] = []
        self.failed: list[Failed] = []
        self.parts: list[Any] = []  # of a file that is shared
        self.left_out: Counter[str] = Counter()
        self.scales: list[str] = []

    def fail(self, failed: Failed):
        "Add an image that has no prediction."
        self.failed.append(failed)
        self.options.observe(failed)

    @contextmanager
    def one_by_one(self, target: Target) -> Iterator[None]:
        "What goes wrong with one image goes to `failed`, and no further."
        try: yield
        except UserError as error: self.fail(Failed(target.image, error.message))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error): raise
            self.fail(Failed(target.image, printable(f"{target.image}: is too large for this machine's memory; predict "
                                                     "it by tiles with `--tile HxW`.")))

    def least_certain(self, targets: list[Target]) -> list[Target]:
        "So many targets as are asked for, with their certainties, in that order."
        rated = []
        for target in self.options.progress(targets, len(targets)):
            with self.one_by_one(target):
                rated.append(replace(target, certainty=self.predictor.certainty(target.image)))
        return sorted(rated, key=lambda target: target.certainty)[:self.options.least_certain]

    def write_all(self, targets: list[Target]):
        "Predict and write them; errors of images go to `failed`, one of the disk ends it."
        pending: deque[Future] = deque()
        with (closing(read_ahead(targets, self._read, lambda seen: prod(seen.pixels.shape[:2]))) as reading,
              write_behind(_weight) as write):
            for pair in self._predicted(self.options.progress(reading, len(targets))):
                pending.append(write(self._write, pair))
                while pending and pending[0].done(): self._finish(pending.popleft())
        for future in pending: self._finish(future)
        if self.format.shared and self.written:
            self.format.finish(self.out / self.format.shared, self.parts, self.predictor.card)

    def tell_notes(self):
        "Notes about what images hold that isn't predicted from, and about their scale."
        if self.left_out: tell(describe_left_out(self.left_out))
        if self.scales: tell(f"{counted(len(self.scales), 'image')} of another scale than in training; the first: "
                              f"{self.scales[0]}")

    def _read(self, target: Target) -> Seen:
        target = replace(target, state=state_of(target.image))  # before: it may be written anew meanwhile
        place, facts = georeference(target.image), left_out_of(target.image, self.predictor.card.channels)
        return Seen(target, self.predictor.read(target.image), place, facts)

    def _predicted(self, reading: Iterable[tuple[Target, Future]]) -> Iterator[tuple[Target, Predicted]]:
        "What is read, predicted in batches of one size."
        batch: list[Seen] = []
        for target, future in reading:
            seen = None
            with self.one_by_one(target): seen = future.result()
            if seen is None: continue
            self._take_notes(seen)
            if batch and batch[0].pixels.shape != seen.pixels.shape:
                yield from self._predict_batch(batch)
                batch = []
            batch.append(seen)
            if len(batch) >= self._most_at_once(seen.pixels):
                yield from self._predict_batch(batch)
                batch = []
        yield from self._predict_batch(batch)

    def _most_at_once(self, pixels: np.ndarray) -> int:
        if self.predictor.is_tiled or self.options.probabilities: return 1
        return min(self.predictor.batch_size, max(1, WEIGHT // prod(pixels.shape[:2])))

    def _take_notes(self, seen: Seen):
        self.left_out.update(seen.left_out)
        note = other_scale(seen.pixels.shape[:2], self.predictor.card, self.predictor.is_tiled)
        if note: self.scales.append(f"{seen.target.image}: {note}")

    def _predict_batch(self, batch: list[Seen]) -> Iterator[tuple[Target, Predicted]]:
        "All at once; one by one where memory is too short for that."
        masks = None
        if len(batch) > 1:
            try: masks = self.predictor.predict_batch([seen.pixels for seen in batch])
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error): raise
        for number, seen in enumerate(batch):
            predicted = self._as_predicted(seen, masks[number]) if masks else None
            if predicted is None:
                with self.one_by_one(seen.target): predicted = self._predict(seen)
            if predicted: yield seen.target, predicted

    def _predict(self, seen: Seen) -> Predicted:
        if not self.options.probabilities: return self._as_predicted(seen, self.predictor.predict(seen.pixels))
        probabilities = self.predictor.probabilities_of(seen.pixels)
        return self._as_predicted(seen, probabilities.argmax(0).astype(np.uint8), probabilities)

    def _as_predicted(self, seen: Seen, mask: np.ndarray, probabilities: np.ndarray | None = None) -> Predicted:
        target = seen.target
        return Predicted(target.image, target.relative, seen.pixels, mask, self.predictor.card, probabilities,
                         seen.place)

    def _write(self, pair: tuple[Target, Predicted]) -> tuple[Written | Failed, Any]:
        "What is told of it, and its part of a file that is shared."
        target, predicted = pair
        file = target.files[0] if target.files else self.out / self.format.shared
        for folder in {path.parent for path in (file, *target.extras)}: writable_folder(folder)
        self._remove_beside(target)
        self.record.begin(target.all_files)
        try: part = self._write_files(target, predicted)
        except NotWritten: raise  # the disk's matter, and so that of all that come
        except UserError as error: return Failed(target.image, error.message), None
        self.record.add(target.all_files, target.image, target.state)
        pixels = np.bincount(predicted.mask.ravel(), minlength=len(predicted.card.classes)).tolist()
        return Written(target.image, file, predicted.mask.shape, tuple(pixels), target.certainty), part

    def _write_files(self, target: Target, predicted: Predicted) -> Any:
        part = self.format.write(predicted, *target.files)
        for extra, path in zip(self.options.extras, target.extras): extra.write(predicted, path)
        return part

    def _remove_beside(self, target: Target):
        "What was written with a mask that is written over, so that nothing lies beside another model's or image's."
        for file in target.files:
            for path in (self.out / extra.name(target.relative) for extra in EXTRAS.values()):
                if self.record.is_beside(file, path):
                    with suppress(OSError): path.unlink()

    def _finish(self, future: Future):
        written, part = future.result()
        if isinstance(written, Failed): return self.fail(written)
        self.written.append(written)
        if self.format.shared: self.parts.append(part)
        self.options.observe(written)


def _weight(pair: tuple[Target, Predicted]) -> int:
    "Of a prediction that is to be written: its pixels, and those of its probabilities."
    _, predicted = pair
    return predicted.mask.size + (0 if predicted.probabilities is None else predicted.probabilities.size)


def tell(text: str):
    "A note to the user."
    warnings.warn(Note(text), stacklevel=3)
