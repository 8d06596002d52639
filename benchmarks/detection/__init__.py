"""How well faults are found in histories whose faults are known."""
