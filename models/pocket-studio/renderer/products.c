#include "products.h"

#include <stddef.h>

// Primitives: after Inigo Quilez, "distance functions" (iquilezles.org/articles/distfunctions).

static inline float smooth_union(float a, float b, float k) {
    float h = most(k - fabsf(a - b), 0) / k;
    return least(a, b) - h * h * k * .25f;
}

static inline float rounded(float dx, float dy, float radius) { // a rectangle's corner, radius already taken off dx and dy
    return least(most(dx, dy), 0) + length2(most(dx, 0), most(dy, 0)) - radius;
}

static inline float cylinder(float rho, float y, float r, float bottom, float top, float edge) {
    return rounded(rho - r + edge, fabsf(y - (bottom + top) * .5f) - (top - bottom) * .5f + edge, edge);
}

static inline float block(float x, float y, float z, float a, float b, float c, float edge) { // half sizes a, b, c
    x = fabsf(x) - a + edge, y = fabsf(y) - b + edge, z = fabsf(z) - c + edge;
    return length3(most(x, 0), most(y, 0), most(z, 0)) + least(most(x, most(y, z)), 0) - edge;
}

static inline float ellipsoid(float x, float y, float z, float a, float b, float c) {
    float k = length3(x / a, y / b, z / c), slope = length3(x / (a * a), y / (b * b), z / (c * c));
    return k * (k - 1) / (slope + 1e-4f);
}

static inline float capsule(float x, float y, float z, float ax, float ay, float bx, float by, float r0, float r1) { // in the plane z = 0
    float px = x - ax, py = y - ay, ux = bx - ax, uy = by - ay;
    float t = clamp((px * ux + py * uy) / (ux * ux + uy * uy), 0, 1);
    return length3(px - ux * t, py - uy * t, z) - mix(r0, r1, t);
}

static inline float handle(float x, float y, float z, float stretch, float radius, float thickness) { // an upright, stretched ring
    return length2(length2(x, y - clamp(y, -stretch, stretch)) - radius, z) - thickness;
}

// Joins a part to what is there already.
#define PUT(expression, what) do { float e_ = (expression); if (e_ < d) { d = e_; m = (what); } } while (0)
#define DONE do { if (part) *part = m; return d; } while (0)

static float mug(Vec p, float rho, const float *q, int *part) {
    int m = BODY;
    float r = .34f + .06f * q[0], h = .72f + .16f * q[1];
    float d = cylinder(rho, p.y, r, 0, h, .03f);
    d = smooth_union(d, handle(p.x - r, p.y - h * .5f, p.z, .07f, .17f + .03f * q[2], .045f + .015f * q[3]), .05f);
    d = most(d, -cylinder(rho, p.y, r - .05f, .08f, h + .4f, .03f));
    DONE;
}

static float bottle(Vec p, float rho, const float *q, int *part) {
    int m = BODY;
    float r = .21f + .06f * q[0], shoulder = .58f + .1f * q[1], top = shoulder + .36f + .05f * q[2], neck = .08f + .015f * q[3];
    float d = cylinder(rho, p.y, r, 0, shoulder, .06f);
    d = smooth_union(d, cylinder(rho, p.y, neck, shoulder * .5f, top, .02f), .22f);
    PUT(cylinder(rho, p.y, neck + .022f, top - .03f, top + .1f, .015f), TRIM);
    DONE;
}

static float vase(Vec p, float rho, const float *q, int *part) {
    int m = BODY;
    float y = clamp(p.y, 0, 1), belly = powf(y, .8f + .3f * q[1]);
    float r = .14f + .03f * q[3] + (.19f + .06f * q[0]) * sinf(3.14159f * belly) + (.05f + .06f * q[2]) * smoothstep(.8f, 1, y);
    float d = most((rho - r) * .72f, most(-p.y, p.y - 1));
    d = most(d, -most((rho - r + .035f) * .72f, .1f - p.y));
    DONE;
}

static float bowl(Vec p, float rho, const float *q, int *part) {
    int m = BODY;
    float r = .5f + .05f * q[0], h = .36f + .06f * q[1];
    float d = most(fabsf(length2(rho, p.y - r - .03f) - r + .02f) - .022f, p.y - h);
    d = smooth_union(d, cylinder(rho, p.y, .2f, 0, .07f, .01f), .04f);
    DONE;
}

static float lamp(Vec p, float rho, const float *q, int *part) {
    int m = TRIM;
    float d = cylinder(rho, p.y, .2f + .05f * q[0], 0, .05f, .015f);
    d = least(d, cylinder(rho, p.y, .03f + .012f * q[3], 0, .75f, .01f));
    float t = clamp((p.y - .56f) / .5f, 0, 1), r = .36f + .05f * q[1] - (.13f + .08f * q[2]) * t;
    float shade = most((rho - r) * .9f, fabsf(p.y - .81f) - .25f);
    PUT(most(shade, -most((rho - r + .025f) * .9f, fabsf(p.y - .81f) - .27f)), BODY);
    DONE;
}

