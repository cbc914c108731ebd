"Label Studio's own run lengths: the RGBA pixels of a brush layer in packed bits."

import numpy as np

from ...errors import UserError


class Bits:
    "Numbers of so many bits each, one after another, from bytes; `IndexError` past the end."

    def __init__(self, content: bytes):
        self.bits, self.at = np.unpackbits(np.frombuffer(content, dtype=np.uint8)), 0

    def number(self, width: int) -> int: return int(self.numbers(1, width)[0])

    def numbers(self, count: int, width: int) -> np.ndarray:
        "int64 `[count]`."
        taken = self.bits[self.at:self.at + count * width]
        if len(taken) < count * width: raise IndexError("the bits are at their end")
        self.at += count * width
        return taken.reshape(count, width) @ (1 << np.arange(width - 1, -1, -1))


def decode_brush(content: bytes, size: tuple[int, int], where: str) -> np.ndarray:
    """Bool `[H,W]` of what was brushed: where the layer isn't transparent.

    The format is that of @thi.ng/rle-pack: the number of values, the width of a value, the widths of four kinds of run
    lengths; then runs, each of one value or of several. `UserError`, which says `where`, for what is cut short, damaged
    or of another size.
    """
    height, width = size
    bits = Bits(content)
    try:
        total, word = bits.number(32), bits.number(5) + 1
        if total != height * width * 4 or word > 8:
            raise UserError(f"{where}: its brush holds {total} values, and {height}x{width} pixels have "
                            f"{height * width * 4}; export it again.")
        widths = [bits.number(4) + 1 for _ in range(4)]
        values, at = np.zeros(total, dtype=np.uint8), 0
        while at < total:
            is_run, kind = bits.number(1), bits.number(2)
            length = bits.number(widths[kind]) + 1
            if at + length > total: raise IndexError("a run goes on past the end")
            values[at:at + length] = bits.number(word) if is_run else bits.numbers(length, word)
            at += length
    except IndexError as error: raise UserError(f"{where}: its brush is damaged ({error}); export it again.") from error
    return values.reshape(height, width, 4)[..., 3] > 0
