"""Which product, colour and backdrop are never shown together in training, so that judges can ask for what was never seen."""

from renderer.stock import BACKDROPS, COLOURS, PRODUCTS

PRODUCT_AT = {name: i for i, name in enumerate(PRODUCTS)}
COLOUR_AT = {name: i for i, name in enumerate(COLOURS)}
BACKDROP_AT = {name: i for i, name in enumerate(BACKDROPS)}


def pair_held_out(product: str, colour: str) -> bool:
    """True for one colour of every second product: withheld before every backdrop."""
    p = PRODUCT_AT[product]
    return p % 2 == 0 and COLOUR_AT[colour] == (5 * p + 1) % len(COLOURS)


def held_out(product: str, colour: str, backdrop: str) -> bool:
    """True for the withheld pairs and for one in thirteen of the other triples, spread evenly: 11 % of all."""
    if pair_held_out(product, colour):
        return True
    return (PRODUCT_AT[product] + 5 * COLOUR_AT[colour] + 7 * BACKDROP_AT[backdrop]) % 13 == 0
