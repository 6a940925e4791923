// Products of activations with packed weights.
//
// A weight matrix (width, depth) is packed into panels of 64 output columns: [width / 64][depth][64] for float,
// [width / 64][depth / 2][64][2] for bfloat16, [width / 64][depth / 4][64][4] for int8. A panel is one
// contiguous stream, read once per call and kept in the L2 cache while all rows pass over it. int8 weights are
// stored as w + 128 in uint8 with one scale per column; a row of activations is int8 with one scale and its sum:
//   sum_k w[k] a[k] = sum_k (w[k] + 128) a[k] - 128 sum_k a[k]   exactly, in 32-bit integers.
#pragma once

#include "vectors.h"

constexpr int64_t PANEL = 64;

// Bytes by which a stream of weights is prefetched, for few rows and for many: what measured best.
constexpr int64_t NEAR = 2048, FAR = 16384, FEW = 4;

enum Kind : int32_t { FLOAT32 = 0, BFLOAT16 = 1, INT8 = 2 };

// Packed weights; `depth` is a multiple of 4 and `scale`, `bias` are padded to whole panels. See decoder.py.
struct Matrix {
    const void* data;
    const float* scale;  // (panels * 64,), int8 only
    const float* bias;   // (panels * 64,) or null
    int64_t depth;
    int64_t width;
};

// Activations: `bytes`, `scale` and `sum` are filled by prepare() for int8 weights, `partners` for bfloat16.
struct Rows {
    float* data;
    int64_t stride;
    int8_t* bytes;
    float* scale;
    int32_t* sum;
    partner* partners;
};

// What becomes of a product.
enum Use { STORE, ADD, SWIGLU };

struct Target {
    Use use;
    float* out;
    int64_t stride;
    int64_t columns;  // how many columns of a row of `out` there are
};

// Quantise row `row` to int8, symmetrically: bytes * scale ~ data. A value that is not finite makes the scale
// not a number, so that it cannot disappear.
inline void quantise(const Rows& rows, int64_t row, int64_t depth) {
    const float* x = rows.data + row * rows.stride;
    int8_t* bytes = rows.bytes + row * rows.stride;
    f32x16 top{}, probe{};
    for (int64_t i = 0; i < depth; i += LANES) {
        f32x16 v = load(x + i);
        top = larger(v < 0.0f ? -v : v, top);
        probe += v * 0.0f;
    }
    float peak = largest(top);
    f32x16 factor = splat(peak > 0 ? 127.0f / peak : 0.0f);
    i32x16 total{};
    for (int64_t i = 0; i < depth; i += LANES) {
        i32x16 level = nearest(load(x + i) * factor);
        total += level;
        i8x16 narrowed = __builtin_convertvector(level, i8x16);
        std::memcpy(bytes + i, &narrowed, sizeof narrowed);
    }
    int32_t all = 0;
    for (int i = 0; i < LANES; i++) all += total[i];
    rows.scale[row] = peak / 127.0f + sum(probe);
    rows.sum[row] = all;
}

// Make row `row` ready for a product with weights of a kind.
inline void prepare(Kind kind, const Rows& rows, int64_t row, int64_t depth) {
    if (kind == INT8) quantise(rows, row, depth);
    if (kind == BFLOAT16)
        for (int64_t i = 0, at = row * rows.stride; i < depth; i += LANES)
            store(rows.partners + at + i, load(rows.data + at + i));
}

// acc[lane] + the sum over the four bytes of the lane of weight (unsigned) * activation (signed), exactly.
INLINE i32x16 dot_bytes(i32x16 acc, u32x16 weights, int32_t activations) {
#if defined(__AVX512VNNI__)
    return (i32x16)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)weights, _mm512_set1_epi32(activations));
