"What predictions of images, films and cameras have in common."
