"""Every word that the example site and its goals can use, in one place.

An agent model is evaluated here on a site that it never saw. That is only honest when this
vocabulary and the one the model was trained on share no full label, product name or goal
sentence, so nothing visible is worded anywhere else: `every_label`, `every_product` and
`every_goal_template` are the lists to hold against a trainer's vocabulary.

Order numbers, prices, dates, stock counts and people's names are drawn, not worded; people are
listed in `FIRST_NAMES` and `LAST_NAMES`.
"""

from __future__ import annotations

CARRIERS = ("basket", "trolley", "bag")
"""What the shop calls its cart; `{bag}` in a label stands for one of these."""

LABELS: dict[str, tuple[str, ...]] = {
    # header, search, catalogue
    "shelf_link": ("All our things", "Everything we sell", "The whole range"),
    "desk_link": ("Help desk counter", "Customer help desk", "Our help desk"),
    "orders_link": ("Orders I placed", "My orders so far", "What I have ordered"),
    "bag_link": ("What is in my {bag}", "My {bag} so far", "Over to my {bag}"),
    "search_label": ("Search the shop", "Look for something", "Search our range for"),
    "search_button": ("Find it for me", "Search our shelves", "Look it up"),
    "hero": (
        "Good things for a good home",
        "Plain things, made to last",
        "Small pleasures for every room",
    ),
    "hero_line": (
        "Packed by hand and on its way in a day or two.",
        "Chosen with care, wrapped in paper, never in plastic.",
        "A small shop with a long memory.",
    ),
    "shelf_title": ("What we have in", "On our shelves today", "Our range at a glance"),
    "found_title": ("What we found for", "Our shelves answer to", "Matches in our range for"),
    "nothing_found": (
        "Nothing on our shelves goes by that name.",
        "We looked everywhere and found nothing like that.",
    ),
    "open_product": ("See this one", "Look closer", "Show me more"),
    "next_page": ("Further along", "Onwards to more", "The next few"),
    "previous_page": ("Back along", "Back to earlier ones", "The ones before"),
    "page_of": ("Page {page} of {pages}", "Shelf {page} of {pages}"),
    "department_all": ("Every corner of the shop",),
    "sorter_label": ("Put them in order by", "Line them up by"),
    "sorter_button": ("Line them up", "Put in that order"),
    "sort_usual": ("The usual order",),
    "sort_cheap": ("Lowest price to highest",),
    "sort_name": ("Name from A to Z",),
    # product
    "price_label": ("Price for one", "Costs, each"),
    "stock_label": ("Ready to send", "Left on the shelf"),
    "stock_some": ("{left} pieces",),
    "stock_none": ("Sold out for now", "None left this week"),
    "quantity_label": ("How many would you like", "Quantity you want", "How many of these"),
    "add_button": ("Pop it in my {bag}", "Add this to my {bag}", "Into the {bag} it goes"),
    "added": ("That is in your {bag} now.", "Done, your {bag} has it."),
    "related_title": ("Others liked these too", "Goes well with"),
    # cart
    "bag_title": ("Here is your {bag}", "Inside your {bag}"),
    "bag_empty": ("Your {bag} has nothing in it yet.", "There is nothing in your {bag}."),
    "column_shelf": ("Article on the shelf", "One of our things"),
    "column_product": ("Article chosen", "What it is"),
    "column_quantity": ("How many pieces", "Pieces wanted"),
    "column_each": ("Price per piece", "One piece costs"),
    "column_sum": ("Price altogether", "Comes to"),
    "column_remove": ("Changed your mind?",),
    "bag_quantity": ("Quantity of {product}", "How many {product} to send"),
    "remove_button": ("Take it out again", "Leave this one out", "Remove it from my {bag}"),
    "update_button": ("Update all quantities", "Work the sum out again", "Save these quantities"),
    "update_row": ("Update this line", "Save this quantity"),
    "updated": ("Your {bag} is up to date.",),
    "voucher_label": ("Voucher code, if you have one",),
    "voucher_button": ("Use my voucher",),
    "voucher_unknown": ("We do not know that voucher.",),
    "bag_total": ("Sum for the {bag}", "Everything in the {bag}"),
    "checkout_link": ("On to delivery and payment", "Continue to the checkout form", "Go and check out"),
    # checkout form
    "form_title": ("Where it goes and how", "Tell us about delivery", "Your delivery and payment"),
    "name_label": ("Full name of the recipient", "Recipient's full name", "Full name for the parcel"),
    "delivery_label": (
        "Speed of the delivery",
        "How fast should we deliver",
        "Which delivery would you like",
    ),
    "delivery_blank": ("Please pick a speed",),
    "date_label": ("Day we should deliver", "Delivery on which day", "Deliver it on this date"),
    "gift_label": ("Wrap it up as a gift", "Gift wrapping, please", "Add gift wrap and ribbon"),
    "payment_label": ("How would you like to pay", "Way of paying", "Payment will be by"),
    "terms_label": (
        "I agree to the terms of sale",
        "I have read and accept the shop terms",
        "The terms and conditions are fine with me",
    ),
    "letter_label": ("Send me the monthly letter", "Tell me about new arrivals"),
    "note_label": ("Note for the courier (optional)", "Anything the driver should know"),
    "review_button": ("Look over my order", "Continue to the last check", "Show me the order first"),
    "wrong_title": ("Please look at this again", "Something still needs you"),
    "wrong_name": ("We need the full name of the recipient.",),
    "wrong_delivery": ("Pick how fast we should deliver.",),
    "wrong_date": ("Give us a delivery day after {today}.",),
    "wrong_payment": ("Pick a way of paying.",),
    "wrong_terms": ("You have to agree to the terms first.",),
    "wrong_quantity": ("Give a quantity between 1 and {left}.",),
    "wrong_stock": ("We no longer have that many: {product}.",),
    # review and order
    "review_title": ("One last look", "Is everything right?", "Check it once more"),
    "review_line": (
        "Nothing is ordered until you press the button below.",
        "This is what we will send. You cannot change it afterwards.",
    ),
    "change_link": ("Go back and change it", "Something is wrong, take me back"),
    "final_button": ("Yes, place my order", "Place this order for good", "Send my order off"),
    "final_question": (
        "Shall we place this order now? It cannot be undone.",
        "Ready to order? There is no way back after this.",
    ),
    "thanks_title": ("Thank you, it is ordered", "All done, your order is in", "Order received with thanks"),
    "fact_number": ("Your order number", "Number of your order", "This order's number"),
    "fact_name": ("Name of the recipient", "Full name on the parcel", "Parcel is for"),
    "fact_delivery": ("Delivery you chose", "Speed of delivery", "Delivered by"),
    "fact_date": ("Day it arrives", "Delivered on the day", "Date of delivery"),
    "fact_gift": ("Gift wrapping on it", "Wrapped up as a gift"),
    "fact_payment": ("Paid by way of", "Payment you chose"),
    "fact_letter": ("Monthly letter wanted",),
    "fact_note": ("Note for our courier",),
    "fact_total": ("Altogether to pay", "Grand sum"),
    "orders_title": ("Orders from this visit", "Everything you ordered here"),
    "orders_empty": ("No orders from you yet.", "You have not ordered anything yet."),
    "column_number": ("Number given", "Order no. given"),
    "column_name": ("Goes out to", "Ordered for"),
    "column_day": ("Arrives on the", "Planned day"),
    # help desk
    "desk_title": ("Tickets at the help desk", "Customer tickets", "The help desk inbox"),
    "column_subject": ("What it is about", "Ticket about"),
    "column_customer": ("Customer's name", "Written by"),
    "column_state": ("How it stands", "State of the ticket"),
    "status_open": ("Still open", "Open, needs an answer", "Open and waiting"),
    "status_closed": ("Closed already", "Closed and filed", "Closed for good"),
    "ticket_customer": ("Customer on this ticket", "Ticket written by"),
    "ticket_status": ("Ticket stands as", "State of this ticket"),
    "thread_title": ("What was said so far", "The conversation so far"),
    "desk_voice": ("Our shop desk", "We answered"),
    "answer_label": ("Answer to the customer", "Write your reply here", "Your reply to the customer"),
    "answer_close": (
        "Reply and close the ticket",
        "Send the answer and close it",
        "Answer, then close the ticket",
    ),
    "answer_only": ("Reply and leave it open", "Send the answer, keep it open"),
    "answer_send": ("Send this reply off", "Post my answer", "Send it to the customer"),
    "close_button": ("Ticket is done, close it", "Mark the ticket as closed", "Close the ticket now"),
    "reopen_button": ("Open this ticket again",),
    "answer_missing": ("Write a few words before you send them.",),
    "answer_sent": ("Your answer is with the customer.",),
    "closed_now": ("The ticket is closed.",),
    "desk_back": ("Back to all the tickets", "Return to the ticket list"),
    # everything else
    "banner": ("We keep one small cookie to remember your {bag}.",),
    "banner_button": ("That is fine by me",),
    "loading": ("One moment, still fetching this part",),
    "missing_title": ("We could not find that page",),
    "missing_line": ("It may have moved, or it never was here.",),
    "refused_title": ("We could not make sense of that",),
    "shelf_back": ("Back to the shelves", "Keep on looking around"),
    "footer": ("A small shop on a quiet street. Nothing here is really for sale.",),
    "yes": ("Yes",),
    "no": ("No",),
}
"""Synonyms for each thing the site says; a site draws one of each. `yes` and `no` are the plain words."""