#elif defined(__AVX2__)
    union { i32x16 all; __m256i half[2]; } sums{acc}, w;
    w.all = (i32x16)weights;
    for (int i = 0; i < 2; i++) {
#if defined(__AVXVNNI__)
        sums.half[i] = _mm256_dpbusd_avx_epi32(sums.half[i], w.half[i], _mm256_set1_epi32(activations));
#else  // even and odd bytes as 16 bits; pairs of their products cannot overflow 32 bits
        __m256i a = _mm256_set1_epi32(activations), low = _mm256_set1_epi16(255);
        __m256i a_even = _mm256_srai_epi16(_mm256_slli_epi16(a, 8), 8);
        __m256i even = _mm256_madd_epi16(_mm256_and_si256(w.half[i], low), a_even);
        __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(w.half[i], 8), _mm256_srai_epi16(a, 8));
        sums.half[i] = _mm256_add_epi32(sums.half[i], _mm256_add_epi32(even, odd));
#endif
    }
    return sums.all;
#else
    for (int i = 0; i < 4; i++)
        acc += (i32x16)((weights >> (8 * i)) & 255) * splat(int32_t(int8_t(activations >> (8 * i))));
    return acc;
#endif
}

// 64 bytes of weights; those `ahead` bytes further on are prefetched into L2.
template <class V, class T>
INLINE V load_ahead(const T* from, int64_t ahead) {
    __builtin_prefetch((const char*)from + ahead, 0, 2);
    V value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

// A block of results, `out`, of rows from `row` on and columns from `column` on; `weights` begin at that column.
template <int R, int C>
INLINE void block_product(const Matrix& matrix, const uint8_t* weights, const Rows& rows, int64_t row,
                          f32x16 (&out)[R][C], int64_t column, int64_t ahead) {
    i32x16 acc[R][C];
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++) acc[r][c] = splat(-128 * rows.sum[row + r]);
    const int8_t* bytes = rows.bytes + row * rows.stride;
    for (int64_t i = 0; i < matrix.depth; i += 4) {
        u32x16 w[C];
        for (int c = 0; c < C; c++) w[c] = load_ahead<u32x16>(weights + i * PANEL + c * 4 * LANES, ahead);
        for (int r = 0; r < R; r++) {
            int32_t four;
            std::memcpy(&four, bytes + r * rows.stride + i, 4);
            for (int c = 0; c < C; c++) acc[r][c] = dot_bytes(acc[r][c], w[c], four);
        }
    }
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++)
            out[r][c] = __builtin_convertvector(acc[r][c], f32x16) *
                        (load(matrix.scale + column + c * LANES) * rows.scale[row + r]);
}

template <int R, int C>
INLINE void block_product(const Matrix& matrix, const bf16* weights, const Rows& rows, int64_t row,
                          f32x16 (&out)[R][C], int64_t, int64_t ahead) {
    const partner* x = rows.partners + row * rows.stride;
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++) out[r][c] = f32x16{};
    for (int64_t i = 0; i < matrix.depth; i += 2) {
        u32x16 w[C];
        for (int c = 0; c < C; c++) w[c] = load_ahead<u32x16>(weights + i * PANEL + c * 2 * LANES, ahead);
        for (int r = 0; r < R; r++)
            for (int c = 0; c < C; c++) out[r][c] = add_pair(out[r][c], w[c], x + r * rows.stride + i);
    }
}

template <int R, int C>
INLINE void block_product(const Matrix& matrix, const float* weights, const Rows& rows, int64_t row,
                          f32x16 (&out)[R][C], int64_t, int64_t ahead) {
    const float* x = rows.data + row * rows.stride;
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++) out[r][c] = f32x16{};
    for (int64_t i = 0; i < matrix.depth; i++) {
        f32x16 w[C];
        for (int c = 0; c < C; c++) w[c] = load_ahead<f32x16>(weights + i * PANEL + c * LANES, ahead);
        for (int r = 0; r < R; r++) {
            f32x16 value = splat(x[r * rows.stride + i]);
            for (int c = 0; c < C; c++) out[r][c] = fma(value, w[c], out[r][c]);
        }
    }
}

