"""What the studio holds: products, colours, backdrops, materials. Order is part of the format: labels are positions in these tables."""

from typing import Final, NamedTuple


class Rgb(NamedTuple):
    """An sRGB colour, 0 to 255."""

    red: int
    green: int
    blue: int


# The order of `enum Product` in scene.h.
PRODUCTS: Final = (
    "mug", "bottle", "vase", "bowl", "lamp", "box", "ball", "donut", "teapot", "chair",
    "candle", "can", "jar", "perfume", "watch", "shoe", "headphones", "backpack",
)  # fmt: skip

COLOURS: Final = {
    "red": Rgb(200, 22, 30),
    "orange": Rgb(240, 112, 16),
    "yellow": Rgb(246, 206, 28),
    "green": Rgb(34, 140, 58),
    "turquoise": Rgb(20, 176, 176),
    "blue": Rgb(28, 78, 202),
    "purple": Rgb(114, 44, 164),
    "pink": Rgb(242, 122, 172),
    "white": Rgb(238, 238, 234),
    "grey": Rgb(122, 124, 128),
    "black": Rgb(24, 24, 26),
    "brown": Rgb(112, 66, 36),
}

BACKDROPS: Final = {
    "white": Rgb(250, 250, 250),
    "grey": Rgb(172, 174, 178),
    "warm": Rgb(228, 198, 162),
    "dark": Rgb(54, 55, 60),
    "sky": Rgb(158, 200, 232),
    "rose": Rgb(244, 196, 204),
}

# The order of `enum Material` in scene.h.
MATERIALS: Final = ("matte", "glossy", "metal", "glass")

# What each product is made of in a shop; the first are the usual ones.
MADE_OF: Final = {
    "mug": ("matte", "glossy", "metal"),
    "bottle": ("glossy", "matte", "glass", "metal"),
    "vase": ("matte", "glossy", "glass"),
    "bowl": ("matte", "glossy", "metal", "glass"),
    "lamp": ("matte",),
    "box": ("matte", "glossy", "metal"),
    "ball": ("matte", "glossy", "metal", "glass"),
    "donut": ("matte", "glossy"),
    "teapot": ("glossy", "matte", "metal"),
    "chair": ("matte", "glossy"),
    "candle": ("matte",),
    "can": ("glossy", "matte", "metal"),
    "jar": ("glass", "glossy"),
    "perfume": ("glass", "glossy", "metal"),
    "watch": ("matte", "metal"),
    "shoe": ("matte",),
    "headphones": ("matte", "glossy", "metal"),
    "backpack": ("matte",),
}

LIGHTS: Final = ("left", "right")
SHADOWS: Final = ("soft", "hard")
VIEWS: Final = ("front", "above", "level")
