"""Drafts of a configuration from what is there: the traffic of a broker, or the tag list of a device."""
