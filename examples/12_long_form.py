"""Fill a long form from a dict: what was kept comes back typed, or an error that says which field is not so.

The site is a registry on loopback, served from here. Fields are found by their labels. A field that the page
does not take or spells in its own way, one that the site refuses, and one that the receipt shows otherwise:
each is a `FieldProblem` with its label, and the caller says what to do. Plain Python, no model.

    python 12_long_form.py

Prints:
    Postcode: value_differs: the field holds 'CB3 0FN'
    Country: bad_option: the options are Please choose | France | Germany | United Kingdom
    Telephone: write it with the country, as in +44 20 7946 0018
    full_name='Ada Lovelace' date_of_birth=datetime.date(1990, 12, 10) nights=3
"""

import asyncio
from datetime import date

from pydantic import BaseModel

from punchlist.examples.small_sites import Registry
from punchlist.tools.browser import Browser, BrowserSession

Fields = dict[str, str | bool]
ADA: Fields = {
    "Full name": "Ada Lovelace", "Email": "ada@analytical.example", "Telephone": "020 7946 0018",
    "Date of birth": "1990-12-10", "Organisation": "Analytical Engines", "Street": "12 St James's Square",
    "Town": "Cambridge", "Postcode": "cb3 0fn", "Country": "Wales", "Years of practice": "12", "Nights": "3",
    "Ticket": "Supporter", "Meals": "Vegan", "Arrival": "2027-06-01", "Talk title": "Notes on notes",
    "Talk summary": "On what an engine may weave.", "Emergency contact": "Mary Somerville",
    "Emergency telephone": "+44 20 7946 0019", "Newsletter": False, "I accept the rules": True,
}  # fmt: skip
BETTER: Fields = {"Country": "United Kingdom", "Postcode": "CB3 0FN", "Telephone": "+44 20 7946 0018"}


class FieldProblem(Exception):
    """Field `label` is not as it was given. What is `registered` already must not be sent again."""

    def __init__(self, label: str, why: str, registered: bool = False) -> None:
        self.label, self.registered = label, registered
        super().__init__(f"{label}: {why}")


class Registration(BaseModel):  # of what the receipt shows
    full_name: str
    date_of_birth: date
    nights: int


async def fill(session: BrowserSession, label: str, wanted: str | bool) -> None:
    """Make one field hold what is wanted; of several radio buttons the one that is called so."""
    view = await session.view(budget=50_000)
    radios = [each for each in view.elements.values() if (each.role, each.name) == ("radio", wanted)]
    field = radios[0] if radios else view.find(label)
    box = field.role in ("checkbox", "radio")
    if field.value == (("on" if wanted else "off") if box else wanted):
        return
    fill_in = session.select if field.role == "select" else session.type
    result = await (session.click(field.number) if box else fill_in(field.number, str(wanted)))
    if not result.ok:
        raise FieldProblem(label, result.line())


async def register(session: BrowserSession, fields: Fields) -> Registration:
    """Fill everything, send it, and hold the receipt against what was given."""
    for label, wanted in fields.items():
        await fill(session, label, wanted)
    await session.click((await session.view(budget=50_000)).find("Register").number)
    page = await session.view(budget=50_000)
    if page.title != "Registered":
        said = (str(line[0]).partition(": ") for line in page.lines)
        label, _, why = next((each for each in said if each[0] in fields), ("form", "", page.text()))
        raise FieldProblem(label, why)
    kept = {str(line[0]): str(line[1]) for line in page.lines if len(line) == 2}
    for label, wanted in fields.items():
        given = ("yes" if wanted else "no") if isinstance(wanted, bool) else wanted
        if kept.get(label) != given:
            raise FieldProblem(label, f"{given!r} was given, the receipt says {kept.get(label)!r}", True)
    return Registration.model_validate({label.lower().replace(" ", "_"): kept[label] for label in kept})


async def main(site: Registry, fields: Fields, better: Fields) -> Registration:
    """Register; a field that is a problem is mended in the half-filled form, with what is better there."""
    async with Browser(allow=[site.url]) as browser:
        session = await browser.open("clerk", url=site.url)
        while True:
            try:
                return await register(session, fields)
            except FieldProblem as problem:
                print(problem)
                if problem.registered or problem.label not in better:
                    raise
                fields = {**fields, problem.label: better.pop(problem.label)}


if __name__ == "__main__":
    with Registry() as registry:
        print(asyncio.run(main(registry, ADA, dict(BETTER))))
