"""What Slack's error codes mean, and what to do about them."""

from __future__ import annotations

from typing import Final

#: Codes that go away by themselves.
PASSING: Final = frozenset(
    {
        "accesslimited",
        "fatal_error",
        "internal_error",
        "message_limit_exceeded",
        "rate_limited",
        "ratelimited",
        "request_timeout",
        "rollup_error",
        "service_unavailable",
        "team_added_to_org",
    }
)
TOO_LONG: Final = frozenset({"msg_too_long", "msg_blocks_too_long"})
#: The message is there no more, or can't be changed any more.
LOST: Final = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})

_TOKEN: Final = "install the app anew and set its new bot token"  # noqa: S105 - advice
_INVITE: Final = "invite the app to the channel (/invite @its-name), and check `channel`"
_MEND: Final = {
    "account_inactive": _TOKEN,
    "channel_not_found": _INVITE,
    "invalid_auth": "check token: it must be the bot token that starts with xoxb-",
    "is_archived": "the channel is archived: open it again or name another one",
    "channel_is_archived": "the channel is archived: open it again or make a new webhook",
    "missing_scope": "give the app the scopes chat:write, channels:history and groups:history, "
    "then install it anew",
    "no_service": "the webhook was removed or turned off: make a new one",
    "not_allowed_token_type": "set the bot token that starts with xoxb-",
    "not_authed": "check token: it is empty",
    "not_in_channel": _INVITE,
    "org_login_required": "an owner of the workspace must finish its move",
    "posting_to_general_channel_denied": "name another channel, or let the app post there",
    "action_prohibited": "an owner of the workspace must allow the app to post there",
    "restricted_action": "an owner of the workspace must allow the app to post there",
    "token_expired": _TOKEN,
    "token_revoked": _TOKEN,
}


def permanent(code: str) -> bool:
    return code not in PASSING


def mend(code: str) -> str:
    return _MEND.get(code, "see api.slack.com for this code" if permanent(code) else "")
