"""Studies over a whole data set: their options, the data, the processes, the run."""
