"""The metrics, one family a file. Importing `xent.core.table.table()` fills the table from all of them."""
