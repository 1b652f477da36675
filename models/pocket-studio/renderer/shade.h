// Light: what colour a ray brings back.
#pragma once
#include "products.h"

typedef struct { float r, g, b; } Colour;

// Linear colour along a ray. origin, ray and light are in the product's frame; u and v, -1 to 1, say where in the picture (for the backdrop's falloff).
Colour shade(Vec origin, Vec ray, Vec light, float u, float v, const Scene *scene);
