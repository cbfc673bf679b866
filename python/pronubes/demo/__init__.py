"""The demonstration: a simulated bottling line, a broker, the router, a historian and a live page, started by one command."""
