"What stands and moves in a street. Each is drawn at its place `x`, `z` on the ground."

import numpy as np

from ...images.mask import VOID
from .canvas import BICYCLIST, CAR, PEDESTRIAN, POLE, SIGN, Canvas, Generator
from .shapes import (
    CARS,
    CLOTHES,
    FENCES,
    GLASS,
    HAIR,
    METALS,
    RUBBER,
    SIGNS,
    SKIN,
    bars,
    disc,
    extrude,
    facing,
    ring,
    shade,
)


def pole(canvas: Canvas, rng: Generator, x: float, z: float, height: float, width: float):
    "A pole, thicker at its foot."
    outlines = bars([((0, 0), (0, height)), ((0, 0), (0, .9))], [width, width * 1.5])
    canvas.paint(POLE, facing(outlines, x, z), shade(rng, METALS))
    canvas.shadow(np.array([[x - width / 2, z], [x + width / 2, z]]), height)


def lamp(canvas: Canvas, rng: Generator, x: float, z: float):
    "A street lamp that reaches over the road."
    height, reach = rng.uniform(4.5, 7), -np.sign(x) * rng.uniform(.8, 1.6)
    pole(canvas, rng, x, z, height, rng.uniform(.26, .36))
    arm = bars([((0, height), (reach, height + .2)), ((reach, height + .2), (reach * 1.5, height + .2))], [.16, .3])
    canvas.paint(POLE, facing(arm, x, z), shade(rng, METALS))


def sign(canvas: Canvas, rng: Generator, x: float, z: float):
    "A triangular, square, octagonal or round plate on a pole, with a rim and a device."
    height, radius = rng.uniform(2.2, 3), rng.uniform(.48, .68)
    pole(canvas, rng, x, z, height, rng.uniform(.18, .24))
    outline = disc(radius, corners=(3, 4, 8, 14)[rng.integers(4)]) * (1, rng.uniform(1, 1.3))
    rim, field, center = shade(rng, SIGNS), shade(rng, SIGNS), (0, height)
    canvas.paint(SIGN, facing(outline + center, x, z), rim)
    canvas.paint(SIGN, facing(outline * .72 + center, x, z), field)
    device = bars([((-.15, height - .15), tuple(rng.uniform(-.2, .2, 2) + center))], [.14])
    canvas.paint(SIGN, facing(device, x, z), rim * .5)


def traffic_light(canvas: Canvas, rng: Generator, x: float, z: float):
    "A box with three lights on a pole, one of them lit."
    height, lit = rng.uniform(2.4, 3.2), rng.integers(3)
    pole(canvas, rng, x, z, height, .22)
    canvas.paint(SIGN, facing(bars([((0, height - .5), (0, height + .7))], [.62]), x, z), np.array((38, 40, 38)))
    for place, color in enumerate([(60, 230, 120), (250, 180, 50), (240, 50, 40)]):
        lens = disc(.17, (0, height - .27 + place * .37), 8)
        canvas.paint(SIGN, facing(lens, x, z), np.array(color) * (1.4 if place == lit else .3))


def car(canvas: Canvas, rng: Generator, x: float, z: float, heading: float):
    "A hatchback, saloon or van from its side profile, no nearer than `z`; `heading` 0 faces us, pi/2 shows its side."
    bonnet, screen, rear, roof = ((.9, .8, 4.1, 1.48), (1, .8, 3.6, 1.42), (.4, .6, 4.2, 2.1))[rng.integers(3)]
    waist, color = roof * .62, shade(rng, CARS)
    profile = np.array([(.3, 0), (.75, 0), (waist, bonnet), (roof, bonnet + screen), (roof, rear - .4), (waist, rear),
                        (.8, 4.3), (.3, 4.3)])
    window = np.array([(waist, bonnet + .35), (roof - .12, bonnet + screen + .05), (roof - .12, rear - .5),
                       (waist, rear - .2)])
    glass = shade(rng, GLASS) * .7
    paints = np.stack([color, color, glass, color, glass, color, color, color * .3])

    turn = _turner(x, z, heading)
    inside = turn(np.array([0, .7, 2.15]))
    _wheels(canvas, rng, turn)
    rim, sides = map(turn, extrude(profile, -.85, .85))
    farthest_first = np.argsort(-rim[..., 2].mean(1))
    canvas.solid(CAR, rim[farthest_first], paints[farthest_first], inside)
    canvas.solid(CAR, sides, color, inside)
    canvas.solid(CAR, turn(extrude(window, -.86, .86)[1]), glass, inside)
    _car_lights(canvas, turn, inside)
    canvas.shadow(sides[0][[0, -1]][:, [0, 2]], roof)
    canvas.shadow(sides[1][[0, -1]][:, [0, 2]], roof)


