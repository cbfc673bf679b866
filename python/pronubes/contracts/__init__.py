"""Contracts as files: what payloads look like, one file per version, locked once they are used."""
