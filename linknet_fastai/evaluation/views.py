"Test-time augmentation: the views of an image over which predictions are averaged."

# by name, the sizes at which an image and its mirror image are seen, as parts of its own: what they gain and cost is
# in benchmarks/README.md, "Several sizes at test time"
VIEWS: dict[str, tuple[float, ...]] = {"flip": (1.0,), "scales": (1.0, 1.25)}


def describe_views(tta: str) -> str:
    "The views that `tta` names, in words."
    sizes = VIEWS[tta]
    at = "" if sizes == (1.0,) else " at " + " and ".join(f"{size:g}" for size in sizes) + " of its size"
    return f"each image and its mirror image{at}"
