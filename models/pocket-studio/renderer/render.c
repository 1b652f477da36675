// The camera: one ray a pixel, nine where a neighbour differs, sRGB out.
#include "shade.h"

#include <stddef.h>
#include <stdlib.h>

typedef struct {
    const Scene *scene;
    int size;
    Vec origin, right, up, ahead, light; // origin and light in the product's frame
    float cosine, sine, tangent;
} Camera;

static Vec to_product(const Camera *c, Vec p) { return turn(p, c->cosine, c->sine); }

static Camera camera_for(const Scene *s, int size) {
    float cp = cosf(s->pitch), sp = sinf(s->pitch);
    Camera c = {.scene = s, .size = size, .cosine = cosf(s->yaw), .sine = sinf(s->yaw), .tangent = tanf(s->field_of_view * .5f)};
    c.right = vec(1, 0, 0), c.up = vec(0, cp, -sp), c.ahead = vec(0, -sp, -cp);
    c.origin = to_product(&c, vec(0, .45f + sp * s->distance, cp * s->distance));
    c.light = to_product(&c, unit(vec(s->light[0], s->light[1], s->light[2])));
    return c;
}

static float shoulder(float x) { // bright parts roll off instead of clipping
    x = most(x, 0);
    return x < .8f ? x : .8f + .2f * (1 - expf(-(x - .8f) / .2f));
}

static Colour look(const Camera *c, float column, float row) { // pixels, from the upper left corner
    float u = column / c->size * 2 - 1, v = row / c->size * 2 - 1;
    float x = (u - c->scene->shift[0]) * c->tangent, y = (c->scene->shift[1] - v) * c->tangent;
    Vec ray = unit(add(c->ahead, add(scale(c->right, x), scale(c->up, y))));
    Colour seen = shade(c->origin, to_product(c, ray), c->light, u, v, c->scene);
    return (Colour){shoulder(seen.r), shoulder(seen.g), shoulder(seen.b)};
}

static float contrast(Colour a, Colour b) { // as the eye sees it
    float r = fabsf(sqrtf(a.r) - sqrtf(b.r)), g = fabsf(sqrtf(a.g) - sqrtf(b.g)), d = fabsf(sqrtf(a.b) - sqrtf(b.b));
    return most(r, most(g, d));
}

static int at_edge(const Colour *coarse, int size, int x, int y) {
    const float threshold = .03f;
    for (int j = y > 0 ? y - 1 : 0; j <= y + 1 && j < size; j++)
        for (int i = x > 0 ? x - 1 : 0; i <= x + 1 && i < size; i++)
            if (contrast(coarse[j * size + i], coarse[y * size + x]) > threshold) return 1;
    return 0;
}

static unsigned char srgb(float linear) { return (unsigned char)(clamp(powf(linear, 1 / 2.2f), 0, 1) * 255 + .5f); }

static void picture(const Scene *scene, int size, Colour *coarse, unsigned char *out) {
    enum { GRID = 3 };
    Camera camera = camera_for(scene, size);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) coarse[y * size + x] = look(&camera, x + .5f, y + .5f);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++, out += 3) {
            Colour mean = coarse[y * size + x];
            if (at_edge(coarse, size, x, y)) {
                mean = (Colour){0, 0, 0};
                for (int k = 0; k < GRID * GRID; k++) {
                    Colour c = look(&camera, x + (k % GRID + .5f) / GRID, y + (k / GRID + .5f) / GRID);
                    mean.r += c.r / (GRID * GRID), mean.g += c.g / (GRID * GRID), mean.b += c.b / (GRID * GRID);
                }
            }
            out[0] = srgb(mean.r), out[1] = srgb(mean.g), out[2] = srgb(mean.b);
        }
}

// Renders count scenes, size x size RGB bytes each, into out. Returns 0, or 1 when there was no memory.
int render(const Scene *scenes, int count, int size, unsigned char *out) {
    int failed = 0;
#pragma omp parallel for schedule(dynamic, 1)
    for (int i = 0; i < count; i++) {
        Colour *coarse = malloc(sizeof(Colour) * size * size);
        if (coarse) picture(&scenes[i], size, coarse, out + (size_t)i * size * size * 3);
        else failed = 1;
        free(coarse);
    }
    return failed;
}
