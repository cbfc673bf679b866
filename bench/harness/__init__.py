"""The parts of the benchmark runner; `bench/run.py` is its command line."""
