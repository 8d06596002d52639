"""What an orchestrator's own metrics say, where nobody may ask it: backlog and health (StatsD, OTLP)."""
