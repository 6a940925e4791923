"""What keys and tokens of known makers look like; see `secrecy.py`."""

from __future__ import annotations

import re

MAKERS = {
    "OpenAI": r"sk-(?:proj|svcacct|admin|None)-[\w-]{20,300}|sk-[A-Za-z0-9]{32,64}",
    "Anthropic": r"sk-ant-[\w-]{20,200}",
    "OpenRouter": r"sk-or-v1-[0-9a-f]{32,64}",
    "AWS": r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}|ABSK[A-Za-z0-9+/]{80,200}",
    "GitHub": r"gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_\w{22,255}",
    "GitLab": r"gl(?:pat|dt|rt|ptt|cbt|ft|soat|agent|imt|oas)-[\w.-]{20,300}",
    "Slack": r"xox[abceoprs]-[\w-]{10,250}|xapp-\d-[\w-]{10,250}",
    "Google": r"AIza[\w-]{35}|ya29\.[\w-]{20,300}|GOCSPX-[\w-]{20,40}",
    "Stripe": r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,250}|whsec_[A-Za-z0-9+/]{24,100}",
    "Twilio": r"SK[0-9a-f]{32}",
    "SendGrid": r"SG\.[\w-]{16,32}\.[\w-]{16,64}",
    "Mailgun": r"key-[0-9a-f]{32}",
    "Mailchimp": r"[0-9a-f]{32}-us\d{1,2}",
    "npm": r"npm_[A-Za-z0-9]{30,64}",
    "PyPI": r"pypi-[\w-]{50,400}",
    "RubyGems": r"rubygems_[0-9a-f]{40,64}",
    "Hugging Face": r"(?:hf|api_org)_[A-Za-z0-9]{30,64}",
    "Groq": r"gsk_[A-Za-z0-9]{30,80}",
    "Replicate": r"r8_[A-Za-z0-9]{30,64}",
    "xAI": r"xai-[A-Za-z0-9]{40,120}",
    "Perplexity": r"pplx-[A-Za-z0-9]{32,64}",
    "DigitalOcean": r"do[opr]_v1_[0-9a-f]{40,64}",
    "Telegram": r"\d{8,10}:AA[\w-]{30,40}",
    "Discord": r"[MNO][\w-]{22,27}\.[\w-]{6}\.[\w-]{27,40}",
    "Shopify": r"shp(?:at|ca|pa|ss|tka)_[0-9a-fA-F]{32}",
    "Square": r"sq0(?:atp|csp|idp)-[\w-]{22,43}|EAAA[\w-]{60}",
    "Databricks": r"dapi[0-9a-f]{32}",
    "Linear": r"lin_(?:api|oauth)_[A-Za-z0-9]{32,64}",
    "Notion": r"ntn_[A-Za-z0-9]{40,50}|secret_[A-Za-z0-9]{43}",
    "Postman": r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}",
    "New Relic": r"NR(?:AK|JS|II|IQ)-[A-Z0-9a-f]{20,32}",
    "Sentry": r"sntry[su]_[A-Za-z0-9+/=_]{40,300}",
    "HashiCorp": r"hv[bs]\.[\w-]{20,300}|[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,70}",
    "Atlassian": r"ATATT3[\w=-]{60,300}",
    "Dropbox": r"sl\.(?:u\.)?[\w-]{60,2000}",
    "Doppler": r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{30,100}",
    "Figma": r"fig[dpo]_[\w-]{30,80}",
    "Airtable": r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}",
    "Grafana": r"gl(?:sa|c)_[A-Za-z0-9+/=_]{30,300}",
    "Tailscale": r"tskey-[a-z]{2,10}-[\w-]{15,80}",
    "Docker": r"dckr_(?:pat|oat)_[\w-]{20,80}",
    "Supabase": r"sb[ps]_[0-9a-f]{40}|sb_secret_[\w-]{20,60}",
    "Pulumi": r"pul-[0-9a-f]{40}",
    "PlanetScale": r"pscale_(?:tkn|oauth|pw)_[\w.-]{30,64}",
    "Azure": r"AccountKey=[A-Za-z0-9+/]{60,100}={0,2}|sig=[A-Za-z0-9%]{43,80}%3D",
    "age": r"AGE-SECRET-KEY-1[A-Z0-9]{58}",
}
"""Maker -> what its keys look like."""

KEYS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    + "|".join(f"(?P<k{number}>{pattern})" for number, pattern in enumerate(MAKERS.values()))
    + ")"
)
KEY_HINTS = re.compile(
    r"(?<![A-Za-z0-9])(?:sk-|sk_|rk_|whsec|A[KSBC][IC]A|ABSK|gh[pousr]_|github_pat|gl|xox|xapp|AIza|ya29|GOCSPX|SK"
    r"|SG\.|key-|npm_|pypi-|rubygems|hf_|api_org|gsk_|r8_|xai-|pplx|do[opr]_|\d{8,10}:AA|[MNO][\w-]{22,27}\.|shp|sq0"
    r"|EAAA|dapi|lin_|ntn_|secret_|PMAK|NR|sntry|hv[bs]\.|ATATT|sl\.|dp\.|fig[dpo]_|pat|tskey|dckr|sb[ps]?_|pul-"
    r"|pscale|AccountKey|sig=|AGE-)|-us\d|\.atlasv1\."
)
"""Beginnings of those keys, to leave most texts alone at once."""
