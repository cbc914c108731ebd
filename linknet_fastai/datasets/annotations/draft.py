"What the readers of all formats have in common: classes and images gathered, checked, and described."

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError, hxw
from ...images.exif import ON_ITS_SIDE
from ...images.header import image_size, orientation
from ...images.mask import VOID
from ..class_file import Color
from ..names import look
from .export_files import ExportFiles
from .shapes import SLACK, AnnotatedImage, Annotations, Shape, class_name, is_background


@dataclass
class Draft:
    "Annotations of the format `kind` in the making."

    kind: str
    files: ExportFiles
    classes: dict[str, Color | None] = field(default_factory=dict)
    images: dict[Path, AnnotatedImage] = field(default_factory=dict)
    sources: dict[Path, Path] = field(default_factory=dict)
    missing: list[tuple[str, Path]] = field(default_factory=list)
    notes: Counter = field(default_factory=Counter)
    others: set[Path] = field(default_factory=set)  # image files that are masks

    def label(self, name: str, where: str, color: Color | None = None) -> str | None:
        "The class of this name, added where it is new; None for void."
        label = class_name(name)
        if label == "": raise UserError(f"{where}: has no name for its class; correct it.")
        if label is None: return None
        if is_background(label): label = next(filter(is_background, self.classes), label)  # one class, however spelt
        self.classes[label] = self.classes.get(label) or color
        return label

    def polygons(self, label: str | None, rings: Sequence[np.ndarray], z: float = 0) -> Shape | None:
        "The shape within those `rings`, float `[N,2]`, of three points or more; others are noted. None without any."
        whole = tuple(ring for ring in rings if len(ring) >= 3)
        if len(whole) < len(rings): self.notes["polygons of fewer than three points are left out"] += 1
        return Shape(label, whole, z=z) if whole else None

    def add_named(self, name: str, source: Path, said: tuple[int, int] | None, **rest: Any):
        "The image that `source` calls `name`; noted as missing where there is none."
        image = self.files.image(name, source)
        if image is None: self.missing.append((name, source))
        else: self.add(image, source, said, **rest)

    def add(self, image: Path, source: Path, said: tuple[int, int] | None, **rest: Any):
        """Add an image that `source` annotates.

        `said` is the (height, width) that `source` gives it. `UserError` where that isn't the image's, and where
        another file annotates it, too.
        """
        if image in self.images:
            raise UserError(f"{image}: is annotated twice, in {self.sources[image]} and in {source}; remove one.")
        size = said if rest.get("content") else size_of(self.files.allowed(image), source, said)
        if not rest.get("content") and orientation(image) != 1:
            self.notes["images are turned by their EXIF tag, and annotations are read as drawn on them upright"] += 1
        split = rest.pop("split", None) or self.files.split_of(source, image.name) or self.files.split_of(image)
        self.images[image], self.sources[image] = AnnotatedImage(image, size, split, **rest), source

    def extend(self, image: Path, shapes: list[Shape]):
        "Shapes on an image that was added."
        self.images[image] = replace(self.images[image], shapes=(*self.images[image].shapes, *shapes))

    def annotations(self, with_background: bool = True) -> Annotations:
        "All of it. The background is the first class, if there are shapes."
        if self.missing:
            name, source = self.missing[0]
            raise UserError(f"{source}: {len(self.missing)} of its images, such as {name}, are not below "
                            f"{self.files.root}; put them there "
                            "under these names.")
        first = next(iter(self.sources.values()), self.files.root)
        if not self.images: raise UserError(f"{first}: annotates no image; export it again.")
        named = next(filter(is_background, self.classes), "background")
        classes = self.classes
        if with_background: classes = {named: classes.get(named) or (0, 0, 0)} | {name: classes[name]
                                                                                  for name in classes if name != named}
        if len(classes) < 2: raise UserError(f"{first}: has no class beside {', '.join(classes) or 'void'}; name one.")
        if len(classes) >= VOID:  # a mask has a byte a pixel, and the last value is void
            raise UserError(f"{first}: has {len(classes)} classes, more than {VOID - 1}; leave some out.")
        images = [self.images[path] for path in sorted(self.images)]
        self._refuse_fractions(images)
        colors = tuple(classes.values())
        is_palette = all(colors) and len(set(colors)) == len(colors)
        return Annotations(self.files.root, self._description(images, classes), tuple(classes),
                           colors if is_palette else None, _with_splits(images))

    def _refuse_fractions(self, images: list[AnnotatedImage]):
        "In all shapes of an annotation file."
        farthest: dict[Path, float] = {}
        for image in images:
            source = self.sources[image.image]
            for ring in (ring for shape in image.shapes for ring in shape.rings):
                farthest[source] = max(farthest.get(source, 0.0), float(ring.max()))
        for source, coordinate in farthest.items():
            if coordinate <= 1 + SLACK:
                raise UserError(f"{source}: has no coordinate above 1, so these are fractions of the image; export "
                                "pixels.")

    def _description(self, images: list[AnnotatedImage], classes: dict) -> str:
        "The format, what it holds, and what should be known of it."
        empty = sum(not image.shapes and image.mask is None for image in images)
        left_out = len(set(self.files.images) - set(self.images) - self.others)
        if empty: self.notes["images have no shape, so they are all background"] = empty
        if left_out: self.notes["other images have no annotation and are left out"] = left_out
        names = Counter(map(look, classes))
        alike = [name for name in classes if names[look(name)] > 1]
        what = f"classes differ in capitals or the form of accents alone: {', '.join(alike)}"
        if alike: self.notes[what] = len(alike)
        notes = [f"{count} {what}" for what, count in self.notes.items()]
        return "; ".join([f"{self.kind} ({len(images)} images, {len(classes)} classes)", *notes])


def size_of(image: Path, source: Path, said: tuple[int, int] | None) -> tuple[int, int]:
    "(height, width) of the upright image; `UserError` where `source` says another."
    size = image_size(image)
    if said is None or tuple(said) == size: return size
    turned = tuple(said) == size[::-1] and orientation(image) >= ON_ITS_SIDE
    hint = "annotate the image as it is"
    if turned: hint = "its EXIF tag turns it, and it was annotated unturned; save it without the tag"
    raise UserError(f"{source}: says that {image.name} is {hxw(said)}, but it is {hxw(size)}: {hint}.")


def _with_splits(images: list[AnnotatedImage]) -> list[AnnotatedImage]:
    """Without splits where there is one only: then a split is drawn.

    `UserError` where some images have one, and others not.
    """
    splits = {image.split for image in images}
    if len(splits) == 1:
        return [replace(image, split=None) for image in images]
    if None in splits:
        stray = next(image.image for image in images if image.split is None)
        raise UserError(f"{stray}: is in none of train, val and test, as others are; move it.")
    return images
