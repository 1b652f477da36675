#include "shade.h"

#include <stddef.h>

static const float FIXED[][3] = { // linear albedo of the parts that no caption names; row = part - FLAME
    {1.15f, .85f, .42f}, {.82f, .82f, .80f}, {.016f, .016f, .018f}, {.56f, .57f, .60f}, {.52f, .29f, .11f},
};

// Where the ray runs inside the product's bounding box; 0 when it misses.
static int inside_bounds(Vec o, Vec d, const Bounds *b, float *from, float *to) {
    float low = 0, high = 1e9f;
    const float origin[3] = {o.x, o.y, o.z}, ray[3] = {d.x, d.y, d.z}, least_[3] = {-b->x, 0, -b->z}, most_[3] = {b->x, b->y, b->z};
    for (int axis = 0; axis < 3; axis++) {
        float inverse = 1 / (fabsf(ray[axis]) > 1e-6f ? ray[axis] : 1e-6f);
        float a = (least_[axis] - origin[axis]) * inverse, c = (most_[axis] - origin[axis]) * inverse;
        low = most(low, least(a, c)), high = least(high, most(a, c));
    }
    *from = low, *to = high;
    return low < high;
}

// How much of the key light reaches a point, 0 to 1: the closest miss on the way, times sharpness (Quilez, "soft shadows").
static float unshadowed(Vec o, Vec light, const Scene *s, float sharpness) {
    float from, to, r = 1;
    float margin = 1.6f / sharpness; // a soft shadow is wider than the product
    Bounds wide = PRODUCT_BOUNDS[s->product];
    wide.x += margin, wide.y += margin, wide.z += margin;
    if (!inside_bounds(o, light, &wide, &from, &to)) return 1;
    float t = most(from, .02f);
    for (int i = 0; i < 40 && t < to; i++) {
        float h = product_distance(add(o, scale(light, t)), s, NULL);
        if (h < .0015f) return 0;
        r = least(r, sharpness * h / t);
        t += clamp(h * .7f, .012f, .1f);
    }
    return smoothstep(0, 1, r);
}

static Vec normal_at(Vec p, const Scene *s) { // four samples at the corners of a tetrahedron
    const float e = .0012f;
    float a = product_distance(vec(p.x + e, p.y - e, p.z - e), s, NULL), b = product_distance(vec(p.x - e, p.y - e, p.z + e), s, NULL);
    float c = product_distance(vec(p.x - e, p.y + e, p.z - e), s, NULL), d = product_distance(vec(p.x + e, p.y + e, p.z + e), s, NULL);
    return unit(vec(a - b - c + d, -a - b + c + d, -a + b - c + d));
}

// Brightness of the studio in a direction: a softbox where the key light is, a strip across, a ceiling, a floor.
static float studio(Vec dir, Vec light, float sharpness) {
    Vec side = unit(cross(vec(0, 1, 0), light)), up = cross(light, side);
    float ahead = dot(dir, light), room = .34f + .30f * smoothstep(-.2f, .9f, dir.y);
    if (dir.y < 0) room = .34f - .16f * smoothstep(0, -.35f, dir.y);
    if (ahead > .05f) {
        float a = fabsf(dot(dir, side)) / ahead, b = fabsf(dot(dir, up)) / ahead, size = sharpness > 12 ? .26f : .5f;
        room += 3.2f * smoothstep(size + .09f, size, a) * smoothstep(size + .12f, size + .03f, b);
    }
    room *= 1 - .45f * smoothstep(.22f, .02f, fabsf(dir.y - .04f)); // the dark line where floor and wall meet
    float across = dot(dir, vec(-light.x, .15f, light.z)); // a dim strip opposite
    return room + .8f * smoothstep(.80f, .88f, across);
}

