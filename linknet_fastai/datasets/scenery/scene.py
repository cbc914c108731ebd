"One street scene: weather, camera and street, and everything in it painted from far to near."

from functools import partial

import numpy as np

from .camera import Camera, Light
from .canvas import SUPERSAMPLING, Canvas, Generator
from .roadside import Street, fence, ground, side, skyline, tree
from .things import bench, car, cyclist, dog, ego_bonnet, lamp, litter_bin, pedestrian, sign, traffic_light

SIZE = (128, 160)  # height, width

# sky, clouds, how overcast, ambient and direct light, visibility in metres
WEATHERS = (((95, 145, 205), (235, 238, 240), -.1, .55, .60, 250),  # clear
            ((120, 160, 205), (225, 228, 232), .35, .65, .45, 180),  # fair
            ((165, 170, 178), (215, 215, 212), .6, .95, .0, 110),  # overcast
            ((190, 190, 188), (205, 205, 205), .6, .95, .0, 100),  # fog
            ((110, 105, 140), (235, 165, 115), .3, .45, .30, 150))  # dusk


def draw_street(seed: int, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray]:
    "A street scene: uint8 image `[H,W,3]` and uint8 mask `[H,W]` of class indices, 255 where unlabelled."
    rng = np.random.default_rng(seed)
    canvas, street = Canvas(size, _camera(rng, size), _light(rng)), _street(rng)
    skyline(canvas, rng)
    ground(canvas, rng, street)
    for right in (False, True): side(canvas, rng, street, right)
    for draw, x, z in sorted(_things(rng, street, canvas), key=lambda thing: -thing[2]): draw(canvas, rng, x, z)
    if rng.random() < .3: ego_bonnet(canvas, rng)
    return canvas.develop(rng)


def _camera(rng: Generator, size: tuple[int, int]) -> Camera:
    height, width = np.array(size) * SUPERSAMPLING
    return Camera(height=rng.uniform(1.25, 1.6), focal=height * rng.uniform(1, 1.2),
                  u=width * rng.uniform(.35, .65), v=height * rng.uniform(.42, .55))


def _light(rng: Generator) -> Light:
    sky, clouds, overcast, ambient, direct, visibility = WEATHERS[rng.integers(len(WEATHERS))]
    azimuth, elevation = rng.uniform(0, 2 * np.pi), rng.uniform(.4, 1.1)
    sun = np.array([np.cos(elevation) * np.cos(azimuth), np.sin(elevation), np.cos(elevation) * np.sin(azimuth)])
    return Light(sun, direct, ambient * rng.uniform(.9, 1.1), np.array(sky) + rng.uniform(-12, 12, 3),
                 np.array(clouds) + rng.uniform(-10, 10, 3), overcast + rng.uniform(-.15, .15),
                 visibility * rng.uniform(.8, 1.4))


def _street(rng: Generator) -> Street:
    "A road of two lanes, seen from somewhere in the right one, with pavements and often a crossing."
    left, right = -rng.uniform(3, 5), rng.uniform(2, 3)
    near = rng.uniform(14, 40)
    return Street(kerbs=(left, right), walls=(left - rng.uniform(2.5, 4.5), right + rng.uniform(2.5, 4.5)),
                  crossing=(near, near + rng.uniform(6, 10)) if rng.random() < .35 else None)


def _things(rng: Generator, street: Street, canvas: Canvas) -> list[tuple]:
    "What stands and moves here: (function, x, z). Thin and rare things are near enough to be several pixels wide."
    left, right = street.kerbs

    def place(x: float, nearest: float, farthest: float) -> tuple[float, float]:
        "`x` at a depth where the camera sees it, rather near than far."
        start = max(nearest, canvas.enters(x))
        return x, start + max(farthest - start, 3) * rng.beta(1, 1.8)

    def on_pavement(from_kerb: float, nearest: float, farthest: float) -> tuple[float, float]:
        "Either side; `from_kerb` is 0 at the kerb, 1 at the wall."
        i = rng.integers(2)
        return place(street.kerbs[i] + (street.walls[i] - street.kerbs[i]) * from_kerb, nearest, farthest)

    def on_road(nearest: float, farthest: float) -> tuple[float, float]:
        return place(rng.uniform(left + .5, right - .3), nearest, farthest)

    things = [(tree, *on_pavement(.2, 9, 30)) for _ in range(rng.integers(3))]
    things += [(lamp, *on_pavement(.12, 6, 16)) for _ in range(rng.integers(1, 3))]
    things += [(sign, *on_pavement(.15, 5, 10)) for _ in range(rng.integers(1, 3))]
    things += [(traffic_light, *on_pavement(.1, 5, 12)) for _ in range(rng.integers(2))]
    things += [(partial(car, heading=np.pi * (x > 0) + rng.normal(0, .05)), x, z)
               for x, z in (place((left + 1, right - 1)[rng.integers(2)], 6, 30) for _ in range(rng.integers(2, 5)))]
    if street.crossing and rng.random() < .7:
        crossing_car = partial(car, heading=rng.choice((-1, 1)) * np.pi / 2)
        things.append((crossing_car, *place(rng.uniform(-8, 8), *street.crossing)))
    things += [(pedestrian, *on_pavement(rng.uniform(.2, .7), 5, 9)) for _ in range(rng.integers(1, 5))]
    things += [(pedestrian, *on_road(7, 11)) for _ in range(rng.integers(2))]
    things += [(cyclist, *on_road(5, 10)) for _ in range(rng.integers(1, 3))]
    things += [(_barrier, *on_pavement(.05, 13, 20)) for _ in range(rng.integers(2))]
    things += [((dog, bench, litter_bin)[rng.integers(3)], *on_pavement(rng.uniform(.3, .9), 6, 15))
               for _ in range(rng.integers(1, 3))]
    return things


def _barrier(canvas: Canvas, rng: Generator, x: float, z: float):
    "A fence along the kerb, from `z` towards us: what is beside it stands before it."
    fence(canvas, rng, [(x, z), (x, z - rng.uniform(4, 8))])