// silu(gate) * up (Shazeer 2020).
INLINE f32x16 swiglu(f32x16 gate, f32x16 up) { return gate / (exponential(-gate) + 1.0f) * up; }

template <int R, int C>
INLINE void use_block(const f32x16 (&block)[R][C], const Target& target, int64_t row, int64_t column,
                      f32x16& probe) {
    for (int r = 0; r < R; r++) {
        float* out = target.out + (row + r) * target.stride;
        if (target.use == SWIGLU) {  // columns alternate: 16 of the gate, 16 of the upward projection
            for (int c = 0; c < C; c += 2)
                store(out + (column + c * LANES) / 2, swiglu(block[r][c], block[r][c + 1]));
            continue;
        }
        for (int c = 0; c < C; c++) {
            int64_t at = column + c * LANES;
            f32x16 value = target.use == ADD ? load(out + at) + block[r][c] : block[r][c];
            probe += value * 0.0f;
            if (at + LANES <= target.columns)
                store(out + at, value);
            else if (at < target.columns)
                std::memcpy(out + at, &value, (target.columns - at) * sizeof(float));
        }
    }
}

// Rows [first, last) times panel `panel`. Returns whether every value stored or added to was finite.
template <class T>
bool panel_product(const Matrix& matrix, int64_t panel, const Rows& rows, int64_t first, int64_t last,
                   const Target& target) {
    const T* weights = (const T*)matrix.data + panel * matrix.depth * PANEL;
    f32x16 probe{};
    for_row_blocks(last - first, [&](auto size, int64_t start) __attribute__((always_inline)) {
        constexpr int R = decltype(size)::value;
        // The first rows stream the panel from memory; the last ones find it in L2 and fetch the next panel.
        bool next = start > 0 && first + start + R == last;
        int64_t stream = last - first > FEW ? FAR : NEAR;
        int64_t ahead = next ? matrix.depth * PANEL * int64_t(sizeof(T)) : stream;
        for (int c = 0; c < PANEL / LANES; c += COLUMNS) {
            constexpr int64_t step = LANES * (4 / sizeof(T));
            int64_t column = panel * PANEL + c * LANES;
            f32x16 block[R][COLUMNS];
            block_product(matrix, weights + c * step, rows, first + start, block, column, ahead);
            if (matrix.bias)
                for (int r = 0; r < R; r++)
                    for (int k = 0; k < COLUMNS; k++) block[r][k] += load(matrix.bias + column + k * LANES);
            use_block(block, target, first + start, column, probe);
        }
    });
    return sum(probe) == 0.0f;
}

// All of `count` rows times `matrix`; every thread of the team calls it. Returns whether this thread's share
// of the results was finite.
inline bool multiply(Kind kind, const Matrix& matrix, const Rows& rows, int64_t count, const Target& target,
                     int threads) {
    if (!count) return true;
    int64_t panels = (matrix.width + PANEL - 1) / PANEL, chunk = count;
    while (panels * ((count + chunk - 1) / chunk) < 4 * threads && chunk > 8 * ROWS)
        chunk = ((chunk + 1) / 2 + ROWS - 1) / ROWS * ROWS;
    int64_t chunks = (count + chunk - 1) / chunk;
    bool finite = true;
#pragma omp for schedule(guided)
    for (int64_t task = 0; task < panels * chunks; task++) {
        int64_t panel = task / chunks, first = task % chunks * chunk;
        int64_t last = first + chunk < count ? first + chunk : count;
        if (kind == INT8)
            finite &= panel_product<uint8_t>(matrix, panel, rows, first, last, target);
        else if (kind == BFLOAT16)
            finite &= panel_product<bf16>(matrix, panel, rows, first, last, target);
        else
            finite &= panel_product<float>(matrix, panel, rows, first, last, target);
    }
    return finite;
}
