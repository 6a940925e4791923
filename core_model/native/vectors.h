// Sixteen floats at a time, in the vector extensions that GCC and clang share: on AVX-512 one register, on
// AVX2 two, on NEON four. Every sum in the decoder is made of the functions here, in an order that depends on
// the row alone, and the compiler may not contract or reorder any of it (-ffp-contract=off, no -ffast-math):
// that is why a row's bits do not depend on what else is in the batch.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

#define INLINE inline __attribute__((always_inline))

typedef float f32x16 __attribute__((vector_size(64)));
typedef float f32x8 __attribute__((vector_size(32)));
typedef float f32x4 __attribute__((vector_size(16)));
typedef int32_t i32x16 __attribute__((vector_size(64)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));
typedef uint16_t u16x16 __attribute__((vector_size(32)));
typedef int8_t i8x16 __attribute__((vector_size(16)));

constexpr int64_t LANES = 16;

// The block of results that the registers hold while a product is summed: rows x columns of 16 lanes.
#if defined(__AVX512F__)
constexpr int ROWS = 6, COLUMNS = 4;
#else
constexpr int ROWS = 3, COLUMNS = 2;
#endif

// bfloat16 as it lies in memory: the upper half of a float.
struct bf16 {
    uint16_t bits;
};

INLINE f32x16 splat(float value) { return value - f32x16{}; }

INLINE i32x16 splat(int32_t value) { return value - i32x16{}; }

