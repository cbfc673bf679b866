"""What limits the promise and the rate of a node on this machine, in numbers: disk, clock, machine, brokers and the configuration."""
