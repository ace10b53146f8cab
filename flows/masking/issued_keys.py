"""Keys that their issuers give a shape: a prefix and so many random characters; JSON Web Tokens; private keys in PEM.

The shapes are what the issuers' documentation says and what their keys look like. Public ones (Stripe's pk_live_, a
certificate) are no secrets.
"""

import re
from collections.abc import Iterator

from flows.masking.folding import Folded
from flows.masking.secret import Secret, is_placeholder

_WORD = "[A-Za-z0-9_-]"
_FEWEST_DISTINCT = 8

_SHAPES = {
    "Anthropic API key": (rf"sk-ant-[a-z]+\d\d-{_WORD}{{40,}}",),
    "OpenRouter API key": (r"sk-or-v1-[0-9a-f]{64}",),
    "OpenAI API key": (rf"sk-(?:proj|svcacct|admin)-{_WORD}{{40,}}", r"sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}"),
    "API key": (r"sk-[A-Za-z0-9]{32,}", r"SK[0-9a-f]{32}\b", r"key-[0-9a-f]{32}\b", r"[0-9a-f]{32}-us\d{1,2}\b"),
    "Stripe API key": (r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}",),
    "Stripe webhook secret": (r"whsec_[A-Za-z0-9+/]{24,}={0,2}",),
    "AWS access key": (r"A(?:KI|SI|BI|CC)A[A-Z2-7]{16}\b",),
    "GitHub token": (r"gh[pousr]_[A-Za-z0-9_.-]{36,}", r"github_pat_\w{60,}"),
    "GitLab token": (rf"gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-{_WORD}{{20,}}",),
    "Slack token": (r"xox[abeoprs]-[A-Za-z0-9-]{10,}", r"xapp-\d-[A-Za-z0-9-]{20,}"),
    "Google API key": (rf"AIza{_WORD}{{35}}",),
    "Google client secret": (rf"GOCSPX-{_WORD}{{28}}",),
    "Discord bot token": (rf"[MNO][A-Za-z0-9]{{23,27}}\.{_WORD}{{6}}\.{_WORD}{{27,}}",),
    "npm token": (r"npm_[A-Za-z0-9]{36}\b",),
    "PyPI token": (rf"pypi-AgE{_WORD}{{50,}}",),
    "Hugging Face token": (r"hf_[A-Za-z0-9]{30,}",),
    "Groq API key": (r"gsk_[A-Za-z0-9]{48,}",),
    "xAI API key": (r"xai-[A-Za-z0-9]{60,}",),
    "Perplexity API key": (r"pplx-[A-Za-z0-9]{40,}",),
    "Replicate token": (r"r8_[A-Za-z0-9]{37}\b",),
    "Supabase key": (r"sb_secret_[\w-]{20,}", r"sbp_[0-9a-f]{40}\b"),
    "Shopify token": (r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b",),
    "DigitalOcean token": (r"do[opr]_v1_[0-9a-f]{64}\b",),
    "Square token": (rf"sq0(?:atp|csp)-{_WORD}{{22,}}",),
    "Notion token": (r"ntn_[A-Za-z0-9]{40,}", r"secret_[A-Za-z0-9]{43}\b"),
    "Linear API key": (r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}",),
    "Airtable token": (r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}\b",),
    "Figma token": (rf"figd_{_WORD}{{36,}}",),
    "Postman API key": (r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}\b",),
    "Atlassian token": (rf"AT(?:ATT|CTT)3x{_WORD}{{50,}}",),
    "Databricks token": (r"dapi[0-9a-f]{32}\b",),
    "Vault token": (rf"hv[sb]\.{_WORD}{{24,}}",),
    "Doppler token": (r"dp\.[a-z]{2,6}\.[A-Za-z0-9]{40,}",),
    "New Relic key": (r"NRAK-[A-Z0-9]{27}\b",),
    "Grafana token": (rf"gl(?:sa|c)_{_WORD}{{30,}}",),
    "Sentry token": (r"sntry[su]_\w{40,}",),
    "Docker token": (rf"dckr_pat_{_WORD}{{20,}}",),
    "Tailscale key": (r"tskey-[a-z]+-[A-Za-z0-9]+-[A-Za-z0-9]{20,}",),
    "PlanetScale token": (rf"pscale_[a-z]+_{_WORD}{{32,}}",),
    "RubyGems key": (r"rubygems_[0-9a-f]{48}\b",),
    "LangSmith key": (r"lsv2_[a-z]{2}_[0-9a-f]{32}_[0-9a-f]{10}\b",),
    "age secret key": (r"AGE-SECRET-KEY-1[A-Z0-9]{58}\b",),
    "wallet key": (r"[xyz]prv[1-9A-HJ-NP-Za-km-z]{100,}",),
    "SendGrid API key": (rf"SG\.{_WORD}{{16,32}}\.{_WORD}{{16,64}}",),
    "Google token": (rf"ya29\.{_WORD}{{30,}}",),
    "Telegram bot token": (rf"\d{{8,10}}:AA{_WORD}{{33}}(?!{_WORD})",),
    "Slack webhook": (r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/]{30,}",),
    "Discord webhook": (rf"https://(?:\w+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d{{15,}}/{_WORD}{{50,}}",),
}
_KINDS = [kind for kind, shapes in _SHAPES.items() for _ in shapes]
_KEY = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(f'({shape})' for shapes in _SHAPES.values() for shape in shapes)})")