INLINE f32x16 load(const float* from) {
    f32x16 value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

INLINE f32x16 load(const bf16* from) {
    u16x16 half;
    std::memcpy(&half, from, sizeof half);
#if defined(__AVX512F__)  // GCC 12 makes three instructions of the conversion below
    u32x16 wide = (u32x16)_mm512_cvtepu16_epi32((__m256i)half);
#else
    u32x16 wide = __builtin_convertvector(half, u32x16);
#endif
    return (f32x16)(wide << 16);
}

INLINE void store(float* to, f32x16 value) { std::memcpy(to, &value, sizeof value); }

INLINE float widen(float value) { return value; }

INLINE float widen(bf16 value) {
    uint32_t bits = uint32_t(value.bits) << 16;
    float wide;
    std::memcpy(&wide, &bits, sizeof wide);
    return wide;
}

INLINE void narrow(float* to, float value) { *to = value; }

// Round to the nearest bfloat16, ties to even; what is not a number stays so.
INLINE void narrow(bf16* to, float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    to->bits = value != value ? 0x7fc0 : uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// a * b + c, rounded once where the processor can.
INLINE f32x16 fma(f32x16 a, f32x16 b, f32x16 c) {
#if defined(__AVX512F__)
    return (f32x16)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    union { f32x16 all; __m256 half[2]; } x{a}, y{b}, z{c};
    for (int i = 0; i < 2; i++) z.half[i] = _mm256_fmadd_ps(x.half[i], y.half[i], z.half[i]);
    return z.all;
#elif defined(__ARM_NEON) && defined(__aarch64__)
    union { f32x16 all; float32x4_t quarter[4]; } x{a}, y{b}, z{c};
    for (int i = 0; i < 4; i++) z.quarter[i] = vfmaq_f32(z.quarter[i], x.quarter[i], y.quarter[i]);
    return z.all;
#else
    return a * b + c;
#endif
}

// Where processors multiply pairs of bfloat16 at twice the rate of floats, the other operand is rounded to
// bfloat16 too (as PyTorch does on all processors); elsewhere bfloat16 is widened and the other stays float.
#if defined(__AVX512BF16__)
typedef bf16 partner;
#else
typedef float partner;
#endif

// The first 16 lanes are rounded, to `to`.
INLINE void store(bf16* to, f32x16 value) {
#if defined(__AVX512BF16__)
    __m256bh half = _mm512_cvtneps_pbh((__m512)value);
    std::memcpy(to, &half, sizeof half);
#else
    for (int i = 0; i < LANES; i++) narrow(to + i, value[i]);
#endif
}

// acc[lane] + the products of the two bfloat16 of a lane of `pairs` with other[0] and other[1].
INLINE f32x16 add_pair(f32x16 acc, u32x16 pairs, const bf16* other) {
#if defined(__AVX512BF16__)
    int32_t both;
    std::memcpy(&both, other, sizeof both);
    return (f32x16)_mm512_dpbf16_ps((__m512)acc, (__m512bh)pairs, (__m512bh)_mm512_set1_epi32(both));
#else
    acc = fma(splat(widen(other[0])), (f32x16)(pairs << 16), acc);
    return fma(splat(widen(other[1])), (f32x16)(pairs & 0xffff0000u), acc);
#endif
}

INLINE f32x16 add_pair(f32x16 acc, u32x16 pairs, const float* other) {
    acc = fma(splat(other[0]), (f32x16)(pairs << 16), acc);
    return fma(splat(other[1]), (f32x16)(pairs & 0xffff0000u), acc);
}

INLINE f32x16 larger(f32x16 a, f32x16 b) { return a > b ? a : b; }

// All lanes into one, always in the same order: lane i with lane i + 8, then i + 4, i + 2, i + 1.
template <class F>
INLINE float fold(f32x16 v, F&& f) {
    union { f32x16 all; f32x8 half[2]; } x{v};
    union { f32x8 all; f32x4 half[2]; } y{f(x.half[0], x.half[1])};
    f32x4 z = f(y.half[0], y.half[1]);
    return f(f(z[0], z[2]), f(z[1], z[3]));
}

INLINE float sum(f32x16 v) {
    return fold(v, [](auto a, auto b) __attribute__((always_inline)) { return a + b; });
}

INLINE float largest(f32x16 v) {
    return fold(v, [](auto a, auto b) __attribute__((always_inline)) { return a > b ? a : b; });
}

// The nearest integer, ties to even, of |v| < 2^22.
INLINE i32x16 nearest(f32x16 v) { return (i32x16)(v + 12582912.0f) - 0x4b400000; }

// e to the v within 2e-7 relative: exactly 1 at 0, exactly 0 below -87, not a number where v is not.
// Source: Cody and Waite 1980 (reduction by ln 2 in two parts); coefficients of Cephes' expf (S. Moshier).
INLINE f32x16 exponential(f32x16 v) {
    f32x16 x = v > 88.0f ? splat(88.0f) : v;
    x = x < -87.0f ? splat(-87.0f) : x;
    i32x16 power = nearest(x * 1.44269504f);
    f32x16 n = __builtin_convertvector(power, f32x16);
    f32x16 r = fma(n, splat(-0.693359375f), x);
    r = fma(n, splat(2.12194440e-4f), r);
    f32x16 p = splat(1.9875691500e-4f);
    p = fma(p, r, splat(1.3981999507e-3f));
    p = fma(p, r, splat(8.3334519073e-3f));
    p = fma(p, r, splat(4.1665795894e-2f));
    p = fma(p, r, splat(1.6666665459e-1f));
    p = fma(p, r, splat(5.0000001201e-1f));
    p = fma(p, r * r, r) + 1.0f;
    f32x16 scaled = p * (f32x16)((power + 127) << 23);
    return v < -87.0f ? f32x16{} : scaled;
}

// Call f(size, start) for blocks of nearly equal size, at most ROWS, that make up `rows` rows; `size` is known
// when f is compiled.
template <int R>
struct Count {
    static constexpr int value = R;
};

template <class F>
INLINE void for_row_blocks(int64_t rows, F&& f) {
    int64_t blocks = (rows + ROWS - 1) / ROWS;
    for (int64_t start = 0, size; blocks; start += size, blocks--) {
        size = (rows - start + blocks - 1) / blocks;
        switch (size) {
            case 1: f(Count<1>{}, start); break;
            case 2: f(Count<2>{}, start); break;
            case 3: f(Count<3>{}, start); break;
#if defined(__AVX512F__)
            case 4: f(Count<4>{}, start); break;
            case 5: f(Count<5>{}, start); break;
            case 6: f(Count<6>{}, start); break;
#endif
        }
    }
}