static float box(Vec p, const float *q, int *part) { // with a lid that stands over
    int m = BODY;
    float a = .31f + .09f * q[0], b = .25f + .11f * q[1], c = .28f + .07f * q[2], lid = .1f + .05f * q[3];
    float d = block(p.x, p.y - b, p.z, a, b, c, .012f);
    d = least(d, block(p.x, p.y - 2 * b + lid * .5f, p.z, a + .022f, lid * .5f + .005f, c + .022f, .012f));
    DONE;
}

static float ball(Vec p, float rho, const float *q, int *part) {
    int m = BODY;
    float r = .42f + .04f * q[0], d = length2(rho, p.y - r) - r;
    DONE;
}

static float donut(Vec p, float rho, const float *q, int *part) { // icing over dough
    int m = BODY;
    float a = .17f + .02f * q[0], r = .34f + .04f * q[1], d = length2(rho - r, p.y - a) - a;
    float wave = .025f * sinf(7 * atan2f(p.z, p.x) + 6 * q[3]);
    if (p.y < a * .62f + wave) { m = DOUGH; d += .012f; }
    DONE;
}

static float teapot(Vec p, float rho, const float *q, int *part) { // spout to the right, handle to the left
    int m = BODY;
    float r = .36f + .03f * q[0], h = .3f + .03f * q[1];
    float d = ellipsoid(p.x, p.y - h, p.z, r, h, r);
    d = smooth_union(d, cylinder(rho, p.y, .2f, 0, .05f, .01f), .05f);
    d = smooth_union(d, length3(p.x, p.y - 2 * h - .05f, p.z) - .06f, .05f);
    float groove = fabsf(length2(rho - .19f, p.y - 2 * h + .045f)) - .012f; // where the lid lies
    d = most(d, -groove);
    d = smooth_union(d, capsule(p.x, p.y, p.z, r - .08f, h - .06f, r + .25f, 2 * h - .02f, .095f, .045f) * .95f, .07f);
    d = smooth_union(d, handle(p.x + r, p.y - h, p.z, .05f, .17f, .042f), .04f);
    DONE;
}

static float chair(Vec p, const float *q, int *part) {
    int m = BODY;
    float w = .28f + .03f * q[0], seat = .43f + .04f * q[1], back = .48f + .06f * q[2];
    float d = block(p.x, p.y - seat, p.z, w, .045f, w, .02f);
    d = least(d, block(p.x, p.y - seat - back * .5f, p.z + w - .03f, w, back * .5f, .035f, .02f));
    PUT(block(fabsf(p.x) - w + .05f, p.y - seat * .5f, fabsf(p.z) - w + .05f, .038f, seat * .5f, .038f, .01f), TRIM);
    DONE;
}

static float candle(Vec p, float rho, const float *q, int *part) {
    int m = BODY;
    float r = .24f + .05f * q[0], h = .52f + .2f * q[1];
    float d = cylinder(rho, p.y, r, 0, h, .025f);
    d = most(d, .16f - length2(rho, p.y - h - .1f));
    PUT(cylinder(rho, p.y, .015f, h - .07f, h + .08f, .005f), INK);
    float t = clamp((p.y - h - .06f) / .24f, 0, 1), flame = .125f * sqrtf(t + .02f) * (1 - t) + .002f;
    PUT(most((rho - flame) * .55f, fabsf(p.y - h - .18f) - .12f), FLAME);
    DONE;
}

static float can(Vec p, float rho, const float *q, int *part) { // a drink can: steel rims, ring pull
    int m = BODY;
    float r = .25f + .03f * q[0], h = .8f + .1f * q[1];
    float narrow = r - .055f * smoothstep(h - .12f, h - .02f, p.y) - .045f * (1 - smoothstep(0, .07f, p.y));
    float d = most((rho - narrow) * .8f, fabsf(p.y - h * .5f) - h * .5f);
    d = most(d, -cylinder(rho, p.y, r - .08f, h - .035f, h + .2f, .01f));
    if (p.y > h - .05f || p.y < .025f) m = STEEL;
    PUT(block(p.x, p.y - h + .03f, p.z - .05f, .045f, .008f, .075f, .006f), STEEL);
    DONE;
}

