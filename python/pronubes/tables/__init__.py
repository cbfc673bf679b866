"""Tables that people keep in spreadsheets: read with places, written so that what is read again is the same."""
