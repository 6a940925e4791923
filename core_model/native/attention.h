// Causal grouped-query attention over pages of 16 tokens, with an online softmax (Milakov and Gimelshein 2018).
//
// A query walks its sequence in spans of four pages that begin at multiples of 64 positions. What it computes
// in a span depends on that span and itself alone; keys that it may not see get a weight of exactly 0. So
// several queries can walk together, to load each page once: neighbours in a prompt, and sequences that share
// pages (a trunk and its branches) for as long as they do. Neither changes a bit of the result.
#pragma once

#include <algorithm>
#include <vector>

#include "vectors.h"

constexpr int64_t PAGE = 16;
constexpr int64_t SPAN_PAGES = 4;
constexpr int64_t SPAN = PAGE * SPAN_PAGES;
constexpr int64_t TILE_ROWS = 48;  // query heads that walk together, at most (one query may have more)

// One query: token `token` of the batch, whose result is row `out`.
struct Query {
    int32_t token, out, position;
    const int32_t* table;  // pages of its sequence
};

// The cache of one layer and kv head. `head_stride` parts kv heads, `page_stride` pages, in elements.
template <class T>
struct Cache {
    const T* keys;    // page: (head_dim, 16)
    const T* values;  // page: (16, head_dim)
    int64_t page_stride;
};

// What queries and weights are kept as for the products with keys and values of type T.
template <class T>
struct Operand {
    typedef float type;
};
template <>
struct Operand<bf16> {
    typedef partner type;
};

struct Heads {
    int64_t head_dim, group;  // group: query heads of one kv head
    int64_t window;           // positions that a query sees, its own included; 0 is all
    int64_t padded() const { return (head_dim + LANES - 1) / LANES * LANES; }
};

inline int64_t first_visible(const Query& query, const Heads& heads) {
    return heads.window && query.position >= heads.window ? query.position - heads.window + 1 : 0;
}

// Whether two queries see the same pages in the span that begins at `start`.
inline bool walk_together(const Query& a, const Query& b, int64_t start) {
    if (a.table == b.table) return true;
    int64_t last = start + SPAN - 1;
    return a.position >= last && b.position >= last &&
           std::equal(a.table + start / PAGE, a.table + start / PAGE + SPAN_PAGES, b.table + start / PAGE);
}

// What a thread remembers of the queries of its tile; a row is one query head.
template <class T>
struct Walk {
    std::vector<typename Operand<T>::type> queries, weights;
    std::vector<float> mixed, scores, peaks, sums, rescale;

    void begin(int64_t rows, const Heads& heads) {
        queries.resize(rows * heads.padded());
        weights.resize(rows * SPAN);
        scores.resize(rows * SPAN);
        rescale.resize(rows);
        mixed.assign(rows * heads.padded(), 0.0f);
        sums.assign(rows * LANES, 0.0f);
        peaks.assign(rows, -1e30f);
    }
};

// acc[r][c] += sum over begin <= i < end of a[r][i] * b[c][i], i ascending. Row r of a is a_stride * r further
// on; step i of the 16 lanes of column c lies at b[c] + i * b_stride. ahead(i) prefetches what comes next.
template <class T, int R, int C, class F>
INLINE void multiply_add(const float* a, int64_t a_stride, const T* const (&b)[C], int64_t b_stride,
                         int64_t begin, int64_t end, f32x16 (&acc)[R][C], F&& ahead) {
    for (int64_t i = begin; i < end; i++) {
        f32x16 column[C];
        for (int c = 0; c < C; c++) column[c] = load(b[c] + i * b_stride);
        ahead(i);
        for (int r = 0; r < R; r++) {
            f32x16 value = splat(a[r * a_stride + i]);
            for (int c = 0; c < C; c++) acc[r][c] = fma(value, column[c], acc[r][c]);
        }
    }
}

