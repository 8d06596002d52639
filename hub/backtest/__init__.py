"""Backtest: what rules would have told of the history that a store keeps, without side effects."""
