"""What the configuration says of a table that `lookup` steps look up."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from pronubes.connectors.options import StrictModel
from pronubes.connectors.values import refuse
from pronubes.tables.lookup import CellType

__all__ = ["TableOptions"]

Column = Annotated[str, Field(min_length=1, max_length=1000)]


class TableOptions(StrictModel):
    """A table that `lookup` steps look up. It is read again when its file changes."""

    path: Annotated[str, Field(min_length=1, max_length=4096)]
    """The file: CSV, XLSX or an SQLite database. A relative path counts from this file."""
    key: Column
    """The column that is looked up. Each key stands once."""
    types: dict[Column, CellType] = {}
    """What columns hold: `text`, `number`, `integer` or `boolean`. Left out: in CSV a text; in a database or a spreadsheet what is stored there."""
    sheet: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """The sheet of an XLSX file. Left out: the first."""
    table: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    """Of a database: the table or view."""
    query: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None
    """Of a database: a SELECT in place of `table`."""

    @model_validator(mode="after")
    def _is_one_thing(self) -> TableOptions:
        if self.table is not None and self.query is not None:
            raise refuse("A table is either a table or a query.", expected="`table` or `query`", field="query")
        if self.sheet is not None and (self.table is not None or self.query is not None):
            raise refuse("A database has no sheets.", expected="`sheet`, or one of `table` and `query`", field="sheet")
        return self
