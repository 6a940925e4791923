"""How the site looks and behaves in the browser: themes, style sheet, script. No outside resources."""

from __future__ import annotations

THEMES = (
    # paper, card, ink, muted ink, accent, tint
    ("#f7f3ea", "#fffdf8", "#2b2a26", "#736d61", "#2f5d50", "#e4ebe2"),
    ("#f4f5f7", "#ffffff", "#20262e", "#67707c", "#b4532f", "#f6e4da"),
    ("#f6f1f4", "#fffcfe", "#2d2430", "#76687a", "#6b3f69", "#eadff0"),
    ("#f1f5f4", "#fdfffe", "#1f2b2e", "#62757a", "#1f6f78", "#d9ecec"),
    ("#f8f4ec", "#fffefb", "#33291f", "#7c6f5f", "#8a5a13", "#f3e5c8"),
)

STYLE = """
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 "Avenir Next","Segoe UI","Helvetica Neue",
"DejaVu Sans Condensed",sans-serif}
h1,h2,.brand{font-family:"Iowan Old Style","Palatino Linotype",Georgia,"DejaVu Serif Condensed",serif;font-weight:600;
letter-spacing:-.01em;line-height:1.2}
h1{font-size:2rem;margin:.2em 0 .6em}h2{font-size:1.25rem;margin:1.6em 0 .6em}
a{color:var(--accent);text-underline-offset:.2em}
a:focus-visible,button:focus-visible,input:focus-visible,select:focus-visible,textarea:focus-visible{outline:3px solid
color-mix(in srgb,var(--accent) 45%,transparent);outline-offset:2px}
header{background:var(--card);border-bottom:1px solid color-mix(in srgb,var(--ink) 12%,transparent)}
.bar,.strip,main,footer{max-width:1040px;margin:0 auto;padding:0 24px}
.bar{display:flex;flex-wrap:wrap;align-items:center;gap:10px 26px;padding-top:16px;padding-bottom:16px}
.brand{font-size:1.45rem;text-decoration:none;color:var(--ink);margin-right:auto}
.brand::before{content:"";display:inline-block;width:.75em;height:.75em;margin-right:.45em;border-radius:50% 50% 50% 8%;
background:var(--accent)}
nav{display:flex;flex-wrap:wrap;gap:8px 22px}nav a{text-decoration:none;font-size:.95rem}nav a:hover{text-decoration:underline}
.strip{padding-top:10px;padding-bottom:10px}
.bag{background:var(--accent);color:var(--card);padding:8px 16px;border-radius:99px;text-decoration:none;font-size:.95rem;
display:inline-block}
main{padding-top:28px;padding-bottom:40px;min-height:60vh}
footer{padding-top:22px;padding-bottom:40px;color:var(--muted);font-size:.9rem}
.hero{background:var(--tint);border-radius:20px;padding:34px 38px;margin-bottom:28px;display:flex;
align-items:center;gap:30px}.hero>div:first-child{flex:1}
.window{display:flex;gap:4px}.window .picture{width:118px;height:104px;background:none;padding:2px}
.hero h1{font-size:2.5rem;margin:0 0 .2em}.hero p{margin:0;color:var(--muted);font-size:1.1rem}
.search{display:flex;flex-wrap:wrap;gap:10px;align-items:center;margin:0 0 8px}.search label{font-size:.95rem}
.bar .search{margin:0;flex-basis:100%}.search input{flex:1 1 220px;max-width:420px}
.shelf{list-style:none;padding:0;margin:18px 0;display:grid;grid-template-columns:repeat(auto-fill,minmax(215px,1fr));gap:18px}
.shelf li{background:var(--card);border-radius:16px;padding:14px 16px 16px;display:flex;flex-direction:column;gap:4px;
box-shadow:0 1px 2px rgb(0 0 0/.06),0 6px 18px rgb(0 0 0/.04)}
.picture{width:100%;height:130px;background:var(--tint);border-radius:12px;padding:10px}
td .picture{width:64px;height:52px;padding:4px;display:block}td:has(.picture){width:96px}
.picture .thin{fill:none;stroke:var(--muted);stroke-width:2.5;stroke-linecap:round}
.picture .stem{fill:none;stroke:#6d9a63;stroke-width:3}.picture .light{fill:none;stroke:#fff;stroke-opacity:.55;stroke-width:3}
.picture .hole{fill:var(--tint)}
.name{font-weight:600;text-decoration:none;font-size:1.05rem}.price{font-variant-numeric:tabular-nums}
.muted{color:var(--muted);font-size:.93rem;margin:0}
table{width:100%;border-collapse:collapse;background:var(--card);border-radius:16px;overflow:hidden;
box-shadow:0 1px 2px rgb(0 0 0/.06)}
th,td{text-align:left;padding:12px 16px;border-bottom:1px solid color-mix(in srgb,var(--ink) 9%,transparent);vertical-align:middle}
thead th{font-size:.85rem;color:var(--muted);font-weight:600}tr:last-child>*{border-bottom:0}
tbody th{font-weight:500;color:var(--muted);width:38%}
td input[type=number],td input[type=text]{width:84px}
button,.button{font:inherit;font-weight:600;border:0;border-radius:99px;padding:11px 22px;background:var(--accent);color:#fff;
cursor:pointer;text-decoration:none;display:inline-block}
button:hover,.button:hover{filter:brightness(1.08)}
button.quiet{background:transparent;color:var(--accent);box-shadow:inset 0 0 0 1.5px var(--accent);padding:8px 16px}
input[type=text],input[type=number],input[type=date],input[type=search],select,textarea{font:inherit;padding:9px 12px;
border-radius:10px;border:1.5px solid color-mix(in srgb,var(--ink) 26%,transparent);background:#fff;color:var(--ink);max-width:100%}
textarea{width:100%;min-height:110px}.search input[type=search],.search input[type=text]{max-width:420px}
input[type=checkbox],input[type=radio]{width:1.15em;height:1.15em;accent-color:var(--accent);margin:0 .55em 0 0;vertical-align:-.15em}
.card{background:var(--card);border-radius:18px;padding:24px 28px;box-shadow:0 1px 2px rgb(0 0 0/.06),0 8px 26px rgb(0 0 0/.05)}
.product{display:grid;grid-template-columns:minmax(220px,380px) 1fr;gap:34px;align-items:start}.product .picture{height:300px}
.product .price{font-size:1.4rem}
.field{margin:0 0 18px}.field>label,legend{display:block;font-weight:600;margin-bottom:6px;padding:0}
.field.tick>label{display:inline;font-weight:400}fieldset{border:0;padding:0;margin:0 0 18px}fieldset label{display:block;margin:6px 0}
.actions{display:flex;flex-wrap:wrap;gap:12px;align-items:center;margin-top:20px}
.notice{background:var(--tint);border-left:4px solid var(--accent);padding:12px 18px;border-radius:0 12px 12px 0;margin:0 0 20px}
.wrong{background:#fdecea;border-left:4px solid #b3261e;padding:12px 18px;border-radius:0 12px 12px 0;margin:0 0 20px}
.wrong ul{margin:.3em 0 0;padding-left:1.2em}
dl{background:var(--card);border-radius:16px;padding:8px 22px;margin:0 0 20px;box-shadow:0 1px 2px rgb(0 0 0/.06)}
dl div{display:flex;gap:20px;padding:10px 0;border-bottom:1px solid color-mix(in srgb,var(--ink) 9%,transparent)}
dl div:last-child{border-bottom:0}dt{color:var(--muted);flex:0 0 38%}dd{margin:0;font-weight:500}
table+dl,dl+table,table+table{margin-top:20px}
.said{max-width:640px;border-radius:16px;padding:12px 18px;margin:0 0 12px;background:var(--card)}
.said.desk{background:var(--tint);margin-left:60px}.said b{display:block;font-size:.85rem;color:var(--muted)}
.state{display:inline-block;padding:3px 12px;border-radius:99px;background:var(--tint);font-size:.9rem}
.state.closed{background:color-mix(in srgb,var(--ink) 10%,transparent)}
.pager{display:flex;gap:20px;align-items:center;margin-top:18px}.late{color:var(--muted);font-style:italic}
.banner{background:var(--ink);color:var(--paper);padding:10px 24px;display:flex;gap:18px;align-items:center;font-size:.93rem}
.banner button{padding:5px 16px;background:var(--paper);color:var(--ink)}
.departments{display:flex;flex-wrap:wrap;gap:8px 20px;margin:0 0 14px;font-size:.95rem}
@media(max-width:680px){.product{grid-template-columns:1fr}.hero h1{font-size:1.8rem}.window{display:none}}
"""

