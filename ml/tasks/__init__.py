"""What there is to predict: one file for each task, all of them keep the contract of `ml.task`."""
