"""Tables: a TableSpec as an Arrow schema, rows in bounded batches, the case folder. The only floor below the
rooms that knows Arrow and the disk."""
