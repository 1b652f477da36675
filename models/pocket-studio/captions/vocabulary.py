"""Every word the model is taught, by what it means. `python -m captions.vocabulary` prints those that the catalogue lists."""

from typing import Final

# The table's own name comes first and is used most.
PRODUCTS: Final = {
    "mug": ("mug", "cup", "coffee mug", "coffee cup", "tea cup", "tumbler"),
    "bottle": ("bottle", "flask", "water bottle", "wine bottle"),
    "vase": ("vase", "flower vase", "urn"),
    "bowl": ("bowl", "dish", "salad bowl"),
    "lamp": ("lamp", "table lamp", "desk lamp", "bedside lamp"),
    "box": ("box", "package", "carton", "gift box", "cardboard box"),
    "ball": ("ball", "sphere", "globe", "rubber ball"),
    "donut": ("donut", "doughnut", "ring", "torus"),
    "teapot": ("teapot", "tea pot", "kettle", "tea kettle"),
    "chair": ("chair", "seat", "dining chair", "stool"),
    "candle": ("candle", "scented candle", "wax candle", "pillar candle"),
    "can": ("can", "soda can", "drink can", "tin", "beverage can"),
    "jar": ("jar", "jam jar", "honey jar", "preserve jar"),
    "perfume": ("perfume", "perfume bottle", "fragrance", "cologne", "bottle of perfume"),
    "watch": ("watch", "wristwatch", "wrist watch", "timepiece"),
    "shoe": ("shoe", "sneaker", "trainer", "running shoe"),
    "headphones": ("headphones", "headset", "wireless headphones", "pair of headphones"),
    "backpack": ("backpack", "rucksack", "school bag", "bag"),
}
COLOURS: Final = {
    "red": ("red", "crimson", "scarlet", "ruby", "cherry red"),
    "orange": ("orange", "tangerine", "amber"),
    "yellow": ("yellow", "golden", "lemon", "mustard"),
    "green": ("green", "emerald", "lime", "olive", "forest green"),
    "turquoise": ("turquoise", "teal", "cyan", "aqua"),
    "blue": ("blue", "navy", "cobalt", "azure", "royal blue", "navy blue"),
    "purple": ("purple", "violet", "lavender", "plum"),
    "pink": ("pink", "rose", "magenta", "fuchsia"),
    "white": ("white", "ivory", "snow white"),
    "grey": ("grey", "gray", "silver", "slate"),
    "black": ("black", "ebony", "jet black"),
    "brown": ("brown", "chocolate", "chestnut", "tan"),
}
BACKDROPS: Final = {
    "white": ("white", "plain white", "clean white", "bright", "plain"),
    "grey": ("grey", "gray", "light grey", "neutral"),
    "warm": ("warm", "beige", "cream", "sand", "tan"),
    "dark": ("dark", "black", "charcoal", "moody"),
    "sky": ("blue", "light blue", "sky blue", "pale blue", "pastel blue"),
    "rose": ("pink", "light pink", "pale pink", "pastel pink", "rose"),
}
MATERIALS: Final = {
    "matte": ("matte", "dull", "satin"),
    "glossy": ("glossy", "shiny", "polished", "lacquered"),
    "metal": ("metal", "metallic", "steel", "chrome"),
    "glass": ("glass", "transparent", "translucent"),
}
LIGHTS: Final = {
    "left": ("light from the left", "lit from the left"),
    "right": ("light from the right", "lit from the right"),
}
SHADOWS: Final = {
    "soft": ("soft light", "soft shadow", "softbox", "diffused light", "soft studio lighting"),
    "hard": ("hard light", "hard shadow", "dramatic lighting", "professional contrast lighting", "high contrast"),
}
VIEWS: Final = {
    "front": ("front view", "seen from the front"),
    "above": ("from above", "seen from above", "top view", "flat lay"),
    "level": ("at eye level", "low angle", "seen from the side"),
}
WINDOW: Final = (
    "natural window light",
    "window light",
    "natural light",
    "sunlight through a window",
    "in everyday use",
)

HEADS: Final = (
    "photo of", "a photo of", "studio photo of", "product photo of", "a studio product photo of", "a picture of", "an image of",
    "commercial photo of", "a commercial studio photo of", "professional photograph of", "advertising shot of", "catalog photo of",
)  # fmt: skip
TAILS: Final = (
    "studio lighting", "product photography", "high quality", "commercial photography", "sharp focus", "professional", "4k", "centered",
    "isolated", "highly detailed", "realistic", "minimal", "advertising",
)  # fmt: skip
# Words that change nothing in the picture.
FILLERS: Final = (
    "very", "nice", "new", "modern", "elegant", "simple", "minimal", "stylish", "beautiful",
    "small", "large", "big", "tall", "short", "ceramic", "wooden", "plastic", "luxury",
    "classic", "detailed", "realistic", "single", "isolated", "centered",
    "professional", "commercial", "advertising", "catalog", "product", "studio", "high",
    "quality", "4k", "8k", "hd", "sharp", "focus", "picture", "photo", "photography", "close", "up",
    "standing", "alone", "here", "with", "of", "for", "the", "in", "and", "my", "our",
    "your", "this", "one", "some", "perfect", "round", "square", "fresh", "premium", "handmade", "vintage",
)  # fmt: skip
ARTICLES: Final = ("a", "the", "one", "an")
BACKDROP_WORDS: Final = ("background", "backdrop", "studio", "surface", "table", "wall")


def words() -> list[str]:
    """All words of the grammar, sorted, lower case."""
    return sorted(_split([*_telling(), *FILLERS, *ARTICLES]))


def known() -> list[str]:
    """The words that a picture can follow or that photographers use, sorted; not those that were taught to mean nothing."""
    return sorted(_split(_telling()))


def _telling() -> list[str]:
    meanings = (PRODUCTS, COLOURS, BACKDROPS, MATERIALS, LIGHTS, SHADOWS, VIEWS)
    phrases = [phrase for table in meanings for synonyms in table.values() for phrase in synonyms]
    return [
        *phrases,
        *WINDOW,
        *HEADS,
        *TAILS,
        *BACKDROP_WORDS,
        "lifestyle flat lay photo",
        "on against with in front coloured",
    ]


def _split(phrases: list[str]) -> set[str]:
    return {word for phrase in phrases for word in phrase.replace(",", " ").split()}


if __name__ == "__main__":
    print("\n".join(known()))
