"A model as a file for other programs, and such a file in its engine."
