"Logits and masks to confusion matrices and scores."
