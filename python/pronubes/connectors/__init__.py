"""Sources and sinks: the interfaces, the registry, and one file per protocol."""
