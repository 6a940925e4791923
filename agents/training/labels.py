"""What generated sites call their things: many wordings each, of which a site draws one.

None is a whole label of `examples/site`. `{c}` stands for the site's word for its cart, `{n}` and `{p}` for a
count and a product.
"""

from __future__ import annotations

from .words import phrases

CARTS = phrases("cart | basket | bag | trolley | shopping cart | shopping bag | shopping list | basket | bag")
HOMES = phrases("""
    home | shop | store | all goods | products | catalogue | collection | browse | start | everything |
    our range
""")
HELPS = phrases("""
    help | support | help desk | tickets | inbox | messages | customer care | requests | service desk |
    cases | mailbox | support tickets | questions | customer inbox | desk | the help desk | customer desk
""")
OTHERS = phrases("""
    about | contact | account | sign in | terms | privacy | blog | sale | new in | gift ideas | wish list |
    faq | shipping | returns | careers | stores | stories | newsletter | deutsch | profile | press |
    gift cards | our story | find a store | track a parcel | brands | outlet
""")
ORDERS = phrases("""
    orders | my orders | your orders | order history | past orders | earlier orders | placed orders |
    orders you made | what you ordered | what i bought | bought before | my purchases |
    all that i ordered | orders from us | previous orders | ordered earlier | these are my orders
""")
FILLERS = phrases("""
    here | now | please | today | at once | for me | for us | of yours | with it | then | the | our | your |
    my | all | this | it | again | right here | if you like | gladly | simply | just | to begin | and go |
    of ours | with us | a | one | to you | only | in | on | of | with | first | we say
""")
"""Words that a site may put before or behind a label without changing what it is."""
FINDS = phrases("""
    search | find | search products | search for | look for | find a product | what are you looking for |
    search goods | keyword
""")
GOS = phrases("search | go | find | search now | look | ok | show | find it")
NEXTS = phrases("""
    next | next page | more | older | show more | more results | page 2 | forward | further | load more |
    continue to page 2 | on to more | further on | ahead | the next page | later ones | next ones | onward |
    and more
""")
PREVS = phrases("previous | back | previous page | newer | page 1 | earlier")
ADDS = phrases("""
    add to {c} | add to {c} | put in {c} | place in {c} | add this to the {c} | add | buy | buy this |
    drop in {c} | into the {c} | add item | add to my {c} | i want this | take it | move to {c} |
    put into my {c} | let me have it | throw it in my {c} | it goes in the {c} | in the {c} please |
    put this in the {c}
""")
UPDATES = phrases("""
    update | update {c} | save changes | recalculate | refresh {c} | apply | save {c} | work it out again |
    count again | new sum please | save the counts | change the counts | sum it up again
""")
REMOVES = phrases("remove | delete | drop | take out | x | discard | remove item")
CHECKOUTS = phrases("""
    checkout | check out | go to checkout | proceed to checkout | start checkout | to the till | buy these |
    continue to checkout | order these | next: your details | enter your details | to checkout |
    continue to delivery | proceed to payment | delivery and payment details | on to checkout | go and pay |
    checkout form | delivery details
""")
REVIEWS = phrases("""
    continue | review order | next | continue to review | check order | next step | preview order | go on |
    to the summary | see summary | proceed | continue to summary | review | look it over | save and continue |
    one more look | show my order | to the last step | last check | check the order first | show summary |
    look at the order
""")
FINALS = phrases("""
    place this order | yes, order | send it off | order for good | send this order | place order |
    confirm order | buy now | pay now | send order | complete purchase | order now | submit order |
    finish order | confirm and pay | place my order | yes, order this | confirm purchase | order and pay |
    make the order
""")
QUANTITIES = phrases("""
    quantity | qty | amount | number | how many | pieces | units | count | quantity wanted | number of items
""")
NAMES = phrases("""
    name | full name | your name | customer name | recipient | customer | name of recipient | who is it for |
    buyer | first and last name | contact name | ordered by | delivered to | person | ship to |
    full name of buyer | parcel to | name on the parcel | recipient's name | full name, please
""")
DATES = phrases("""
    date | delivery date | delivery day | day | when | preferred date | arrival date | deliver on |
    day of delivery | arrives on | wanted by | ship date | day wanted
""")
CHOICES = phrases("""
    delivery | shipping | shipping method | service | method | delivery option | speed | how to send it |
    type of delivery | carrier | shipping speed | choose a service | way of delivery | delivery speed |
    how fast | which shipping
""")
PAYS = phrases("""
    payment | way to pay | how do you pay | pay by | how to pay | payment method | paid with | pay with
""")
EXTRAS = phrases("""
    email | phone | voucher code | address | company | comment | floor | postcode | city | coupon |
    message to us
""")
TERMS = phrases("""
    the terms are fine | i have read the conditions | i agree | agree to the shop terms |
    i agree to the terms | accept terms | i accept the conditions | terms and conditions |
    i have read the terms | agree to terms of sale | yes to the terms | i accept the terms of sale
""")
SUBSCRIBES = phrases("""
    send me news | newsletter | remember me | save my data | tell me about offers | keep me posted
""")
REPLIES = phrases("""
    reply | your reply | answer | message | write a reply | your answer | response | text | your message |
    note to customer | write back | comment
""")
SENDS = phrases("""
    send it | send this | send off | send to customer | post it | send | send reply | send answer |
    post reply | submit | send message | reply | post | deliver reply
""")
CLOSES = phrases("""
    ticket done | it is done, close | mark as closed | close this one | close now | close ticket | close |
    resolve | mark as solved | mark resolved | close case | close request | set to closed | solve ticket |
    finish case
""")
BOTHS = phrases("""
    reply and close | send and close | answer and close | send & resolve | post and close |
    reply & close ticket | send and solve | close with reply | submit and close | answer it and close |
    send answer, then close | reply, then close it | answer the customer and close
""")
OPENS = phrases("""
    send only | reply, stay open | send and keep open | answer, leave it open | reply only |
    send without closing | keep it open | post, do not close
""")
CLOSED = phrases("""
    closed | now closed | closed and done | is closed | closed by us | resolved | solved | done |
    closed today | finished
""")
OPEN = phrases("""
    open | still waiting | open, not answered | is open | to be answered | new | waiting | pending |
    in progress | unanswered | active
""")
LOADING = phrases("""
    loading… | loading | please wait | one moment | fetching… | just a second | loading, please wait |
    getting things ready | hold on | still loading | fetching this part | one moment, fetching |
    still working on it
""")
EMPTY = phrases("""
    no results | nothing found | 0 results | no matches | we found nothing | sorry, no products match |
    no products found | nothing matched
""")
GONE = phrases("""
    out of stock | sold out | currently unavailable | not available | no stock left | unavailable |
    back soon | none left
""")
THANKS = phrases("""
    thank you | order received | thank you for your order | order complete | your order is in | success |
    all done | order confirmed | we have your order | order placed | thanks, it is ordered
""")
NUMBERS = phrases("""
    order number | your order | reference | order | order no | order id | number | confirmation |
    confirmation number | order ref
""")
ADDED = phrases("""
    added to {c} | added | {n} x {p} added | {p} is in your {c} | item added | {p} added to {c} |
    1 item in {c} | now in your {c} | {n} added | we put {n} {p} in the {c}
""")
