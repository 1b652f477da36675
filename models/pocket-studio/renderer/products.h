// Signed distances to products that stand on y = 0, about one unit high, facing +z.
#pragma once
#include "scene.h"
#include "vector.h"

// What a point of a product is made of. BODY takes the scene's colour and material, TRIM its second colour; the rest are fixed.
enum Part { BODY, TRIM, FLAME, PAPER, INK, STEEL, DOUGH };

// Half width, height and half depth of a box that holds every form of the product.
typedef struct { float x, y, z; } Bounds;
extern const Bounds PRODUCT_BOUNDS[PRODUCTS];

// Distance from p to the product, never much more than the true one; *part, unless null, says what the nearest point is.
float product_distance(Vec p, const Scene *scene, int *part);
