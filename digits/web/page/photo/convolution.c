// A convolution for WebAssembly with SIMD: what plainEngine of convolution.js computes, four places
// and eight filters at once. digits/web/page/photo/build_wasm.sh builds convolution.wasm of it.

#include <wasm_simd128.h>

#define BLOCK 8

static void store(float *out, v128_t low, v128_t high, int is_rectified) {
    if (is_rectified) {
        const v128_t zero = wasm_f32x4_splat(0);
        low = wasm_f32x4_pmax(zero, low);
        high = wasm_f32x4_pmax(zero, high);
    }
    wasm_v128_store(out, low);
    wasm_v128_store(out + 4, high);
}

// `image` has rows of `row_length` floats, padded; `weights` are in blocks of filters.
__attribute__((export_name("convolve"))) void convolve(
    const float *image, int row_length, int height, int width, int kernel, int stride, int inputs,
    int filters, const float *weights, const float *biases, int is_rectified, float *out) {
    const int run = kernel * inputs, step = stride * inputs;
    for (int y = 0; y < height; y++) {
        for (int filter = 0; filter < filters; filter += BLOCK) {
            const v128_t low_bias = wasm_v128_load(biases + filter);
            const v128_t high_bias = wasm_v128_load(biases + filter + 4);
            const float *const first_weight = weights + filter * kernel * run;
            for (int x = 0; x < width; x += 4) {
                // At the end of a row, the last place is computed more than once.
                const int last = width - 1 - x;
                const int second = last < 1 ? last : 1, third = last < 2 ? last : 2, fourth = last < 3 ? last : 3;
                v128_t a0 = low_bias, a1 = high_bias, b0 = low_bias, b1 = high_bias;
                v128_t c0 = low_bias, c1 = high_bias, d0 = low_bias, d1 = high_bias;
                const float *weight = first_weight;
                for (int down = 0; down < kernel; down++) {
                    const float *a = image + (y * stride + down) * row_length + x * step;
                    const float *b = a + second * step, *c = a + third * step, *d = a + fourth * step;
                    for (int place = 0; place < run; place++, weight += BLOCK) {
                        const v128_t low = wasm_v128_load(weight), high = wasm_v128_load(weight + 4);
                        const v128_t at_a = wasm_v128_load32_splat(a + place);
                        a0 = wasm_f32x4_add(a0, wasm_f32x4_mul(at_a, low));
                        a1 = wasm_f32x4_add(a1, wasm_f32x4_mul(at_a, high));
                        const v128_t at_b = wasm_v128_load32_splat(b + place);
                        b0 = wasm_f32x4_add(b0, wasm_f32x4_mul(at_b, low));
                        b1 = wasm_f32x4_add(b1, wasm_f32x4_mul(at_b, high));
                        const v128_t at_c = wasm_v128_load32_splat(c + place);
                        c0 = wasm_f32x4_add(c0, wasm_f32x4_mul(at_c, low));
                        c1 = wasm_f32x4_add(c1, wasm_f32x4_mul(at_c, high));
                        const v128_t at_d = wasm_v128_load32_splat(d + place);
                        d0 = wasm_f32x4_add(d0, wasm_f32x4_mul(at_d, low));
                        d1 = wasm_f32x4_add(d1, wasm_f32x4_mul(at_d, high));
                    }
                }
                float *to = out + (y * width + x) * filters + filter;
                store(to, a0, a1, is_rectified);
                store(to + second * filters, b0, b1, is_rectified);
                store(to + third * filters, c0, c1, is_rectified);
                store(to + fourth * filters, d0, d1, is_rectified);
            }
        }
    }
}
