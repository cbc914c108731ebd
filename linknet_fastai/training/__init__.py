"The loop: dataloaders and a recipe to a fastai `Learner`, trained."
