"""Slack: with a bot token (`slack`), or by an incoming webhook (`slack_webhook`)."""

from alerting.notifiers.slack.bot import Slack
from alerting.notifiers.slack.webhook import SlackWebhook

__all__ = ["Slack", "SlackWebhook"]
