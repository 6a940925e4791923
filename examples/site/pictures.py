"""Product pictures as inline SVG, drawn from the noun and the first word of a product's name."""

from __future__ import annotations

COLOURS = {
    "Green": "#5b8f6a", "Blue": "#4d7ea8", "Mustard": "#d9a43b", "Teal": "#2f8f8b", "Ivory": "#e4d9bf",
    "Coral": "#e57f68", "Slate": "#64707d", "Plum": "#7d4a73", "Copper": "#b8703d", "Oak": "#b98d58",
    "Wicker": "#c09a5f", "Bamboo": "#c9b06a", "Wool": "#cbbfae", "Cork": "#bd8f5c",
}  # fmt: skip
PLAIN = ("#c98a4b", "#a45f4b", "#6f8a91", "#93885a")

SHAPES = {
    "mug": (
        '<path d="M77 42h9a11 11 0 0 1 0 26h-9" fill="none" stroke="{d}" stroke-width="6"/>'
        '<path d="M34 32h44v38a12 12 0 0 1-12 12H46a12 12 0 0 1-12-12Z" fill="{c}"/>'
        '<ellipse cx="56" cy="32" rx="22" ry="5" fill="{d}"/>'
        '<path d="M48 22q-4-5 0-10M58 22q-4-5 0-10" class="thin"/>'
    ),
    "bowl": (
        '<path d="M22 42h76a38 38 0 0 1-26 38H48a38 38 0 0 1-26-38Z" fill="{c}"/>'
        '<ellipse cx="60" cy="42" rx="38" ry="8" fill="{d}"/>'
        '<rect x="47" y="79" width="26" height="5" rx="2" fill="{d}"/>'
    ),
    "vase": (
        '<path d="M60 30V12M60 26q-12-4-14-14M60 22q10-2 14-12" class="stem"/>'
        '<circle cx="60" cy="11" r="5" fill="#e9b44c"/>'
        '<circle cx="45" cy="12" r="4" fill="#e57f68"/>'
        '<path d="M52 30h16q-1 10 9 20 14 18-3 36H46q-17-18-3-36 10-10 9-20Z" fill="{c}"/>'
        '<path d="M52 30h16v4H52Z" fill="{d}"/>'
    ),
    "teapot": (
        '<path d="M84 48q16-14 18 2 0 20-20 20" fill="none" stroke="{d}" stroke-width="5"/>'
        '<path d="M32 50 14 36l4 24 18 12Z" fill="{d}"/>'
        '<ellipse cx="58" cy="58" rx="32" ry="25" fill="{c}"/>'
        '<path d="M42 36a18 10 0 0 1 32 0Z" fill="{d}"/>'
        '<circle cx="58" cy="26" r="4" fill="{d}"/>'
    ),
    "jug": (
        '<path d="M76 34q20 0 16 22-4 14-16 14" fill="none" stroke="{d}" stroke-width="6"/>'
        '<path d="M40 20h34l2 4q-6 12 2 24 8 22-6 36H42q-14-14-4-36 6-12 0-18l-6-8Z" fill="{c}"/>'
        '<path d="M32 22l8-2h34l2 4Z" fill="{d}"/>'
    ),
    "planter": (
        '<path d="M60 50q-24-2-26-30 22 2 26 30ZM60 50q24-2 26-30-22 2-26 30ZM60 50q-8-20 0-38 8 18 0'
        ' 38Z" fill="#6d9a63"/>'
        '<path d="M34 50h52l-7 34H41Z" fill="{c}"/>'
        '<rect x="31" y="46" width="58" height="9" rx="3" fill="{d}"/>'
    ),
    "cushion": (
        '<path d="M26 24q34 8 68 0-8 30 0 60-34-8-68 0 8-30 0-60Z" fill="{c}"/>'
        '<path d="M40 38q20 4 40 0M40 54q20 3 40 0M40 70q20 4 40 0" stroke="{d}" stroke-width="3"'
        ' fill="none"/>'
    ),
    "napkin": (
        '<path d="M60 14 100 50 60 86 20 50Z" fill="{c}"/>'
        '<path d="M60 14 100 50H20Z" fill="{d}"/>'
        '<path d="M60 24 88 50 60 76 32 50Z" class="light"/>'
    ),
    "apron": (
        '<path d="M46 12q14 18 28 0" fill="none" stroke="{d}" stroke-width="4"/>'
        '<path d="M44 16h32v22q16 6 18 12v38H26V50q2-6 18-12Z" fill="{c}"/>'
        '<rect x="44" y="56" width="32" height="20" rx="3" fill="{d}"/>'
    ),
    "coaster": (
        '<circle cx="66" cy="56" r="28" fill="{d}"/>'
        '<circle cx="54" cy="46" r="30" fill="{c}"/>'
        '<circle cx="54" cy="46" r="20" class="light"/>'
        '<circle cx="54" cy="46" r="9" class="light"/>'
    ),
    "lantern": (
        '<path d="M46 26a14 14 0 0 1 28 0" fill="none" stroke="{d}" stroke-width="4"/>'
        '<path d="M38 36 60 20l22 16Z" fill="{d}"/>'
        '<rect x="40" y="36" width="40" height="42" fill="{c}"/>'
        '<path d="M60 44q12 14 0 28-12-14 0-28Z" fill="#ffdf8e"/>'
        '<rect x="34" y="78" width="52" height="7" rx="2" fill="{d}"/>'
    ),
    "stool": (
        '<path d="M38 46 30 88M82 46l8 42M34 68h52" stroke="{d}" stroke-width="6" fill="none"/>'
        '<rect x="26" y="32" width="68" height="16" rx="8" fill="{c}"/>'
    ),
    "lamp": (
        '<path d="M60 48v34" stroke="{d}" stroke-width="5"/>'
        '<ellipse cx="60" cy="85" rx="22" ry="5" fill="{d}"/>'
        '<path d="M46 14h28l16 36H30Z" fill="{c}"/>'
        '<path d="M34 54h52l8 18H26Z" fill="#ffe9ae" opacity=".55"/>'
    ),
    "clock": (
        '<circle cx="60" cy="50" r="36" fill="{d}"/>'
        '<circle cx="60" cy="50" r="29" fill="#fffaf0"/>'
        '<path d="M60 50V30M60 50l14 9" stroke="{d}" stroke-width="4" stroke-linecap="round"/>'
        '<circle cx="60" cy="50" r="4" fill="{c}"/>'
    ),
    "blanket": (
        '<rect x="22" y="56" width="76" height="26" rx="10" fill="{d}"/>'
        '<rect x="24" y="36" width="72" height="26" rx="10" fill="{c}"/>'
        '<rect x="28" y="20" width="64" height="22" rx="10" fill="{d}"/>'
        '<path d="M36 82v8M48 82v8M60 82v8M72 82v8M84 82v8M30 49h60" class="thin"/>'
    ),
    "basket": (
        '<path d="M32 44a28 30 0 0 1 56 0" fill="none" stroke="{d}" stroke-width="5"/>'
        '<path d="M24 44h72l-9 40H33Z" fill="{c}"/>'
        '<path d="M28 56h64M30 70h60M44 44l4 40M60 44v40M76 44l-4 40" stroke="{d}" stroke-width="3"/>'
    ),
    "tray": (
        '<rect x="14" y="40" width="92" height="34" rx="14" fill="{d}"/>'
        '<rect x="20" y="36" width="80" height="30" rx="12" fill="{c}"/>'
        '<path d="M34 44h52M34 52h52" class="light"/>'
    ),
    "chair": (
        '<path d="M36 14v74M80 54v34M36 54h48" stroke="{d}" stroke-width="6" fill="none"/>'
        '<rect x="33" y="16" width="10" height="38" rx="4" fill="{c}"/>'
        '<rect x="34" y="48" width="54" height="11" rx="5" fill="{c}"/>'
    ),
    "kettle": (
        '<path d="M38 38a22 24 0 0 1 44 0" fill="none" stroke="{d}" stroke-width="5"/>'
        '<path d="M84 56l18-14 2 8-16 22Z" fill="{d}"/>'
        '<path d="M30 80q-4-42 30-42t30 42Z" fill="{c}"/>'
        '<rect x="28" y="78" width="64" height="7" rx="3" fill="{d}"/>'
    ),
    "brush": (
        '<rect x="16" y="30" width="88" height="14" rx="7" fill="{c}"/>'
        '<rect x="44" y="42" width="56" height="8" fill="{d}"/>'
        '<path d="M47 50v26M55 50v28M63 50v26M71 50v28M79 50v26M87 50v28M95 50v26" stroke="#d8c7a6"'
        ' stroke-width="7"/>'
    ),
    "mat": (
        '<rect x="20" y="30" width="80" height="44" rx="3" fill="{c}"/>'
        '<rect x="29" y="38" width="62" height="28" class="light"/>'
        '<path d="M20 34h-8M20 46h-8M20 58h-8M20 70h-8M100 34h8M100 46h8M100 58h8M100 70h8" stroke="{d}"'
        ' stroke-width="3"/>'
    ),
    "board": (
        '<path d="M28 30a8 8 0 0 1 8-8h48a8 8 0 0 1 8 8v40a8 8 0 0 1-8 8H36a8 8 0 0 1-8-8Z" fill="{c}"/>'
        '<circle cx="80" cy="34" r="5" class="hole"/>'
        '<path d="M38 44h26M38 56h40M38 66h30" stroke="{d}" stroke-width="2"/>'
    ),
}
"""Noun -> drawing on a ground of 120 by 100; `{c}` is its colour, `{d}` the same but darker."""


def picture(name: str) -> str:
    """SVG of the product `name`; hidden from assistive technology, since the name says it all."""
    first, noun = name.split()[0], name.split()[-1]
    colour = COLOURS.get(first, PLAIN[len(first) % len(PLAIN)])
    drawing = SHAPES[noun].replace("{c}", colour).replace("{d}", _darker(colour))
    return f'<svg class="picture" viewBox="0 0 120 100" aria-hidden="true">{drawing}</svg>'


def _darker(colour: str) -> str:
    channels = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{channel * 3 // 4:02x}" for channel in channels)
