"A dataset on disk to batches."