def _turner(x: float, z: float, heading: float):
    "From a car's own metres (across, up, along) to the street's, turned about its middle."
    cos, sin = np.cos(heading), np.sin(heading)
    rotation = np.array([(cos, 0, -sin), (0, 1, 0), (sin, 0, cos)])
    return lambda points: (points - (0, 0, 2.15)) @ rotation + (x, 0, z + 2.15)


def _wheels(canvas: Canvas, rng: Generator, turn):
    color, hub = shade(rng, RUBBER, 8), shade(rng, METALS)
    for along in (.8, 3.4):
        for left in (-.84, .64):
            tyre, cheeks = map(turn, extrude(disc(.32, (.32, along), 9), left, left + .22))
            inside = turn(np.array([left + .11, .32, along]))
            canvas.solid(CAR, tyre, color, inside)
            canvas.solid(CAR, cheeks, color, inside)
            canvas.solid(CAR, turn(extrude(disc(.18, (.32, along), 7), left - .01, left + .23)[1]), hub, inside)


def _car_lights(canvas: Canvas, turn, inside: np.ndarray):
    "White in front, red behind, and the number plates."
    for along, lamps in ((-.01, (240, 240, 220)), (4.31, (200, 30, 30))):
        outlines = bars([((-.8, .64), (-.5, .64)), ((.5, .64), (.8, .64)), ((-.25, .46), (.25, .46))], [.18, .18, .12])
        polygons = np.insert(outlines, 2, along, axis=2)
        canvas.solid(CAR, turn(polygons), np.array([lamps, lamps, (225, 215, 160)]), inside)


def pedestrian(canvas: Canvas, rng: Generator, x: float, z: float):
    "Somebody who walks, with or without a bag."
    tall, step, swing = rng.uniform(1.55, 1.95) / 1.75, rng.uniform(.05, .35), rng.uniform(-.25, .25)
    coat, trousers, skin = shade(rng, CLOTHES), shade(rng, CLOTHES), shade(rng, SKIN)
    limbs = bars([((-step, 0), (-.06, .85)), ((step, 0), (.06, .85)), ((-.2, 1.4), (-.27 - swing, .85)),
                  ((.2, 1.4), (.27 - swing, .85)), ((0, .75), (0, 1.48))], [.2, .2, .13, .13, .5])
    colors = np.stack([trousers, trousers * .85, coat * .85, coat * .85, coat])
    canvas.paint(PEDESTRIAN, facing(limbs * tall, x, z), colors)
    canvas.paint(PEDESTRIAN, facing(disc(.15, (0, 1.62)) * tall, x, z), shade(rng, HAIR))
    canvas.paint(PEDESTRIAN, facing(disc(.11, (swing * .2, 1.6), 8) * tall, x, z), skin)
    bag = bars([((.35, .5), (.35, .85))], [.3])
    if rng.random() < .3: canvas.paint(PEDESTRIAN, facing(bag * tall, x, z), shade(rng, CLOTHES))
    canvas.shadow(np.array([[x - .25, z], [x + .25, z]]), 1.75 * tall)


def cyclist(canvas: Canvas, rng: Generator, x: float, z: float):
    "A rider and the bicycle, from the side or from an end."
    if rng.random() < .7: _cyclist_from_the_side(canvas, rng, x, z)
    else: _cyclist_from_an_end(canvas, rng, x, z)


