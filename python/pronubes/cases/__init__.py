"""Tests of configurations: messages that come in, in their time, and what must become of them.

A file of cases is read (`read`), each case runs on the engine that a node runs on, with sources and sinks left out and a clock of its own (`bench`),
and what came of it is held against what the case expects (`judge`). `pronubes test` and the pytest plugin share all of it.
"""
