"""What every study stands on: how it starts and fails, its run folder, its inputs, its report."""
