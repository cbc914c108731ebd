"A model and batches to confusion matrices and scores."
