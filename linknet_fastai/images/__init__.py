"Image files from anywhere to pixels, and pixels to what people look at."
