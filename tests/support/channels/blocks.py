"""What Slack takes as blocks: kinds, fields and limits; and what a person reads of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.support.channels.server import Json, only, require, text

TOTAL = 13_200  # not documented, found by others


def check_blocks(blocks: Sequence[Json]) -> None:
    """Raises RefusalError for what is not valid."""
    require(isinstance(blocks, list) and len(blocks) <= 50, "no more than 50 blocks")
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    require(len(ids) == len(set(ids)), "block_id twice")
    for block in blocks:
        check = _BLOCKS.get(block.get("type", ""))
        require(check, f"unsupported block {block.get('type')!r}")
        assert check is not None
        text(block.get("block_id", "x"), 255, "block_id")
        check(block)


def size(blocks: Sequence[Json]) -> int:
    return sum(len(line) for line in read(blocks))


def read(blocks: Sequence[Json]) -> list[str]:
    """The lines that a person sees."""
    return [line for block in blocks for line in _seen(block)]


def _seen(block: Json) -> list[str]:
    if block["type"] == "header":
        return [f"**{block['text']['text']}**"]
    if block["type"] == "section":
        return [block["text"]["text"]]
    if block["type"] == "actions":
        return [" ".join(f"[ {_label(each)} ]" for each in block["elements"])]
    lines = []
    for part in block["elements"]:
        told = "".join(each["text"] for each in part["elements"])
        bare = part["type"] == "rich_text_section"
        lines += told.split("\n") if bare else [f"    {line}" for line in told.split("\n")]
    return lines


def _label(element: Json) -> str:
    if element["type"] == "static_select":
        return f"{element['placeholder']['text']} ▾"
    return str(element["text"]["text"])


def _header(block: Json) -> None:
    only(block, need={"type", "text"}, may={"block_id"}, where="header")
    require(block["text"]["type"] == "plain_text", "header: plain_text only")
    _text(block["text"], 150)


def _section(block: Json) -> None:
    only(block, need={"type", "text"}, may={"block_id"}, where="section")
    _text(block["text"], 3000)


def _actions(block: Json) -> None:
    only(block, need={"type", "elements"}, may={"block_id"}, where="actions")
    require(1 <= len(block["elements"]) <= 25, "actions: 1 to 25 elements")
    ids = [element["action_id"] for element in block["elements"]]
    require(len(ids) == len(set(ids)), "action_id twice")
    for element in block["elements"]:
        text(element["action_id"], 255, "action_id")
        {"button": _button, "static_select": _select}[element["type"]](element)


def _button(element: Json) -> None:
    may = {"url", "value", "style", "confirm", "accessibility_label"}
    only(element, need={"type", "action_id", "text"}, may=may, where="button")
    _text(element["text"], 75)
    text(element.get("value", "x"), 2000, "value")
    text(element.get("url", "x"), 3000, "url")
    require(element.get("style", "primary") in {"primary", "danger"}, "style")


def _select(element: Json) -> None:
    need = {"type", "action_id", "placeholder", "options"}
    only(element, need=need, may={"initial_option", "confirm"}, where="static_select")
    _text(element["placeholder"], 150)
    require(1 <= len(element["options"]) <= 100, "1 to 100 options")
    for option in element["options"]:
        only(option, need={"text", "value"}, may={"description"}, where="option")
        _text(option["text"], 75)
        text(option["value"], 150, "value")


def _rich(block: Json) -> None:
    only(block, need={"type", "elements"}, may={"block_id"}, where="rich_text")
    for part in block["elements"]:
        only(part, need={"type", "elements"}, may={"border"}, where="rich_text element")
        require(part["type"] in {"rich_text_section", "rich_text_preformatted"}, part["type"])
        for each in part["elements"]:
            only(each, need={"type", "text"}, may={"style"}, where="text")
            require(each["type"] == "text", "only text is known here")
            text(each["text"], 3000, "text")
            only(each.get("style", {}), need=set(), may={"bold", "italic", "code"}, where="style")


def _text(found: Json, most: int) -> None:
    require(found.get("type") in {"plain_text", "mrkdwn"}, "text object")
    only(found, need={"type", "text"}, may={"emoji", "verbatim"}, where="text object")
    text(found["text"], most, "text")


_BLOCKS: dict[str, Callable[[Json], None]] = {
    "header": _header,
    "section": _section,
    "actions": _actions,
    "rich_text": _rich,
}