#if defined(__AVX512BF16__)
// The same in pairs (i, i + 1) of even i. Where one of a pair is outside [begin, end), zeros take its place.
template <int R, int C, class F>
INLINE void multiply_add(const bf16* a, int64_t a_stride, const bf16* const (&b)[C], int64_t b_stride,
                         int64_t begin, int64_t end, f32x16 (&acc)[R][C], F&& ahead) {
    alignas(64) static const uint16_t order[32] = {0, 32, 1, 33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
                                                   8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
    const __m512i weave = _mm512_load_si512(order);
    auto step = [&](int64_t i, bool even, bool odd) __attribute__((always_inline)) {
        u32x16 pairs[C];
        for (int c = 0; c < C; c++) {
            const bf16* at = b[c] + i * b_stride;
            __m256i first = even ? _mm256_loadu_si256((const __m256i*)at) : __m256i{};
            __m256i second = odd ? _mm256_loadu_si256((const __m256i*)(at + b_stride)) : __m256i{};
            pairs[c] = (u32x16)_mm512_permutex2var_epi16(_mm512_castsi256_si512(first), weave,
                                                         _mm512_castsi256_si512(second));
        }
        ahead(i);
        ahead(i + 1);
        for (int r = 0; r < R; r++)
            for (int c = 0; c < C; c++) acc[r][c] = add_pair(acc[r][c], pairs[c], a + r * a_stride + i);
    };
    int64_t i = begin;
    if (i & 1) step(i++ - 1, false, true);
    for (; i + 1 < end; i += 2) step(i, true, true);
    if (i < end) step(i, true, false);
}
#endif

// scores[row][64] = query . key for the keys of one span.
template <class T>
void score_span(Walk<T>& walk, const Cache<T>& cache, const Heads& heads, int64_t first, int64_t rows,
                const int32_t* pages, int64_t page_count) {
    const T* keys[SPAN_PAGES];
    for (int64_t p = 0; p < SPAN_PAGES; p++)  // pages beyond the last are masked: any will do
        keys[p] = cache.keys + pages[std::min(p, page_count - 1)] * cache.page_stride;
    for_row_blocks(rows, [&](auto size, int64_t start) __attribute__((always_inline)) {
        constexpr int R = decltype(size)::value;
        const auto* queries = walk.queries.data() + (first + start) * heads.padded();
        float* scores = walk.scores.data() + (first + start) * SPAN;
        for (int64_t p = 0; p < page_count; p += COLUMNS) {
            const T* columns[COLUMNS];
            for (int c = 0; c < COLUMNS; c++) columns[c] = keys[p + c];
            auto values_ahead = [&](int64_t i) __attribute__((always_inline)) {
                if (i * PAGE * sizeof(T) % 64 == 0)
                    for (int c = 0; c < COLUMNS; c++)
                        __builtin_prefetch(cache.values + (columns[c] - cache.keys) + i * PAGE, 0, 2);
            };
            f32x16 acc[R][COLUMNS] = {};
            multiply_add(queries, heads.padded(), columns, PAGE, 0, heads.head_dim, acc, values_ahead);
            for (int r = 0; r < R; r++)
                for (int c = 0; c < COLUMNS; c++) store(scores + r * SPAN + (p + c) * PAGE, acc[r][c]);
        }
    });
}

// Turn one row's scores into weights relative to the largest so far; keep only keys in [low, high].
template <class T>
void weigh_span(Walk<T>& walk, int64_t row, int64_t low, int64_t high) {
    const float* scores = walk.scores.data() + row * SPAN;
    f32x16 lane, score[SPAN_PAGES], top = splat(-1e30f);
    for (int i = 0; i < LANES; i++) lane[i] = float(i);
    bool all = low <= 0 && high >= SPAN - 1;
    for (int64_t p = 0; p < SPAN_PAGES; p++) {
        score[p] = load(scores + p * PAGE);
        if (!all) {
            f32x16 key = lane + float(p * PAGE);
            score[p] = key < float(low) ? splat(-INFINITY) : score[p];
            score[p] = key > float(high) ? splat(-INFINITY) : score[p];
        }
        top = larger(score[p], top);
    }
    float before = walk.peaks[row], peak = std::max(before, largest(top));
    float rescale = peak == before ? 1.0f : exponential(splat(before - peak))[0];
    f32x16 total = load(walk.sums.data() + row * LANES) * rescale;
    for (int64_t p = 0; p < SPAN_PAGES; p++) {
        f32x16 weight = exponential(score[p] - peak);
        store(walk.weights.data() + row * SPAN + p * PAGE, weight);
        total += weight;
    }
    store(walk.sums.data() + row * LANES, total);
    walk.peaks[row] = peak;
    walk.rescale[row] = rescale;
}

// mixed[row] = mixed[row] * rescale + weights . values for keys [low, high] and C * 16 dimensions from
// `dimension` on. ahead: how many pages further on keys are to be prefetched.
template <class T, int R, int C>
INLINE void mix_block(Walk<T>& walk, const Cache<T>& cache, const Heads& heads, int64_t row, int64_t dimension,
                      const int32_t* pages, int64_t low, int64_t high, int64_t ahead) {
    float* mixed = walk.mixed.data() + row * heads.padded() + dimension;
    f32x16 acc[R][C];
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++)
            acc[r][c] = load(mixed + r * heads.padded() + c * LANES) * walk.rescale[row + r];
    for (int64_t p = low / PAGE; p <= high / PAGE; p++) {
        int64_t begin = std::max(low - p * PAGE, int64_t(0)), end = std::min(high - p * PAGE + 1, PAGE);
        const T* values = cache.values + pages[p] * cache.page_stride + dimension;
        const T* columns[C];
        for (int c = 0; c < C; c++) columns[c] = values + c * LANES;
        const T* next = cache.keys + pages[p + ahead] * cache.page_stride + dimension;
        auto keys_ahead = [&](int64_t i) __attribute__((always_inline)) {
            for (int c = 0; c < C; c += 64 / (LANES * sizeof(T)))
                __builtin_prefetch(next + i * heads.head_dim + c * LANES, 0, 2);
        };
        const auto* weights = walk.weights.data() + row * SPAN + p * PAGE;
        multiply_add(weights, SPAN, columns, heads.head_dim, begin, end, acc, keys_ahead);
    }
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++) store(mixed + r * heads.padded() + c * LANES, acc[r][c]);
}