SCRIPT = """
(() => {
  const part = document.querySelector('[data-late]');
  if (part) {
    const address = new URL(location.href);
    address.searchParams.set('part', 'late');
    setTimeout(async () => {
      const answer = await fetch(address);
      part.outerHTML = await answer.text();
    }, Number(part.dataset.late));
  }
  document.addEventListener('click', event => {
    const asleep = event.target.closest('[data-asleep]');
    if (asleep && !sessionStorage.getItem('woken')) {
      sessionStorage.setItem('woken', 'yes');
      event.preventDefault();
      event.stopImmediatePropagation();
    }
    const banner = event.target.closest('.banner button');
    if (banner) {
      document.cookie = 'banner=seen; path=/; SameSite=Lax';
      banner.closest('.banner').remove();
    }
  }, true);
  document.addEventListener('submit', event => {
    const question = event.target.dataset.ask;
    if (question && !confirm(question)) event.preventDefault();
  }, true);
  document.addEventListener('change', event => {
    const other = document.getElementById(event.target.dataset.forgets || '');
    if (other) other.value = '';
  });
})();
"""


def style_sheet(theme: int) -> str:
    """The style sheet in one of the `THEMES`."""
    names = ("paper", "card", "ink", "muted", "accent", "tint")
    colours = ";".join(f"--{name}:{colour}" for name, colour in zip(names, THEMES[theme], strict=True))
    return f":root{{{colours}}}{STYLE}"
