"""Every file or folder here is one orchestrator the hub can speak with."""