_JWT = re.compile(rf"(?<![A-Za-z0-9])eyJ{_WORD}{{8,}}+")
_NEXT_SEGMENT = re.compile(
    rf"(?:\.|\r?\n[>\t ]*+(?={_WORD}{{20}}|{_WORD}++\.{_WORD})){_WORD}*+"  # a line goes on where more of it stands
)
_SHORTEST_JWT = 40

_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]{0,30})PRIVATE KEY( BLOCK)?-----")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
_PEM_BODY = re.compile(r"(?:[A-Za-z0-9+/=]{16,}+|[A-Za-z-]{1,20}: [^\n]{1,80}|[>\s]++|\\r|\\n)*+")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{40}")
_LONGEST_PEM = 20_000


def found(text: Folded) -> Iterator[Secret]:
    for start, end in text.long_runs:
        yield from _keys(text.text, start, end)
    if "eyJ" in text.text:
        yield from _json_web_tokens(text.text)
    if "PRIVATE KEY" in text.text:
        yield from _private_keys(text.text)


def _keys(text: str, start: int, end: int) -> Iterator[Secret]:
    for key in _KEY.finditer(text, start, end):
        if key.lastindex and len(set(key.group())) >= _FEWEST_DISTINCT and not is_placeholder(key.group()):
            yield Secret(*key.span(), _KINDS[key.lastindex - 1])


def _json_web_tokens(text: str) -> Iterator[Secret]:
    """RFC 7519, compact form: base64url of a JSON object, then more behind points; also cut short, or over lines."""
    end = 0
    while header := _JWT.search(text, end):
        end = _end_of_segments(text, header.end())
        if "." in text[header.end() : end] and end - header.start() >= _SHORTEST_JWT:
            yield Secret(header.start(), end, "JWT")


def _end_of_segments(text: str, end: int) -> int:
    while following := _NEXT_SEGMENT.match(text, end):
        end = following.end()
    return end


def _private_keys(text: str) -> Iterator[Secret]:
    """RFC 7468, also within a string of source code, quoted, or without its end."""
    for begin in _PEM.finditer(text):
        end = _PEM_END.search(text, begin.end(), begin.end() + _LONGEST_PEM)
        last = end.end() if end else _end_of_body(text, begin.end())
        if _BASE64.search(text, begin.end(), last):
            yield Secret(begin.start(), last, "private key")


def _end_of_body(text: str, start: int) -> int:
    body = _PEM_BODY.match(text, start)
    return start + len(body.group().rstrip()) if body else start