def _cyclist_from_the_side(canvas: Canvas, rng: Generator, x: float, z: float):
    way = np.array((rng.choice((-1, 1)), 1))
    frame, coat, trousers = shade(rng, CARS), shade(rng, CLOTHES), shade(rng, CLOTHES)
    for hub in ((-.52, .36), (.52, .36)):
        canvas.label(BICYCLIST, facing(disc(.36, hub) * way, x, z))
        canvas.detail(facing(ring(.36, .08, hub) * way, x, z), shade(rng, RUBBER))
    tubes = bars([((-.52, .36), (-.18, .9)), ((-.52, .36), (0, .36)), ((0, .36), (-.15, .85)), ((0, .36), (.42, .85)),
                  ((-.15, .8), (.42, .85)), ((.52, .36), (.38, 1.05))], [.07] * 6)
    body = bars([((0, .3), (.15, .7)), ((.15, .7), (-.18, .95)), ((-.2, .9), (.12, 1.45)), ((.1, 1.38), (.4, 1.05))],
                [.16, .2, .36, .13])
    canvas.paint(BICYCLIST, facing(tubes * way, x, z), frame)
    canvas.paint(BICYCLIST, facing(body * way, x, z), np.stack([trousers, trousers, coat, coat * .85]))
    _helmet(canvas, rng, x + .22 * way[0], z, 1.62)
    canvas.shadow(np.array([[x - .5, z], [x + .5, z]]), 1.6)


def _cyclist_from_an_end(canvas: Canvas, rng: Generator, x: float, z: float):
    coat, trousers = shade(rng, CLOTHES), shade(rng, CLOTHES)
    canvas.paint(BICYCLIST, facing(bars([((0, 0), (0, .75))], [.12]), x, z), shade(rng, RUBBER))
    body = bars([((-.13, .3), (-.14, .95)), ((.13, .4), (.14, .95)), ((0, .85), (0, 1.5)), ((-.22, 1.4), (-.33, 1.05)),
                 ((.22, 1.4), (.33, 1.05)), ((-.35, 1.05), (.35, 1.05))], [.17, .17, .48, .13, .13, .06])
    canvas.paint(BICYCLIST, facing(body, x, z), np.stack([trousers, trousers, coat, coat * .85, coat * .85, coat * .4]))
    _helmet(canvas, rng, x, z, 1.64)
    canvas.shadow(np.array([[x - .3, z], [x + .3, z]]), 1.7)


def _helmet(canvas: Canvas, rng: Generator, x: float, z: float, height: float):
    canvas.paint(BICYCLIST, facing(disc(.14, (0, height)), x, z), shade(rng, SKIN))
    canvas.paint(BICYCLIST, facing(disc(.17, (0, height + .09), 7), x, z), shade(rng, SIGNS))


def dog(canvas: Canvas, rng: Generator, x: float, z: float):
    "A dog from the side; void."
    body = bars([((-.35, .5), (.35, .5)), ((-.3, 0), (-.3, .5)), ((.3, 0), (.3, .5)), ((.3, .5), (.5, .75)),
                 ((-.35, .5), (-.55, .75))], [.28, .1, .1, .22, .07])
    canvas.paint(VOID, facing(body, x, z), shade(rng, HAIR))
    canvas.shadow(np.array([[x - .4, z], [x + .4, z]]), .6)


def bench(canvas: Canvas, rng: Generator, x: float, z: float):
    "A bench from the front; void, as a whole."
    planks = bars([((-.8, .45), (.8, .45)), ((-.8, .7), (.8, .7)), ((-.8, .9), (.8, .9)), ((-.65, 0), (-.65, .9)),
                   ((.65, 0), (.65, .9))], [.14, .14, .14, .1, .1])
    canvas.label(VOID, facing(bars([((0, 0), (0, .97))], [1.6]), x, z))
    canvas.detail(facing(planks, x, z), shade(rng, FENCES))


def litter_bin(canvas: Canvas, rng: Generator, x: float, z: float):
    "A litter bin with a lid; void."
    outlines = bars([((0, 0), (0, 1.05)), ((0, .95), (0, 1.15))], [.65, .8])
    color = shade(rng, CARS)
    canvas.paint(VOID, facing(outlines, x, z), np.stack([color, color * .7]))
    canvas.shadow(np.array([[x - .35, z], [x + .35, z]]), 1.1)


def ego_bonnet(canvas: Canvas, rng: Generator):
    "Our own car's bonnet at the bottom of the image; void."
    x, height = np.linspace(-1, 1, 12), canvas.camera.height - rng.uniform(.6, .75)
    top = np.stack([x * 1.1, height - .12 * x**4], -1)
    outline = np.concatenate([top, [(1.1, 0), (-1.1, 0)]])
    canvas.paint(VOID, facing(outline, 0, 1.5), shade(rng, CARS))
