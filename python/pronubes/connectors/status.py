"""The status codes of OPC UA that connectors of other protocols need (OPC UA Part 6, A.2). The engine knows the names of all."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Status"]


class Status(IntEnum):
    """How good a value is. The top two bits say good, uncertain or bad; the rest says why."""

    GOOD = 0x0000_0000
    """The device answered."""
    GOOD_NO_DATA = 0x00A5_0000
    """There is no value, and nothing is wrong."""
    UNCERTAIN = 0x4000_0000
    """Something may be wrong with the value."""
    UNCERTAIN_LAST_USABLE_VALUE = 0x4090_0000
    """The source is gone; this is the last that it said."""
    BAD = 0x8000_0000
    """There is no value to use, and no more is known."""
    BAD_UNKNOWN_RESPONSE = 0x8009_0000
    """The answer is none that the protocol knows."""
    BAD_NO_COMMUNICATION = 0x8031_0000
    """The device does not answer."""
    BAD_OUT_OF_RANGE = 0x803C_0000
    """The value lies outside of what can be said."""
    BAD_NOT_SUPPORTED = 0x803D_0000
    """The device cannot do what it is asked for."""
    BAD_CONFIGURATION_ERROR = 0x8089_0000
    """The configuration asks for something that the device does not have."""
    BAD_DEVICE_FAILURE = 0x808B_0000
    """The device says that it is broken."""
    BAD_WAITING_FOR_RESPONSE = 0x80B2_0000
    """The device has taken the request and is not done."""
    BAD_SERVER_TOO_BUSY = 0x80EE_0000
    """The device is busy."""
