"The program: it runs a command, and how it ends."

import errno
import signal
import sys
import warnings

from rich.markup import escape

from ..errors import Interrupted, Note, UserError, as_word, printable
from ..runtime.waiting import wait_briefly
from .app import app
from .console import console, error_console
from .output import make_streams_last

UNREADABLE = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP)  # paths that nobody can look at


def main():
    "Run the command. What a user can cause ends in one message and exit code 2; anything else in a traceback."
    output = make_streams_last()
    wait_briefly()
    for number in (signal.SIGTERM, signal.SIGHUP):
        # as Ctrl-C: what is open is closed; nohup's processes stay deaf
        if signal.getsignal(number) == signal.SIG_DFL: signal.signal(number, _end)
    # timm's and accelerate's to mend
    for start in ("`torch.jit.script` is deprecated", "`broadcast_buffers` is deprecated"):
        warnings.filterwarnings("ignore", start, FutureWarning)
    warnings.filterwarnings("always", category=Note)
    warnings.showwarning = _show_notes(warnings.showwarning)
    try:
        try: app()
        finally: output.check()
    except Interrupted as stop:
        console.print(f"stopped:  all is saved; go on with\n          linknet-fastai resume {as_word(stop.run)}")
        sys.exit(128 + stop.signal)
    except UserError as error: _refuse(str(error))
    except OSError as error:
        if error.filename is None or error.errno not in UNREADABLE: raise
        _refuse(printable(f"{error.filename}: can't be read ({error.strerror}); check the path and its permissions."))
    except (MemoryError, RuntimeError) as error:
        from ..runtime.memory import is_out_of_memory
        if not is_out_of_memory(error): raise
        _refuse("this machine's memory is full; train at a smaller `--size` or `--batch-size`, or predict smaller "
                "images.")


def _end(number: int, frame):
    sys.exit(128 + number)


def _refuse(message: str):
    error_console().print(f"[red]error:[/] {escape(message)}")
    sys.exit(2)


def _show_notes(otherwise):
    "Notes as lines of the program's own; other warnings as Python shows them."
    def show(message, category, *where, **more):
        if category is Note: error_console().print(f"note:     {message}", markup=False)
        else: otherwise(message, category, *where, **more)
    return show
