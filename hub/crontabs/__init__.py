"""What a host or a cluster runs by the clock: crontabs, systemd timers, Kubernetes CronJobs.

Text in, entries out: pure. `hub.commands.cron` reads the files and speaks to a hub.
"""
