"""`trackside exec`: runs a command as if it stood there alone, and tells the hub of it.

Of the standard library alone, and of that little until the command runs: it stands in front of
every line of somebody's crontab. What takes longer to import is imported beside the command.
"""
