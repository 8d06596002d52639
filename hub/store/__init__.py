"""The only place that knows SQL: tables, the one writer, and one file of queries per noun."""
