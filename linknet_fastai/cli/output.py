"Standard output and error that end no work: readers go away, disks are full, names hold what no terminal should see."

import errno
import os
import sys
from typing import Any, TextIO

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ..errors import UserError, printable

WIDEST = 10_000  # letters of a table


class LastingStream:
    """A text stream that takes whatever is written, also when its reader is gone or its disk full.

    `error` is the first that occurred, from which on all is dropped. Letters that its encoding hasn't are escaped.
    """

    def __init__(self, stream: TextIO):
        self.stream, self.error = stream, None
        if hasattr(stream, "reconfigure"): stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        self._attempt(self.stream.write, text)
        return len(text)

    def flush(self): self._attempt(self.stream.flush)

    def __getattr__(self, name: str) -> Any: return getattr(self.stream, name)

    def _attempt(self, act, *words):
        if self.error is not None: return
        try: act(*words)
        except OSError as error:
            self.error = error
            # what is in the stream's buffer goes nowhere, rather than fail again when Python ends
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)


class LastingOutput(LastingStream):
    "Standard output: when its reader is gone and more is said, standard error tells once that the work goes on."

    is_said = False

    def write(self, text: str) -> int:
        if self.error is not None and not self.is_said:
            self.is_said = True
            sys.stderr.write(f"note:     standard output can't be written ({self.error.strerror}); the work goes on\n")
        return super().write(text)

    def check(self):
        "`UserError` where something was lost that its reader, such as `head`, hadn't turned away from."
        self.flush()
        if self.error is not None and self.error.errno != errno.EPIPE:
            raise UserError(f"standard output can't be written ({self.error.strerror}), so what was printed is lost; "
                            "write it elsewhere.")


def make_streams_last() -> LastingOutput:
    "Put lasting streams in the places of standard output and error, which may be closed (`>&-`); the former."
    sys.stdout = LastingOutput(sys.stdout or open(os.devnull, "w"))
    sys.stderr = LastingStream(sys.stderr or open(os.devnull, "w"))
    return sys.stdout


class SafeConsole(Console):
    """rich's, for text from anywhere: control characters, such as those that drive a terminal, are written out.

    Tables have the width that they need, so that no name is cut: a narrow terminal wraps their lines.
    """

    def render_str(self, text: str, **how) -> Text:
        return super().render_str("\n".join(map(printable, text.split("\n"))), **how)

    def print_table(self, table: Table):
        options = self.options.update(max_width=WIDEST)
        width = max(self.width, Measurement.get(self, options, table).maximum)
        wide = SafeConsole(file=self.file, width=width, force_terminal=self.is_terminal, highlight=False,
                           markup=False, emoji=False, quiet=self.quiet)
        wide.print(table)
