#!/bin/sh
# Publishes a dataset only if its gate passes within half a minute, with curl alone.
set -eu
hub="${TRACKSIDE_URL:-http://127.0.0.1:8080}/api/v1"
gate="$hub/gates/file%3A%2Fdata%2Forders?partition=2026-11-30&incidents=false"

if curl -sf -H "Authorization: Bearer ${TRACKSIDE_TOKEN:-}" "$gate&strict=true&wait=${WAIT:-30}"; then
    echo "published"
else
    curl -s -H "Authorization: Bearer ${TRACKSIDE_TOKEN:-}" "$gate" >&2
    echo "not published" >&2
    exit 1
fi