DELIVERIES: dict[str, tuple[str, ...]] = {
    "express": ("Express courier", "Express van"),
    "standard": ("Standard parcel post", "Standard van round"),
    "economy": ("Economy parcel post", "Economy, no hurry"),
    "overnight": ("Overnight courier", "Overnight van"),
    "priority": ("Priority parcel post", "Priority courier"),
}
"""Word in a goal -> option texts that begin with it."""

PAYMENTS: dict[str, tuple[str, ...]] = {
    "invoice": ("Invoice by post", "Invoice after delivery"),
    "card": ("Card we have on file", "Card at the door"),
    "cash": ("Cash to the driver", "Cash on arrival"),
    "bank transfer": ("Bank transfer in advance", "Bank transfer afterwards"),
}
"""Word in a goal -> radio labels that begin with it."""

SHOP_NAMES = (
    "Harbour & Wren",
    "Larkfield Homewares",
    "The Thimble Street Store",
    "Quarry Lane Goods",
    "Pebble & Thatch",
    "Marlow House Supply",
)

DEPARTMENTS = {
    "table": "Tea and table",
    "soft": "Soft and woven",
    "light": "Lamps and clocks",
    "room": "Around the house",
}

COLOURS = ("Green", "Blue", "Mustard", "Teal", "Ivory", "Coral", "Slate", "Plum")
COLOURED_NOUNS = {
    "mug": "table",
    "bowl": "table",
    "vase": "room",
    "teapot": "table",
    "jug": "table",
    "planter": "room",
    "cushion": "soft",
    "napkin": "soft",
    "apron": "soft",
    "coaster": "table",
    "lantern": "light",
    "stool": "room",
}
"""Noun -> department; each comes in every colour."""

KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "lamp": ("light", ("Desk", "Floor", "Bedside", "Reading")),
    "clock": ("light", ("Wall", "Alarm", "Cuckoo")),
    "blanket": ("soft", ("Wool", "Picnic", "Quilted")),
    "basket": ("room", ("Wicker", "Laundry", "Bread")),
    "tray": ("table", ("Oak", "Bamboo", "Breakfast")),
    "chair": ("room", ("Garden", "Folding", "Rocking")),
    "kettle": ("table", ("Copper", "Camping", "Whistling")),
    "brush": ("room", ("Hearth", "Bottle", "Shoe")),
    "mat": ("soft", ("Bath", "Reed", "Yoga")),
    "board": ("table", ("Cheese", "Chopping", "Cork")),
}
"""Noun -> (department, the sorts it comes in)."""

BLURBS = (
    "Made in small batches and checked by hand before it leaves us.",
    "Simple lines, honest materials, and it only gets better with use.",
    "The one our own families have at home.",
    "Sturdy enough for every day, handsome enough for guests.",
)

FIRST_NAMES = {
    "Ada": "her", "Bruno": "his", "Clara": "her", "Dmitri": "his", "Edith": "her", "Felix": "his",
    "Greta": "her", "Hugo": "his", "Ingrid": "her", "Jonah": "his", "Katya": "her", "Leopold": "his",
    "Mina": "her", "Nolan": "his", "Odile": "her", "Pascal": "his", "Rosa": "her", "Stefan": "his",
    "Tamsin": "her", "Umberto": "his", "Vera": "her", "Wendell": "his", "Yvonne": "her", "Zoltan": "his",
}  # fmt: skip
"""First name -> the pronoun that goals use."""

