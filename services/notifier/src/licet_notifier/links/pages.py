"""The pages of links: small, without scripts, and without anything from elsewhere."""

from datetime import date
from html import escape

from starlette.responses import HTMLResponse

from licet_notifier.links.model import FARTHEST, SNOOZES, Asked, Kind, Said

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;"
    "color:#1c232b;background:#fff}"
    "button,input,select{font:inherit;padding:.5rem .75rem;border:1px solid #9aa5b1;border-radius:6px}"
    "button{background:#2563eb;border-color:#2563eb;color:#fff}"
    ".wrong{color:#b42318}"
    "@media(prefers-color-scheme:dark){body{color:#e6e9ed;background:#12161b}}"
)


def question(kind: Kind, asked: Asked, today: date, *, wrong: str | None = None) -> HTMLResponse:
    """Return the page that asks; nothing happens before its button is pressed."""
    fields = _BOOKED if kind is Kind.ACKNOWLEDGED else _SNOOZE
    body = fields.format(
        about=escape(f"{asked.name} of {asked.holder_name}"),
        end=asked.expires_on.isoformat(),
        today=today.isoformat(),
        last=(today + FARTHEST).isoformat(),
        choices="".join(
            f'<option value="{days}">{days} {"day" if days == 1 else "days"}</option>' for days in SNOOZES
        ),
    )
    said = "" if wrong is None else f'<p class="wrong" role="alert">{escape(wrong)}</p>'
    return _page("Reminders", said + body, 200 if wrong is None else 422)


_BOOKED = (
    "<p>{about} ends on {end}.</p>"
    '<form method="post"><p><label>The renewal is booked for '
    '<input type="date" name="booked_on" required min="{today}" max="{last}"></label></p>'
    "<p>Reminders rest until that day is over, for everybody who gets them.</p>"
    '<p><button type="submit">The renewal is booked</button></p></form>'
)
_SNOOZE = (
    "<p>{about} ends on {end}.</p>"
    '<form method="post"><p><label>Remind me again in <select name="days">{choices}</select></label></p>'
    '<p><button type="submit">Remind me later</button></p></form>'
)


def done(said: Said) -> HTMLResponse:
    """Return the page that confirms what was said."""
    if said.booked_on is not None:
        text = f"Thank you. Reminders rest until {said.booked_on.isoformat()} is over."
    else:
        text = "You will be reminded later. Others are told as before."
    return _page("Done", f"<p>{escape(text)}</p>", 200)


def refusal(text: str, status: int) -> HTMLResponse:
    """Return the page that says why a link does nothing; it names nobody."""
    return _page("This link does nothing", f"<p>{escape(text)}</p>", status)


def _page(title: str, body: str, status: int) -> HTMLResponse:
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{title}</h1>{body}</main></body></html>",
        status,
        headers=_HEADERS,
    )