static float jar(Vec p, float rho, const float *q, int *part) { // a preserve jar: broad lid, label
    int m = BODY;
    float r = .3f + .04f * q[0], h = .6f + .1f * q[1];
    float d = cylinder(rho, p.y, r, 0, h, .09f);
    if (p.z > 0 && fabsf(p.y - h * .47f) < h * .24f && fabsf(p.x) < r * .66f) m = PAPER;
    if (m == PAPER && fabsf(p.y - h * .5f) < .022f && fabsf(p.x) < r * .4f) m = INK;
    d = smooth_union(d, cylinder(rho, p.y, r - .05f, h - .1f, h + .04f, .01f), .02f);
    PUT(cylinder(rho, p.y, r - .01f, h + .03f, h + .17f + .03f * q[2], .02f), STEEL);
    DONE;
}

static float perfume(Vec p, float rho, const float *q, int *part) { // a flat flacon: label, collar, tall cap
    int m = BODY;
    float a = .28f + .04f * q[0], b = .28f + .05f * q[1], c = .14f + .03f * q[2], top = 2 * b;
    float d = block(p.x, p.y - b, p.z, a, b, c, .04f);
    if (p.z > c - .012f && fabsf(p.x) < a * .58f && fabsf(p.y - b) < b * .45f) m = PAPER;
    if (m == PAPER && fabsf(p.x) < a * .38f && fabsf(p.y - b) < .022f) m = INK;
    PUT(cylinder(rho, p.y, .075f, top - .02f, top + .06f, .01f), STEEL);
    PUT(cylinder(rho, p.y, .11f + .015f * q[3], top + .05f, top + .28f, .015f), TRIM);
    DONE;
}

static float watch(Vec p, const float *q, int *part) { // the strap a standing loop, the dial turned up to the camera
    int m = BODY;
    const float radius = .385f, cosine = .906f, sine = .423f;
    float y = p.y - .41f, rim = length2(y, p.z);
    float d = rounded(fabsf(rim - radius) - .022f, fabsf(p.x) - .13f - .02f * q[0] + .03f * clamp(-p.z / radius, 0, 1), .006f);
    float depth = p.z * cosine + y * sine - radius - .01f, up = -p.z * sine + y * cosine; // the dial's own frame
    float r = length2(p.x, up), dial = .27f + .02f * q[1];
    float body = rounded(r - dial + .02f, fabsf(depth) - .035f, .02f);
    body = most(body, -most(r - dial + .045f, fabsf(depth - .06f) - .02f));
    body = least(body, most(length2(up, depth) - .035f, fabsf(p.x - dial - .02f) - .035f)); // crown
    if (body < d) {
        d = body, m = STEEL;
        if (depth > .025f && r < dial - .04f) {
            float hour = least(fabsf(p.x), fabsf(up)); // marks at 12, 3, 6 and 9
            float t = clamp(p.x * -.5f + up * .866f, 0, .11f), minute = clamp(p.x * .82f + up * .57f, 0, .16f);
            int hands = length2(p.x + .5f * t, up - .866f * t) < .018f || length2(p.x - .82f * minute, up - .57f * minute) < .014f;
            m = hands || (hour < .014f && r > dial - .1f && r < dial - .055f) ? INK : PAPER;
        }
    }
    DONE;
}

static float shoe(Vec p, const float *q, int *part) { // a sneaker, toe to the right
    int m = PAPER;
    float t = clamp((p.x + .34f) / .66f, 0, 1), lift = .05f * smoothstep(.25f, .55f, p.x);
    float sole = length2(p.x - mix(-.34f, .32f, t), p.z) - .135f - .045f * t;
    float d = rounded(sole + .02f, fabsf(p.y - lift - .045f) - .025f, .02f) * .9f;
    float upper = ellipsoid(p.x - .22f, p.y - .1f, p.z, .275f, .155f + .02f * q[0], .165f);
    float top = .42f + .06f * q[1], ankle = clamp((p.y - .12f) / (top - .12f), 0, 1);
    upper = smooth_union(upper, cylinder(length2((p.x + .27f + .03f * ankle) / 1.3f, p.z), p.y, .135f, .06f, top, .03f), .16f);
    upper = smooth_union(upper, capsule(p.x, p.y, p.z, -.2f, .26f, .2f, .13f, .125f, .125f), .12f);
    upper = most(upper, -cylinder(length2((p.x + .29f) / 1.35f, p.z), p.y, .095f, top - .13f, top + .3f, .03f));
    upper = most(upper, .05f - p.y) * .8f;
    if (upper < d) {
        d = upper, m = BODY;
        float lace = (p.x + .12f) / .085f;
        if (p.x > -.12f && p.x < .17f && fabsf(p.z) < .085f && p.y > .17f && lace - floorf(lace) < .42f) m = PAPER;
        if (p.x < -.40f && p.y > .16f && p.y < .27f) m = PAPER;
    }
    DONE;
}

