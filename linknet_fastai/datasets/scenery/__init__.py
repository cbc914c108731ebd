"Scenes drawn by the package: streets (camera, canvas, roadside, things, scene), a city from above (aerial to city)."
