"TIFF files by rows: of one that is too large to be read at once, only what lies in the rows that are asked for."

from math import ceil, prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, PLANARCONFIG, TiffPage

from ..errors import hxw
from .tiff import check_upright, first_page

LARGEST_BAND = 1 << 29  # bytes of the rows that one strip, or one row of tiles, covers: they are decoded together
PLAIN_BAND = 1 << 24  # bytes that are read together of a file whose numbers needn't be decoded
WITH_TABLES = (COMPRESSION.OJPEG, COMPRESSION.JPEG)  # whose tables stand once in the header
PLAIN = (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB)


class TiffRows:
    """The first page of a TIFF file, of which `rows[top:bottom]` are `[r,W,C]` with the numbers that the file has.

    Strips or tiles outside the rows aren't decoded; those of the last rows are kept, so that rows from top to bottom
    that overlap cost each once. Where all numbers lie in the file as they are, one strip may be the whole image. Of
    files that are damaged, or can't be read by rows for sure, this raises whatever tifffile does, or ValueError;
    `opening` makes one message of it.
    """

    def __init__(self, path: str | Path):
        self._path = path
        with first_page(path) as (page, _):
            check_upright(page)
            _check_kind(page)
            self._is_planar = page.planarconfig == PLANARCONFIG.SEPARATE and page.samplesperpixel > 1
            self.shape = page.imagelength, page.imagewidth, page.samplesperpixel
            self.dtype = np.dtype(page.dtype)
            self._stored = self.dtype.newbyteorder(page.parent.byteorder)
            self._nodata = page.nodata
            self._height = min(page.tilelength if page.is_tiled else page.rowsperstrip, page.imagelength)
            self._across = ceil(page.imagewidth / page.tilewidth) if page.is_tiled else 1
            self._offsets, self._counts = page.dataoffsets, page.databytecounts
            self._tables = _tables(page)
            self._decode = page.decode
            self._check_segments(page)
            self._start = self._plain_start(page)
            if self._start is not None: self._height = max(1, PLAIN_BAND // self._row_size)
            elif self._height * self._row_size > LARGEST_BAND:
                raise ValueError(f"its strips or tiles cover {self._height} rows of {self.shape[1]} pixels each, too "
                                 "many to be decoded at once; save it in tiles of 512x512")
        self._bands: dict[int, np.ndarray] = {}  # by their number from the top

    def __getitem__(self, rows: slice) -> np.ndarray:
        top, bottom, _ = rows.indices(self.shape[0])
        if bottom <= top: return np.empty((0, *self.shape[1:]), self.dtype)
        first, last = top // self._height, (bottom - 1) // self._height
        self._bands = {number: band for number, band in self._bands.items() if first <= number <= last}
        values = np.empty((bottom - top, *self.shape[1:]), self.dtype)
        with open(self._path, "rb") as file:
            for number in range(first, last + 1):
                if number not in self._bands: self._bands[number] = self._band(file, number)
                start = number * self._height
                here = slice(max(top, start), min(bottom, start + self._height))
                values[here.start - top:here.stop - top] = self._bands[number][here.start - start:here.stop - start]
        return values

    def _band(self, file: BinaryIO, number: int) -> np.ndarray:
        "What one strip covers, or one row of tiles, of all channels: `[h,W,C]`."
        start = number * self._height
        if self._start is not None: return self._plain_band(file, start)
        band = np.full((min(self._height, self.shape[0] - start), *self.shape[1:]), self._nodata, self.dtype)
        planes = self.shape[2] if self._is_planar else 1
        for plane in range(planes):
            first = plane * len(self._offsets) // planes + number * self._across
            part = band[..., plane:plane + 1] if self._is_planar else band
            for index in range(first, first + self._across): self._decode_into(part, start, file, index)
        return band

    def _plain_band(self, file: BinaryIO, start: int) -> np.ndarray:
        "As `_band`, of numbers that lie in the file as they are, one row or one plane after the other."
        height, width, channels = self.shape
        rows = min(self._height, height - start)
        planes = channels if self._is_planar else 1
        row = self._row_size // planes
        parts = []
        for plane in range(planes):
            file.seek(self._start + (plane * height + start) * row)
            data = file.read(rows * row)
            if len(data) < rows * row: raise ValueError("it is cut short")
            parts.append(np.frombuffer(data, self._stored).reshape(rows, width, -1))
        return np.concatenate(parts, axis=-1).astype(self.dtype, copy=False)

    def _decode_into(self, band: np.ndarray, start: int, file: BinaryIO, index: int):
        if self._counts[index] == 0: return  # a tile that isn't stored, since it is empty
        file.seek(self._offsets[index])
        data = file.read(self._counts[index])
        if len(data) < self._counts[index]: raise ValueError("it is cut short")
        values, (_, _, top, left, _), shape = self._decode(data, index, **self._tables)
        part = band[top - start:, left:left + shape[2]]
        values = values[0, :part.shape[0], :part.shape[1]]  # tiles reach beyond the image
        if values.shape != part.shape: raise ValueError(f"strip or tile {index} is cut short")
        part[:] = values

    def _check_segments(self, page: TiffPage):
        "Before anything is decoded: as many strips or tiles as the size needs, inside the file."
        planes = self.shape[2] if self._is_planar else 1
        expected = planes * self._across * ceil(self.shape[0] / self._height)
        if not len(self._offsets) == len(self._counts) == expected:
            raise ValueError(f"{hxw(self.shape)} pixels need {expected} strips or tiles, and it has "
                             f"{len(self._offsets)}")
        ends = [offset + count for offset, count in zip(self._offsets, self._counts)]
        if min(self._offsets) < 0 or max(ends) > page.parent.filehandle.size: raise ValueError("it is cut short")

    def _plain_start(self, page: TiffPage) -> int | None:
        "Where the numbers begin, if all lie in the file as they are, one strip after the other."
        ends = [offset + count for offset, count in zip(self._offsets, self._counts)]
        is_plain = page.is_final and ends[-1] - self._offsets[0] == page.nbytes and ends[:-1] == [*self._offsets[1:]]
        return self._offsets[0] if is_plain else None

    @property
    def _row_size(self) -> int:
        "The bytes of a row, of all channels."
        return prod(self.shape[1:]) * self.dtype.itemsize


def _check_kind(page: TiffPage):
    "ValueError for what isn't plain numbers, from black up, or red, green and blue ones."
    is_jpeg = page.photometric == PHOTOMETRIC.YCBCR and page.compression == COMPRESSION.JPEG  # decoded to RGB
    if page.photometric not in PLAIN and not is_jpeg:
        name = getattr(page.photometric, "name", page.photometric)
        raise ValueError(f"colors of the kind {name} aren't read by rows; convert it to gray or RGB")
    if page.dtype.kind not in "uif" or page.bitspersample != 8 * page.dtype.itemsize:
        raise ValueError(f"numbers of {page.bitspersample} bits aren't read by rows; convert it to 8 or 16")
    if EXTRASAMPLE.ASSOCALPHA in page.extrasamples:
        raise ValueError("its colors are multiplied by transparency; save it without")
    if page.imagedepth != 1 or page.subsampling not in (None, (1, 1)) and not is_jpeg:
        raise ValueError("it isn't laid out by rows of pixels")


def _tables(page: TiffPage) -> dict[str, Any]:
    if page.compression not in WITH_TABLES: return {}
    return {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
