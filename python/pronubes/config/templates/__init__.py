"""Templates and instances: parts of a configuration written once, and the tables that say for which machines."""
