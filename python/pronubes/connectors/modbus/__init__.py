"""Modbus TCP: a source that polls a tag list. Specification: Modbus Application Protocol V1.1b3."""