LAST_NAMES = (
    "Lovelace", "Abernathy", "Brandt", "Castellan", "Duvall", "Eklund", "Farrow", "Grimaldi", "Hathaway",
    "Ibsen", "Jurado", "Kowalczyk", "Lindqvist", "Montrose", "Novak", "Okafor", "Pemberton", "Quintana",
    "Rasmussen", "Sorrel", "Thackeray", "Ullman", "Verhoeven", "Whitlock",
)  # fmt: skip

SUBJECTS: dict[str, str] = {
    "Where has my parcel gone": "I was promised a parcel last week and nobody can tell me where it is.",
    "Please order for me again": "Could you put my usual order through and tell me its number? Thank you.",
    "Lid arrived cracked": "The lid had a crack right across it when I opened the box.",
    "Colour is not as pictured": "On your page it looked darker. Is that the same one?",
    "Invoice never came": "My bookkeeper is asking, and I have no invoice to show.",
    "Two boxes, one empty": "One of the two boxes had only paper in it.",
    "Gift for my aunt": "I would like to send something to my aunt. What do you need from me?",
    "Could it come earlier": "We are away from Thursday. Can the driver come sooner?",
    "Wobbly leg": "It does not stand straight on any floor in this house.",
    "New address from June": "We are moving. Please use the new address from June on.",
    "Waiting for my order number": "Please let me have the order number once it is placed.",
    "Smells of smoke": "It smells as if it had been kept next to a stove.",
    "Charged a second time": "The same amount left my account on two days.",
    "Left at the wrong door": "The driver left it three houses down the road.",
    "Question about washing": "Can this go in the machine, and how hot?",
    "Missing screws": "There should be eight screws, there are five.",
}
"""Subject of a ticket -> what the customer wrote."""

DESK_LINES = (
    "Thank you for writing. We are looking into it.",
    "We have asked the driver and will come back to you.",
)

REPLIES = (
    "A replacement leaves our store on Monday",
    "The driver will call before noon",
    "We have credited the full amount",
    "Please keep the damaged one, a new one is coming",
    "Your parcel is waiting at the corner shop",
    "It can be washed at thirty degrees",
    "The missing piece is in the post",
    "We moved the visit to Friday morning",
    "Our bookkeeper sends the papers tomorrow",
    "Both boxes were checked and are complete now",
    "The colour on the page was wrong and is fixed",
    "Your new address is in our books",
)
"""Sentences that a goal asks to be sent."""

ORDER_SENTENCES = (
    "Order {items} for {name}, {speed}, deliver on {day}{extras}",
    "Please get {items} for {name} with {speed} delivery, arriving {day}{extras}",
    "{name} would like {items} on {day} by {speed} delivery{extras}",
    "Put an order through for {name}: {items}, {speed} delivery, {day}{extras}",
    "I need {items} sent to {name} on {day}, {speed} please{extras}",
    "Buy {items} in the name of {name}, {speed} delivery on {day}{extras}",
    "Could you order {items} for {name}? It should come on {day} with {speed} delivery{extras}",
    "Have {items} delivered to {name} on {day}, {speed} speed{extras}",
    "For {name}, please buy {items}; delivery {speed}, on {day}{extras}",
    "We owe {name} {items}. Send it all {speed}, to be there on {day}{extras}",
    "Send {name} {items} by {speed} delivery so that they arrive on {day}{extras}",
    "Kindly place one order of {items} with {speed} delivery on {day} for {name}{extras}",
    "On {day} {name} should receive {items} ({speed} delivery){extras}",
    "Shop for {name}: {items}. Choose {speed} delivery and {day} as the day{extras}",
    "Using {speed} delivery, order {items} to reach {name} on {day}{extras}",
    "{name} is waiting for {items}; order it {speed} for {day}{extras}",
    "Take {items}, ship {speed} to {name}, due on {day}{extras}",
    "Arrange {speed} delivery of {items} to {name} for {day}{extras}",
)
"""One whole order; `{extras}` is empty or begins with a comma."""

