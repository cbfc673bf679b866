"""The running node: sources, routes and sinks that live and stop together, on one event loop."""
