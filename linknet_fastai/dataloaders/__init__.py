"A dataset on disk to batches of images and masks."
