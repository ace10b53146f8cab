"""A few entries of each format but ChatGPT's, Claude's and the app's, for `fuzz_exports`."""

from typing import Any

_HTML = "<h2>Tea &amp; more</h2><ul><li>green<li>black</ul><style>p {}</style><p>Yes."

_GEMINI: list[dict[str, Any]] = [
    {
        "header": "Gemini Apps",
        "title": f"Prompted I like tea {n}.",
        "time": f"2026-03-{28 - n // 3:02}T09:{59 - n:02}:00.000Z",
        "products": ["Gemini Apps"],
        "safeHtmlItem": [{"html": _HTML}],
    }
    for n in range(12)
]
_GROK: list[dict[str, Any]] = [
    {
        "conversation": {"id": f"g{n}", "user_id": "u", "title": "Tea", "create_time": "2026-01-01T00:00:00Z"},
        "responses": [
            {
                "response": {
                    "_id": f"r{m}",
                    "parent_response_id": f"r{m - 1}" if m else None,
                    "sender": "human" if m % 2 else "assistant",
                    "message": f"I like tea {m}.",
                    "create_time": {"$date": {"$numberLong": f"{1_767_225_600_000 + m}"}},
                }
            }
            for m in range(5)
        ],
    }
    for n in range(4)
]
_OPEN_WEBUI: list[dict[str, Any]] = [
    {
        "id": f"w{n}",
        "user_id": "u",
        "chat": {
            "history": {
                "currentId": "m4",
                "messages": {
                    f"m{m}": {
                        "parentId": f"m{m - 1}" if m else None,
                        "role": "assistant" if m % 2 else "user",
                        "content": f'<details type="reasoning">hm</details>I like tea {m}.',
                        "timestamp": 1_780_000_000 + m,
                    }
                    for m in range(5)
                },
            }
        },
    }
    for n in range(4)
]
_DEEPSEEK: list[dict[str, Any]] = [
    {
        "id": f"d{n}",
        "title": "Tea",
        "inserted_at": "2026-01-01T00:00:00+08:00",
        "mapping": {
            f"{m}": {
                "parent": f"{m - 1}",
                "message": {"inserted_at": "2026-01-01", "fragments": [{"type": "REQUEST", "content": f"tea {m}"}]},
            }
            for m in range(5)
        },
    }
    for n in range(4)
]
_ANSWER = {
    "messageId": "2",
    "parentMessageId": "1",
    "isCreatedByUser": False,
    "content": [{"text": "Nice."}],
}
_LIBRECHAT: list[dict[str, Any]] = [
    {
        "conversationId": f"l{n}",
        "title": "Tea",
        "messagesTree" if n % 2 else "messages": [
            {"messageId": "1", "isCreatedByUser": True, "text": "I like tea.", "children": [_ANSWER]}
        ],
    }
    for n in range(4)
]
_LE_CHAT: list[dict[str, Any]] = [
    {
        "id": f"{n}",
        "chatId": "c",
        "role": "user",
        "content": f"I like tea {n}.",
        "contentChunks": [{"type": "text", "text": "Tea."}],
        "createdAt": f"2026-01-01T00:00:{59 - n}Z",
    }
    for n in range(9)
]
_PERPLEXITY: list[dict[str, Any]] = [
    {
        "entries": [
            {
                "query_str": "Tea?",
                "blocks": [{"markdown_block": {"chunks": ["Ye", "s."]}}],
                "entry_created_datetime": "2026-01-01T00:00:00",
            }
        ]
    },
    {"uuid": "1", "query": "Tea?", "answer": "Yes.", "timestamp": "2026-01-01"},
]
_CLAUDE_CODE: list[dict[str, Any]] = [
    {
        "type": "assistant" if n % 2 else "user",
        "uuid": f"{n}",
        "parentUuid": f"{n - 1}" if n else None,
        "sessionId": f"s{n // 5}",
        "timestamp": "2026-01-01T00:00:00Z",
        "message": {"content": [{"type": "text", "text": f"<system-reminder>x</system-reminder>I like tea {n}."}]},
    }
    for n in range(9)
]
_CODEX: list[dict[str, Any]] = [
    {"type": "session_meta", "timestamp": "2026-01-01T00:00:00Z", "payload": {"id": "x"}},
    *(
        {
            "type": "response_item",
            "payload": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": f"tea {n}"}]},
        }
        for n in range(9)
    ),
]
_MESSAGES: list[dict[str, Any]] = [
    *({"role": "user", "content": [{"type": "text", "text": f"I like tea {n}."}]} for n in range(3)),
    {"id": "1", "conversations": [{"from": "human", "value": "I like tea."}, {"from": "gpt", "value": "Nice."}]},
]

OTHERS: tuple[list[dict[str, Any]], ...] = (
    *(_GEMINI, _GROK, _OPEN_WEBUI, _DEEPSEEK, _LIBRECHAT, _LE_CHAT, _PERPLEXITY, _CLAUDE_CODE, _CODEX, _MESSAGES),
)
