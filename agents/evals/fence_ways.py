"""The ways out of a browser that `eval fence` tries, each as a page that an allowed site serves.

In the texts `@F@` is the forbidden site's address, `@P@` its port, `@A@` the allowed site's address, `@H@`
its host and port, `@A-PORT@` its port, and `@W@` the way's own folder there (`@PATH@` its path). A way begins
at `@W@/`; where it has a `goto`, the agent goes there next.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .fence_sites import Answer


@dataclass(frozen=True)
class Way:
    """One way out.

    Attributes:
        pages: By path below the way's folder; "" is where it begins.
        goto: Address that the agent goes to, after the first page; such a way is none of a plain browser.
    """

    name: str
    pages: dict[str, Answer] = field(default_factory=dict[str, Answer])
    goto: str = ""


def _page(name: str, body: str, **headers: str) -> Way:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Way(name, {"": Answer(f"<title>T</title><p>x{body}", headers=named)})


def _script(name: str, code: str) -> Way:
    return _page(name, f"<script>{code}</script>")


def _redirect(status: int) -> Way:
    return Way(
        f"redirect_{status}",
        {
            "": Answer("<title>T</title><a id=go href='@W@/to'>x</a><script>go.click()</script>"),
            "/to": Answer(status=status, headers={"Location": "@F@/"}),
        },
    )


def _fetched(name: str, code: str, status: int) -> Way:
    found = {"": Answer(f"<title>T</title><p>x<script>{code}</script>")}
    return Way(name, found | {"/to": Answer(status=status, headers={"Location": "@F@/"})})


def _spelled(name: str, address: str) -> Way:
    return _page(f"spelled_{name}", f"<img src='{address}'>")


NAVIGATIONS = (
    _page("link", "<a id=go href='@F@/'>x</a><script>go.click()</script>"),
    *(_redirect(status) for status in (301, 302, 303, 307, 308)),
    _page("meta_refresh", "<meta http-equiv=refresh content='0;url=@F@/'>"),
    _page("refresh_header", "", Refresh="0;url=@F@/"),
    _script("location", "location.href='@F@/'"),
    _script("location_replace", "location.replace('@F@/')"),
    _page("form_post", "<form id=go method=post action='@F@/'></form><script>go.submit()</script>"),
    _page("form_get", "<form id=go action='@F@/'></form><script>go.submit()</script>"),
    _page("form_new_tab", "<form id=go target=_blank action='@F@/'></form><script>go.submit()</script>"),
    _page("new_tab", "<a id=go target=_blank href='@F@/'>x</a><script>go.click()</script>"),
    _script("popup", "open('@F@/')"),
    _script("popup_written", "open().document.write('<img src=@F@/>')"),
    _page("download", "<a id=go download href='@F@/x'>x</a><script>go.click()</script>"),
    _page("ping", "<a id=go ping='@F@/' href='#'>x</a><script>go.click()</script>"),
    _script("blob_page", "location=URL.createObjectURL(new Blob(['<img src=@F@/>'],{type:'text/html'}))"),
    _page(
        "data_page",
        "<a id=go href='data:text/html,<img src=@F@/>'>x</a><script>go.click()</script>",
    ),
)

FRAMES = (
    _page("frame", "<iframe src='@F@/'></iframe>"),
    _page("frame_srcdoc", "<iframe srcdoc='<img src=@F@/>'></iframe>"),
    _page("frame_data", "<iframe src='data:text/html,<img src=@F@/>'></iframe>"),
    _page("frame_script", "<iframe src='javascript:\"<img src=@F@/>\"'></iframe>"),
    _page("frame_sandbox", "<iframe sandbox src='@F@/'></iframe>"),
    _page("frame_leaves", "<iframe srcdoc=\"<meta http-equiv=refresh content='0;url=@F@/'>\"></iframe>"),
    _page("object", "<object data='@F@/'></object>"),
    _page("embed", "<embed src='@F@/'>"),
)

PARTS = (
    _page("image", "<img src='@F@/'>"),
    _page("image_srcset", "<img srcset='@F@/ 1x'>"),
    _page("input_image", "<input type=image src='@F@/'>"),
    _page("svg_image", "<svg><image href='@F@/' width=9 height=9 /></svg>"),
    _page("video", "<video src='@F@/' preload=auto></video>"),
    _page("poster", "<video poster='@F@/'></video>"),
    _page("audio", "<audio src='@F@/' preload=auto></audio>"),
    _page("icon", "<link rel=icon href='@F@/'>"),
    _page("manifest", "<link rel=manifest href='@F@/'>"),
    _page("stylesheet", "<link rel=stylesheet href='@F@/'>"),
    _page("css_import", "<style>@import '@F@/';</style>"),
    _page("css_url", "<style>p{background:url(@F@/)}</style>"),
    _page("css_image_set", "<style>p{background:image-set('@F@/' 1x)}</style>"),
    _page("font", "<style>@font-face{font-family:f;src:url(@F@/)}p{font-family:f}</style>"),
    _page("script", "<script src='@F@/'></script>"),
    _page("module", "<script type=module>import '@F@/'</script>"),
    _script("dynamic_import", "import('@F@/').catch(()=>0)"),
    _script("worker", "new Worker(URL.createObjectURL(new Blob([\"importScripts('@F@/')\"])))"),
    _script("shared_worker", "new SharedWorker(URL.createObjectURL(new Blob([\"importScripts('@F@/')\"])))"),
    Way(
        "service_worker",
        {
            "": Answer("<title>T</title><p>x<script>navigator.serviceWorker.register('@W@/sw.js')</script>"),
            "/sw.js": Answer("fetch('@F@/')", headers={"Content-Type": "text/javascript"}),
        },
    ),
)

CALLS = (
    _script("fetch", "fetch('@F@/',{mode:'no-cors'}).catch(()=>0)"),
    _script("fetch_keepalive", "fetch('@F@/',{mode:'no-cors',keepalive:true});location='@A@/gone'"),
    _fetched("fetch_redirect_302", "fetch('@W@/to').catch(()=>0)", 302),
    _fetched("fetch_redirect_307", "fetch('@W@/to',{method:'POST',body:'x'}).catch(()=>0)", 307),
    _fetched("image_redirect", "new Image().src='@W@/to'", 302),
    _script("xhr", "x=new XMLHttpRequest;x.open('GET','@F@/');x.send()"),
    _script("xhr_sync", "x=new XMLHttpRequest;x.open('GET','@F@/',false);try{x.send()}catch{}"),
    _script("beacon", "navigator.sendBeacon('@F@/','x')"),
    _script("beacon_on_leaving", "onpagehide=()=>navigator.sendBeacon('@F@/','x');location='@A@/gone'"),
    _script("event_source", "new EventSource('@F@/')"),
    _script("websocket", "new WebSocket('ws://127.0.0.1:@P@/')"),
    _script("websocket_tls", "new WebSocket('wss://127.0.0.1:@P@/')"),
    _script("web_transport", "new WebTransport('https://127.0.0.1:@P@/').ready.catch(()=>0)"),
    _script("payment", "new PaymentRequest([{supportedMethods:'https://127.0.0.1:@P@/'}],"
            "{total:{label:'x',amount:{currency:'EUR',value:'1'}}}).canMakePayment()"),
    _script(
        "stun",
        "p=new RTCPeerConnection({iceServers:[{urls:'stun:127.0.0.1:@P@'}]});p.createDataChannel('x');"
        "p.createOffer().then(o=>p.setLocalDescription(o))",
    ),
    _script(
        "turn_udp",
        "p=new RTCPeerConnection({iceServers:[{urls:'turn:127.0.0.1:@P@',username:'u',credential:'c'}]});"
        "p.createDataChannel('x');p.createOffer().then(o=>p.setLocalDescription(o))",
    ),
    _script(
        "turn_tcp",
        "p=new RTCPeerConnection({iceServers:[{urls:'turn:127.0.0.1:@P@?transport=tcp',username:'u',"
        "credential:'c'}]});p.createDataChannel('x');p.createOffer().then(o=>p.setLocalDescription(o))",
    ),
)  # fmt: skip

HINTS = (
    _page("prefetch", "<link rel=prefetch href='@F@/'>"),
    _page("preload", "<link rel=preload as=image href='@F@/'>"),
    _page("module_preload", "<link rel=modulepreload href='@F@/'>"),
    _page("preconnect", "<link rel=preconnect href='@F@/'>"),
    _page("dns_prefetch", "<link rel=dns-prefetch href='//forbidden.test:@P@/'>"),
    _page("prerender", "<link rel=prerender href='@F@/'>"),
    _page(
        "speculation",
        '<script type=speculationrules>{"prefetch":[{"source":"list","urls":["@F@/"],'
        '"eagerness":"immediate"}]}'
        "</script>",
    ),
    _page("link_header_preload", "", Link="<@F@/>; rel=preload; as=image"),
    _page("link_header_preconnect", "", Link="<@F@/>; rel=preconnect"),
    Way(
        "early_hints",
        {
            "": Answer(
                "<title>T</title><p>x",
                early="HTTP/1.1 103 Early Hints\r\nLink: <@F@/>; rel=preconnect\r\n\r\n",
            )
        },
    ),
    _page("alt_svc", "<img src='@W@/x'>", Alt_Svc='h3=":@P@", h2=":@P@"'),
    _page(
        "csp_report",
        "<img src='data:,x'>",
        Content_Security_Policy_Report_Only="img-src 'none'; report-uri @F@/",
    ),
)

SPELLINGS = (
    _spelled("other_port", "http://127.0.0.1:@P@/"),
    _spelled("name", "http://localhost:@P@/"),
    _spelled("upper_case", "HTTP://LOCALHOST:@P@/"),
    _spelled("short", "http://127.1:@P@/"),
    _spelled("decimal", "http://2130706433:@P@/"),
    _spelled("octal", "http://0177.0.0.1:@P@/"),
    _spelled("hexadecimal", "http://0x7f000001:@P@/"),
    _spelled("full_width", "http://\uff11\uff12\uff17.0.0.1:@P@/"),
    _spelled("trailing_dot", "http://127.0.0.1.:@P@/"),
    _spelled("any_address", "http://0.0.0.0:@P@/"),
    _spelled("next_address", "http://127.0.0.2:@P@/"),
    _spelled("ipv6", "http://[::1]:@P@/"),
    _spelled("ipv6_mapped", "http://[::ffff:127.0.0.1]:@P@/"),
    _spelled("user", "http://@H@@127.0.0.1:@P@/"),
    _spelled("backslash", "http:\\\\127.0.0.1:@P@\\@@H@/"),
    _spelled("tab", "http://127.0.0.1:@P@/\t@@H@"),
    _spelled("other_scheme", "https://127.0.0.1:@P@/"),
    _spelled("below_allowed", "http://127.0.0.1.forbidden.test:@P@/"),
)


def _agent(name: str, address: str) -> Way:
    return Way(f"agent_{name}", {"": Answer("<title>T</title><p>x")}, goto=address)


AGENTS = (
    _agent("goto", "@F@/"),
    _agent("backslash", "http:\\\\127.0.0.1:@P@\\@@H@/"),
    _agent("user", "http://@H@@127.0.0.1:@P@/"),
    _agent("data", "data:text/html,<img src='@F@/'>"),
    _agent("javascript", "javascript:fetch('@F@/')"),
    _agent("blob", "blob:@F@/x"),
    _agent("file", "file:///etc/passwd"),
    _agent("chrome", "chrome://version"),
    _agent("view_source", "view-source:@F@/"),
    _agent("filesystem", "filesystem:@F@/temporary/x"),
)

NAMES = (
    Way(
        "rebinding",
        {"": Answer("<title>T</title><p>x<script>setInterval(()=>fetch('x').catch(()=>0),50)</script>")},
        goto="http://rebinding.test:@A-PORT@@PATH@/",
    ),
    Way("private_name", {"": Answer("<title>T</title>")}, goto="http://private.test:@A-PORT@/"),
)
"""Names that are allowed: one leads to the allowed site first and then elsewhere, one elsewhere at once."""

WAYS = (*NAVIGATIONS, *FRAMES, *PARTS, *CALLS, *HINTS, *SPELLINGS, *AGENTS, *NAMES)
QUICK = (
    "redirect_302", "blob_page", "form_post", "image", "service_worker", "fetch_redirect_307", "websocket",
    "stun", "turn_tcp", "prefetch", "csp_report", "spelled_octal", "agent_goto", "agent_data", "rebinding",
    "private_name",
)  # fmt: skip