static float headphones(Vec p, const float *q, int *part) { // standing on the cups, band above
    int m = BODY;
    float r = .36f + .03f * q[0], size = .2f + .02f * q[2], middle = size / .88f, x = fabsf(p.x);
    float rise = p.y - middle - .2f;
    float band = rise > 0 ? length2(p.x, rise * .86f) - r : x - r; // an arch over straight sides
    float d = rounded(fabsf(band) - .012f, fabsf(p.z) - .05f - .02f * q[1], .014f) * .86f;
    if (p.y < middle) d = most(d, middle - p.y);
    float cup = length2((p.y - middle) * .88f, p.z);
    PUT(rounded(cup - size + .03f, fabsf(x - r - .03f) - .035f, .03f) * .9f, BODY);
    PUT(rounded(cup - size + .035f, fabsf(x - r + .065f) - .03f, .035f) * .9f, INK); // cushions
    DONE;
}

static float backpack(Vec p, const float *q, int *part) {
    int m = BODY;
    float w = .3f + .03f * q[0], h = .9f + .06f * q[1], depth = .17f + .03f * q[2];
    float taper = 1 - .14f * smoothstep(.45f, 1, p.y / h);
    float d = block(p.x / taper, p.y - h * .5f, p.z, w, h * .5f, depth, .13f) * .85f;
    float pocket = block(p.x, p.y - h * .3f, p.z - depth - .02f, w * .78f, h * .24f, .085f, .06f);
    if (pocket < d) d = pocket;
    float zip = fabsf(p.y - h * .44f); // of the pocket; the main one runs over the top
    if (p.z > depth && zip < .014f && fabsf(p.x) < w * .72f) m = INK;
    float arch = length2(p.x * .95f, most(p.y - h * .62f, 0));
    if (p.z > depth * .55f && p.y > h * .58f && fabsf(arch - w * .72f) < .014f) m = INK;
    PUT(handle(p.x, p.y - h, p.z + .05f, .01f, .075f, .022f), TRIM);
    float strap = rounded(length2((fabsf(p.x) - w * .92f) * 1.6f, (p.y - h * .45f) * .5f) - .16f, fabsf(p.z + depth * .4f) - .04f, .02f) * .6f;
    PUT(most(strap, -(length2((fabsf(p.x) - w * .92f) * 1.6f, (p.y - h * .45f) * .5f) - .1f) * .6f), TRIM);
    DONE;
}

const Bounds PRODUCT_BOUNDS[PRODUCTS] = {
    [MUG] = {.68f, .90f, .44f},    [BOTTLE] = {.30f, 1.22f, .30f},  [VASE] = {.46f, 1.01f, .46f},      [BOWL] = {.58f, .46f, .58f},
    [LAMP] = {.44f, 1.08f, .44f},  [BOX] = {.44f, .76f, .40f},      [BALL] = {.48f, .94f, .48f},       [DONUT] = {.60f, .40f, .60f},
    [TEAPOT] = {.72f, .82f, .44f}, [CHAIR] = {.34f, 1.04f, .34f},   [CANDLE] = {.32f, 1.06f, .32f},    [CAN] = {.30f, .93f, .30f},
    [JAR] = {.36f, .94f, .36f},    [PERFUME] = {.34f, .98f, .22f},  [WATCH] = {.36f, .84f, .50f},      [SHOE] = {.54f, .52f, .26f},
    [HEADPHONES] = {.50f, .94f, .26f}, [BACKPACK] = {.48f, 1.10f, .34f},
};

float product_distance(Vec p, const Scene *scene, int *part) {
    const float *q = scene->shape;
    float rho = length2(p.x, p.z);
    switch (scene->product) {
    case MUG: return mug(p, rho, q, part);
    case BOTTLE: return bottle(p, rho, q, part);
    case VASE: return vase(p, rho, q, part);
    case BOWL: return bowl(p, rho, q, part);
    case LAMP: return lamp(p, rho, q, part);
    case BOX: return box(p, q, part);
    case BALL: return ball(p, rho, q, part);
    case DONUT: return donut(p, rho, q, part);
    case TEAPOT: return teapot(p, rho, q, part);
    case CHAIR: return chair(p, q, part);
    case CANDLE: return candle(p, rho, q, part);
    case CAN: return can(p, rho, q, part);
    case JAR: return jar(p, rho, q, part);
    case PERFUME: return perfume(p, rho, q, part);
    case WATCH: return watch(p, q, part);
    case SHOE: return shoe(p, q, part);
    case HEADPHONES: return headphones(p, q, part);
    default: return backpack(p, q, part);
    }
}