GIFT_PHRASES = ("gift wrapped", "with gift wrapping", "wrapped as a gift", "in gift wrap")
PAYMENT_PHRASES = ("paid by {pay}", "payment by {pay}", "paying by {pay}")

NUMBER_TO_OWN = (
    "; then close {her} ticket with the order number",
    ". Afterwards close {her} ticket and tell {them} the order number",
    ", and when that is through, answer {her} ticket with the order number and close it",
    ". Once it is ordered, reply to {her} help desk ticket with the order number and close the ticket",
    ". After that, give the order number in a reply to {her} ticket and close it",
    ". {She} has an open ticket: close it with the order number",
    "; finally send {them} the order number in {her} ticket and close that ticket",
)
"""Follow an order: the recipient's own ticket is closed with the order's number."""

NUMBER_TO_OTHER = (
    "; then close {customer}'s ticket with the order number",
    ". After ordering, reply to {customer}'s ticket with the order number and close it",
    ". {customer} asked for it: close that customer's ticket with the order number",
    ", then put the order number in a reply to {customer}'s ticket and close the ticket",
    ". When done, tell {customer} the order number in the open ticket and close it",
)
"""Follow an order: somebody else's ticket is closed with the order's number."""

REPLY_SENTENCES = (
    'Reply to {customer}\'s ticket with "{reply}" and leave it open',
    'Answer {customer} at the help desk: "{reply}", but keep the ticket open',
    'In the ticket of {customer}, send the reply "{reply}" without closing it',
    'Write "{reply}" to {customer} in the open ticket and do not close it',
)

CLOSE_SENTENCES = (
    'Close {customer}\'s ticket with the reply "{reply}"',
    'Tell {customer} "{reply}" at the help desk and close the ticket',
    'Answer the ticket of {customer} with "{reply}", then close it',
    'Finish the ticket from {customer}: reply "{reply}" and close it',
    'The help desk ticket of {customer} can be closed, send "{reply}" as the answer',
)

SUBJECT_SENTENCES = (
    'Close {customer}\'s ticket about "{subject}" with the reply "{reply}"',
    'Of the tickets from {customer}, answer "{subject}" with "{reply}" and close it',
)
"""For a customer who has two open tickets."""

JOINTS = (". Separately: ", ". Another job: ", ". Also, for somebody else: ", ". Apart from that: ")
"""Between two independent parts."""


def expand(text: str) -> tuple[str, ...]:
    """Write `text` out for each thing a shop may call its cart; other slots stay as they are."""
    if "{bag}" not in text:
        return (text,)
    return tuple(text.replace("{bag}", carrier) for carrier in CARRIERS)


def product_names() -> tuple[str, ...]:
    """Every product any site can sell, in a fixed order."""
    coloured = [f"{colour} {noun}" for noun in COLOURED_NOUNS for colour in COLOURS]
    kinds = [f"{sort} {noun}" for noun, (_, sorts) in KINDS.items() for sort in sorts]
    return (*coloured, *kinds)


def plural(name: str) -> str:
    """Product name in the plural: "Green mug" -> "Green mugs"."""
    return f"{name}es" if name.endswith(("sh", "ch", "x", "ss")) else f"{name}s"


def every_label() -> frozenset[str]:
    """Every fixed text of the site's pages, `{slots}` unfilled except the cart's name."""
    worded = [text for synonyms in LABELS.values() for text in synonyms]
    worded += [text for options in (DELIVERIES, PAYMENTS) for texts in options.values() for text in texts]
    worded += [*SHOP_NAMES, *DEPARTMENTS.values(), *BLURBS, *SUBJECTS, *SUBJECTS.values(), *DESK_LINES]
    return frozenset(line for text in worded for line in expand(text))


def every_product() -> frozenset[str]:
    """Every product name, singular and plural."""
    return frozenset(product_names()) | frozenset(plural(name) for name in product_names())


def every_goal_template() -> frozenset[str]:
    """Every sentence and part of a sentence that goals are put together from."""
    sentences = (*ORDER_SENTENCES, *NUMBER_TO_OWN, *NUMBER_TO_OTHER)
    answers = (*REPLY_SENTENCES, *CLOSE_SENTENCES, *SUBJECT_SENTENCES, *REPLIES)
    return frozenset((*sentences, *answers, *JOINTS, *GIFT_PHRASES, *PAYMENT_PHRASES))