static Colour backdrop_at(Vec origin, Vec ray, Vec light, float u, float v, const Scene *s, int shadows) {
    float vignette = 1 - .09f * (u * u + v * v), falloff = vignette * (1 - .05f * v);
    float lit = 1;
    float t = ray.y < -1e-3f ? -origin.y / ray.y : 1e9f;
    if (t < 60) {
        Vec p = add(origin, scale(ray, t));
        float r = length2(p.x, p.z);
        if (shadows && r < 3) {
            float key = unshadowed(vec(p.x, .003f, p.z), light, s, s->sharpness);
            if (s->material == GLASS) key = mix(key, 1, .45f);
            float close = product_distance(vec(p.x, .05f, p.z), s, NULL), around = product_distance(vec(p.x, .16f, p.z), s, NULL);
            float contact = most((1 - .45f * most(.05f - close, 0) / .05f) * (1 - .4f * most(.2f - around, 0) / .2f), .25f);
            float share = s->key / (s->key + s->fill) * (s->sharpness > 12 ? .82f : .68f);
            lit = (1 - share + share * key) * contact;
        }
        if (s->window) { // four panes that lie slanted on the floor and rise behind
            float x = (p.x * .94f + p.z * .34f + .25f) / .62f, z = (-p.x * .34f + p.z * .94f + .35f) / .9f;
            float panes = smoothstep(1, .94f, fabsf(x)) * smoothstep(1, .94f, fabsf(z)) * smoothstep(.05f, .1f, fabsf(x)) * smoothstep(.04f, .08f, fabsf(z));
            lit *= .72f + .38f * panes;
        }
    } else if (s->window) {
        lit = .72f;
    }
    float f = falloff * lit;
    return (Colour){s->backdrop[0] * f, s->backdrop[1] * f, s->backdrop[2] * f};
}

static Colour surface_at(Vec p, Vec ray, Vec light, Colour behind, const Scene *s) {
    int part = BODY;
    product_distance(p, s, &part);
    int material = part == BODY ? s->material : part == STEEL ? METAL : part == TRIM ? GLOSSY : MATTE;
    const float *albedo = part == BODY ? s->colour : part == TRIM ? s->trim : FIXED[part - FLAME];
    Vec n = normal_at(p, s);
    float facing = clamp(-dot(n, ray), 0, 1), grazing = powf(1 - facing, 4);

    float occlusion = 0, weight = 1;
    for (int i = 1; i <= 3; i++, weight *= .6f) {
        float h = .06f * i;
        Vec q = add(p, scale(n, h));
        occlusion += weight * most(h - least(product_distance(q, s, NULL), q.y), 0) / h;
    }
    float open = most(1 - .42f * occlusion, .15f);
    float towards = most((dot(n, light) + .12f) / 1.12f, 0);
    float key = towards > 0 ? unshadowed(add(p, scale(n, .01f)), light, s, s->sharpness * 1.8f) : 0;
    float sky = .5f + .5f * n.y, from_right = most(-dot(n, vec(light.x, -.2f, light.z)), 0) * .2f;
    float diffuse = s->key * towards * key + s->fill * (.45f + .55f * sky) * open + from_right * open;
    float mirror = studio(reflect(ray, n), light, s->sharpness) * (.35f + .65f * open), gleam = mirror * (.4f + .6f * key);
    float around = .55f + .45f * least(1, (s->backdrop[0] + s->backdrop[1] + s->backdrop[2]) / 3 + .3f);

    const float back[3] = {behind.r, behind.g, behind.b};
    float out[3];
    for (int c = 0; c < 3; c++) {
        float bounce = .10f * s->backdrop[c] * (1 - sky) * open, body = albedo[c] * (diffuse + bounce);
        if (part == FLAME) out[c] = FIXED[0][c] * (.6f + .5f * facing);
        else if (material == METAL) out[c] = albedo[c] * .16f * diffuse + mix(albedo[c] * .94f + .04f, 1, grazing * .5f) * mirror * (.55f + .75f * mirror);
        else if (material == GLASS) {
            float tint = mix(powf(albedo[c] + .02f, .45f), 1, .12f) * (.35f + .65f * facing * open);
            out[c] = .55f * back[c] * tint + .42f * body + .06f * tint + (.045f + .5f * grazing) * gleam * around;
        } else if (material == GLOSSY) out[c] = body + (.05f + .30f * grazing) * gleam * around * 1.9f;
        else out[c] = body + (.025f + .05f * grazing) * around * key * (.4f + .6f * sky);
        if (s->product == LAMP && part == BODY) out[c] += albedo[c] * .2f; // lit from within
    }
    return (Colour){out[0], out[1], out[2]};
}

Colour shade(Vec origin, Vec ray, Vec light, float u, float v, const Scene *s) {
    float t, to;
    if (inside_bounds(origin, ray, &PRODUCT_BOUNDS[s->product], &t, &to)) {
        for (int i = 0; i < 72 && t < to; i++) {
            float h = product_distance(add(origin, scale(ray, t)), s, NULL);
            if (h < .001f) {
                Colour behind = s->material == GLASS ? backdrop_at(origin, ray, light, u, v, s, 0) : (Colour){0, 0, 0};
                return surface_at(add(origin, scale(ray, t)), ray, light, behind, s);
            }
            t += h * .95f;
        }
    }
    return backdrop_at(origin, ray, light, u, v, s, 1);
}
