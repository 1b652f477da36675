// Vectors and the usual functions of shader languages.
#pragma once
#include <math.h>

typedef struct { float x, y, z; } Vec;

static inline Vec vec(float x, float y, float z) { return (Vec){x, y, z}; }
static inline Vec add(Vec a, Vec b) { return vec(a.x + b.x, a.y + b.y, a.z + b.z); }
static inline Vec scale(Vec a, float s) { return vec(a.x * s, a.y * s, a.z * s); }
static inline float dot(Vec a, Vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static inline Vec cross(Vec a, Vec b) { return vec(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x); }
static inline Vec unit(Vec a) { return scale(a, 1 / sqrtf(dot(a, a) + 1e-12f)); }
static inline Vec reflect(Vec ray, Vec normal) { return add(ray, scale(normal, -2 * dot(ray, normal))); }
static inline Vec turn(Vec p, float cosine, float sine) { return vec(cosine * p.x - sine * p.z, p.y, sine * p.x + cosine * p.z); }

static inline float least(float a, float b) { return a < b ? a : b; }
static inline float most(float a, float b) { return a > b ? a : b; }
static inline float clamp(float x, float low, float high) { return least(most(x, low), high); }
static inline float mix(float a, float b, float t) { return a + (b - a) * t; }
static inline float length2(float x, float y) { return sqrtf(x * x + y * y); }
static inline float length3(float x, float y, float z) { return sqrtf(x * x + y * y + z * z); }
static inline float smoothstep(float from, float to, float x) {
    float t = clamp((x - from) / (to - from), 0, 1);
    return t * t * (3 - 2 * t);
}
