"""The command line: wiring, and the one place that turns an error into an exit code."""
