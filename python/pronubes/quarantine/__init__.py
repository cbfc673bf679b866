"""The quarantine: a store of messages that could not go on, with their reasons and original bytes.

`store.py` is what the running node writes with, `records.py` what everybody reads with, `schema.py` the database that both open.
"""
