"Scores, histories and images to what people look at: charts, grids of images, pages."
