"""From tags to names: what a device calls a value becomes a topic, and gets a contract and a unit, by a table and by rules."""
