"Whether a server can be reached, known soon."

import queue
import threading
import urllib.error
import urllib.request

PATIENCE = 6  # seconds, for a name server that doesn't answer, too: sockets' own timeouts leave that out


def probe(url: str):
    """Ask for `url` once, and take any answer; `OSError` where there is none within 6 seconds.

    Clients of hubs ask again and again for a minute, or draw a progress bar before they know.
    """
    answers: queue.Queue[OSError | None] = queue.Queue()
    threading.Thread(target=lambda: answers.put(_ask(url)), daemon=True).start()
    try: error = answers.get(timeout=PATIENCE)
    except queue.Empty: error = TimeoutError(f"{url} doesn't answer")
    if error is not None: raise error


def _ask(url: str) -> OSError | None:
    "The error of a request, or None for any answer."
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PATIENCE): return None
    except urllib.error.HTTPError: return None
    except (OSError, ValueError) as error: return OSError(str(error))
