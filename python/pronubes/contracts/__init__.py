"""Contracts: what payloads must look like."""
