"""What studies over a data set share: their options, the data, and steps that survive an interruption."""