// The dimensions beyond the last 16 that are whole.
template <class T>
void mix_rest(Walk<T>& walk, const Cache<T>& cache, const Heads& heads, int64_t row, const int32_t* pages,
              int64_t low, int64_t high) {
    for (int64_t d = heads.head_dim / LANES * LANES; d < heads.head_dim; d++) {
        float* mixed = walk.mixed.data() + row * heads.padded() + d;
        float acc = *mixed * walk.rescale[row];
        for (int64_t key = low; key <= high; key++) {
            const T* page = cache.values + pages[key / PAGE] * cache.page_stride;
            acc += widen(walk.weights[row * SPAN + key]) * widen(page[key % PAGE * heads.head_dim + d]);
        }
        *mixed = acc;
    }
}

template <class T>
void mix_span(Walk<T>& walk, const Cache<T>& cache, const Heads& heads, int64_t first, int64_t rows,
              const int32_t* pages, int64_t low, int64_t high, int64_t ahead) {
    for_row_blocks(rows, [&](auto size, int64_t start) __attribute__((always_inline)) {
        constexpr int R = decltype(size)::value;
        int64_t row = first + start, d = 0;
        for (; d + COLUMNS * LANES <= heads.head_dim; d += COLUMNS * LANES)
            mix_block<T, R, COLUMNS>(walk, cache, heads, row, d, pages, low, high, ahead);
        for (; d + LANES <= heads.head_dim; d += LANES)
            mix_block<T, R, 1>(walk, cache, heads, row, d, pages, low, high, ahead);
        if (d < heads.head_dim)
            for (int r = 0; r < R; r++) mix_rest(walk, cache, heads, row + r, pages, low, high);
    });
}

// One span of the queries [begin, end), which see the same pages in it. Its values are prefetched while keys are
// read, the next span's keys while values are, into L2: the L1 cache is too small for a span of both.
template <class T>
void visit_span(Walk<T>& walk, const Cache<T>& cache, const Heads& heads, const Query* queries, int64_t begin,
                int64_t end, int64_t start) {
    const int32_t* pages = queries[end - 1].table + start / PAGE;
    int64_t low = SPAN, high = -1, first = begin * heads.group, rows = (end - begin) * heads.group;
    for (int64_t q = begin; q < end; q++) {
        low = std::min(low, std::max(first_visible(queries[q], heads) - start, int64_t(0)));
        high = std::max(high, std::min(queries[q].position - start, SPAN - 1));
    }
    score_span(walk, cache, heads, first, rows, pages, high / PAGE + 1);
    for (int64_t q = begin; q < end; q++)
        for (int64_t g = 0; g < heads.group; g++)
            weigh_span(walk, q * heads.group + g, first_visible(queries[q], heads) - start,
                       queries[q].position - start);
    bool more = queries[end - 1].position >= start + 2 * SPAN;  // the next span has all its pages
    mix_span(walk, cache, heads, first, rows, pages, low, high, more ? SPAN_PAGES : 0);
}

// Attention of the queries of one tile to one kv head.
//
// q: query heads of this kv head, token n at q + n * q_stride, group * head_dim floats, scaled already.
// out: result of query i at out + queries[i].out * out_stride.
template <class T>
void attend(Walk<T>& walk, const Cache<T>& cache, const Heads& heads, const Query* queries, int64_t count,
            const float* q, int64_t q_stride, float* out, int64_t out_stride) {
    int64_t wide = heads.group * heads.head_dim, from = INT64_MAX, to = 0;
    walk.begin(count * heads.group, heads);
    for (int64_t i = 0; i < count; i++) {
        for (int64_t k = 0; k < wide; k++)
            narrow(&walk.queries[(i * heads.group + k / heads.head_dim) * heads.padded() + k % heads.head_dim],
                   q[queries[i].token * q_stride + k]);
        from = std::min(from, first_visible(queries[i], heads) / SPAN * SPAN);
        to = std::max(to, int64_t(queries[i].position));
    }
    for (int64_t start = from; start <= to; start += SPAN) {
        auto sees = [&](const Query& query) {
            return query.position >= start && first_visible(query, heads) < start + SPAN;
        };
        for (int64_t begin = 0, end; begin < count; begin = end) {
            end = begin + 1;
            if (!sees(queries[begin])) continue;
            while (end < count && sees(queries[end]) && walk_together(queries[begin], queries[end], start))
                end++;
            visit_span(walk, cache, heads, queries, begin, end, start);
        }
    }
    for (int64_t row = 0; row < count * heads.group; row++) {
        float scale = 1.0f / sum(load(walk.sums.data() + row * LANES));
        const float* mixed = walk.mixed.data() + row * heads.padded();
        float* to_row = out + queries[row / heads.group].out * out_stride + row % heads.group * heads.head_dim;
        for (int64_t d = 0; d < heads.head_dim; d++) to_row[d] = mixed[d] * scale;
    }
}
