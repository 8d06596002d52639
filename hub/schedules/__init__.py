"""When jobs are meant to run: pure, without a store or a clock."""
