"Damage to a file's bytes, as disks, networks and strangers do it, for hypothesis."

import json

from hypothesis import strategies as st

TEXTS = ("", "\0", "$x_$", "\x1b[31m", "../../etc/passwd", "/", "\ud800", "x" * 5000, "道路")
VALUES = st.one_of(st.sampled_from([None, True, -1, 0, 10**9, 10**400, 1e308, -0.5, [], {}, [[]], *TEXTS]),
                   st.integers(), st.floats(allow_nan=False, allow_infinity=False))


@st.composite
def damaged(draw, content: bytes) -> bytes:
    "The bytes of a file after one accident, or, where it is JSON or CSV, after one value was changed."
    kinds = ["flip", "cut", "overwrite", "double", "empty", "nested"]
    if content[:1] == b"{": kinds += ["json"] * 6
    elif b"," in content.split(b"\n")[0] and b"\0" not in content: kinds += ["csv"] * 6
    kind = draw(st.sampled_from(kinds))
    if kind == "empty": return b""
    if kind == "nested": return b"[" * 100_000
    if kind == "json": return json.dumps(draw(changed(json.loads(content)))).encode()
    if kind == "csv": return draw(changed_cell(content))
    place = draw(st.integers(0, max(0, len(content) - 1)))
    if kind == "cut": return content[:place]
    if kind == "double": return content[:place] + content[place // 2:]
    if kind == "flip":
        return content[:place] + bytes([content[place] ^ 1 << draw(st.integers(0, 7))]) + content[place + 1:]
    return content[:place] + draw(st.binary(min_size=1, max_size=16)) + content[place + 16:]


@st.composite
def changed(draw, value):
    "A JSON value with another somewhere within."
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        key = draw(st.sampled_from(sorted(value)))
        if not draw(st.integers(0, 9)): return {name: item for name, item in value.items() if name != key}
        return {**value, key: draw(changed(value[key]))}
    if isinstance(value, list) and value and draw(st.integers(0, 9)):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], draw(changed(value[place])), *value[place + 1:]]
    return draw(VALUES)


@st.composite
def changed_cell(draw, content: bytes) -> bytes:
    lines = content.decode(errors="surrogateescape").splitlines()
    row = draw(st.integers(0, len(lines) - 1))
    cells = lines[row].split(",")
    cells[draw(st.integers(0, len(cells) - 1))] = str(draw(VALUES))
    lines[row] = ",".join(cells)
    return "\n".join(lines).encode(errors="replace")
