"""The Grafana dashboards: what they show (`boards`), and how Grafana wants it written (`classic`)."""
