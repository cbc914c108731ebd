"Street scenes drawn by the package: a canvas, shapes and colors, the roadside, the things in it, the whole scene."
