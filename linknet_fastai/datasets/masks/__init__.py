"What the values in a dataset's masks mean."
