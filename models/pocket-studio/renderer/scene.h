// One picture: what stands where, in which light. scene.py writes the same fields in the same order.
#pragma once
#include <stdint.h>

enum Product {
    MUG, BOTTLE, VASE, BOWL, LAMP, BOX, BALL, DONUT, TEAPOT, CHAIR,
    CANDLE, CAN, JAR, PERFUME, WATCH, SHOE, HEADPHONES, BACKPACK, PRODUCTS
};
enum Material { MATTE, GLOSSY, METAL, GLASS };

typedef struct {
    int32_t product, material;
    int32_t window;                          // 1: the light falls through a window and draws its panes
    float colour[3], trim[3], backdrop[3];   // linear RGB, 0 to 1
    float yaw, pitch;                        // radians: product around its axis, camera above the horizon
    float distance, field_of_view;           // product heights, radians
    float shift[2];                          // of the picture, right and down, in half pictures
    float light[3];                          // towards the key light, any length, seen from the camera
    float key, fill, sharpness;              // strength of key and fill, sharpness of shadows (3 soft to 30 hard)
    float shape[4];                          // proportions, 0 to 1; each product reads them its own way
} Scene;
