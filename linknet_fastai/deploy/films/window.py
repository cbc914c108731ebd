"A window that shows one image after another (tkinter)."

from __future__ import annotations

from importlib.util import find_spec

from PIL import Image

from ...errors import UserError

REMEDY = "write a film with `--out FILM.mp4`."


class Window:
    """A window, until it is closed or q is pressed; to be used as a context.

    `UserError` where there is no display, or Python has no tkinter.
    """

    def __init__(self, title: str):
        if find_spec("tkinter") is None: raise UserError(f"this Python has no tkinter, which shows windows; {REMEDY}")
        import tkinter
        try: self.root = tkinter.Tk(className="linknet-fastai")
        except tkinter.TclError as error: raise UserError(f"no window can be shown ({error}); {REMEDY}") from error
        self.is_closed = False
        self.root.title(title)
        self.root.protocol("WM_DELETE_WINDOW", self._close)
        self.root.bind("q", lambda event: self._close())
        self.label = tkinter.Label(self.root, borderwidth=0)
        self.label.pack()

    def __enter__(self) -> Window: return self

    def __exit__(self, *exception): self.root.destroy()

    def show(self, image: Image.Image):
        "Show an image, and take what was pressed meanwhile."
        from PIL import ImageTk
        self.image = ImageTk.PhotoImage(image, master=self.root)  # tkinter itself keeps no image alive
        self.label.configure(image=self.image)
        self.root.update()

    def _close(self): self.is_closed = True
