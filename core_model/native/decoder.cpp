// A whole decoder step for a flat batch in one call: RMSNorm, rotary positions, grouped-query attention over a
// paged cache, SwiGLU (Llama, Mistral, Qwen2, Qwen3). Called from decoder.py through ctypes; abi.py mirrors the
// structures. A row's result has the same bits whatever else is in the batch: see vectors.h.
//
// One team of threads runs a whole step; `#pragma omp for` divides each phase among it and waits at its end.
// Rows of activations are padded with zeros to whole panels, so that no loop over them has a rest.
#include <atomic>
#include <climits>
#include <initializer_list>
#include <new>

#include "attention.h"
#include "matmul.h"

struct Layer {
    Matrix qkv, out, gate_up, down;
    const float *attention_norm, *mlp_norm;  // (hidden,)
    const float *q_norm, *k_norm;            // (head_dim,) or null
    int64_t window;                          // 0: all positions are seen
};

// The linear layers of a layer that an adapter may change, in the order of lora.py.
enum Module { Q, K, V, O, GATE, UP, DOWN, MODULES };

// One adapter's pair for one linear layer (Hu et al. 2021): adds up(down(x)).
struct LowRank {
    const float* down;  // (depth, rank padded to lanes), null where the adapter leaves the layer as it is
    const float* up;    // (rank, width padded to lanes)
    int64_t rank, depth, width;
};

struct Model {
    int64_t vocab, hidden, layers, heads, kv_heads, head_dim, intermediate;
    float eps;
    int32_t kind;                // Kind of every matrix
    int32_t embedding_bf16;      // whether `embedding` is bfloat16 rather than float
    const void* embedding;       // (vocab, hidden)
    const float* frequencies;    // (head_dim / 2,) radians per position
    const float* final_norm;     // (hidden,)
    const Layer* layer;
    Matrix head;
    const LowRank* adapters;     // (adapter_count, layers, MODULES)
    int64_t adapter_count;
};

struct Step {
    int64_t count, rows, table_width, wanted_count, pages;
    const int32_t *tokens, *positions, *row, *tables, *wanted;
    void *keys, *values;  // (layers, pages, kv_heads, head_dim, 16) and (layers, pages, kv_heads, 16, head_dim)
    int32_t cache_bf16;
    int32_t threads;
    float* logits;  // (wanted_count, vocab) or null
    float* states;  // (wanted_count, hidden) or null: final normed hidden states
    const int32_t* adapters;  // (count,) adapter of each token, -1 for none; or null
};

// What decode() returns: FINE, which of its arguments is out of range, or the layer (0 or more; the number of
// layers stands for the output head) where a value first was not finite.
enum Outcome : int32_t {
    FINE = -1,
    BAD_TOKEN = -2,
    BAD_POSITION = -3,
    BAD_PAGE = -4,
    BAD_WANTED = -5,
    BAD_ADAPTER = -6,
    NO_MEMORY = -7
};

namespace {

constexpr int64_t SMALL = 4'000'000;  // multiplications that are not worth a second thread

int64_t whole(int64_t size, int64_t unit) { return (size + unit - 1) / unit * unit; }

// Zeroed, aligned memory of one call.
template <class T>
class Buffer {
public:
    explicit Buffer(int64_t size) : at((T*)::operator new(size * sizeof(T) + 64, std::align_val_t(64))) {
        std::memset((void*)at, 0, size * sizeof(T));
    }
    ~Buffer() { ::operator delete(at, std::align_val_t(64)); }
    Buffer(const Buffer&) = delete;
    T* at;
};

// A (rows, width) matrix of activations, and room for the form that products with weights of `kind` take.
struct Activations {
    Activations(int64_t rows, int64_t width, int32_t kind)
        : width(width), data(rows * width), bytes(kind == INT8 ? rows * width : 0), scale(rows), sum(rows),
          partners(kind == BFLOAT16 ? rows * width : 0) {}
    Rows rows() const { return {data.at, width, bytes.at, scale.at, sum.at, partners.at}; }
    int64_t width;
    Buffer<float> data;
    Buffer<int8_t> bytes;
    Buffer<float> scale;
    Buffer<int32_t> sum;
    Buffer<partner> partners;
};

// out = x / rms(x) * weight over `size` values (Zhang and Sennrich 2019).
void normalise(const float* x, const float* weight, float* out, int64_t size, float eps) {
    f32x16 squares{};
    int64_t i = 0;
    for (; i + LANES <= size; i += LANES) squares = fma(load(x + i), load(x + i), squares);
    float total = sum(squares);
    for (int64_t k = i; k < size; k++) total += x[k] * x[k];
    float scale = 1.0f / std::sqrt(total / float(size) + eps);
    for (i = 0; i + LANES <= size; i += LANES) store(out + i, load(x + i) * scale * load(weight + i));
    for (; i < size; i++) out[i] = x[i] * scale * weight[i];
}

// y += up(down(x)), where lanes group g of the result lies at y + g * step. Returns whether y is finite.
bool add_low_rank(const LowRank& pair, const float* x, float* y, int64_t step) {
    int64_t ranks = whole(pair.rank, LANES), width = whole(pair.width, LANES);
    Buffer<float> inner(ranks);
    for (int64_t g = 0; g < ranks; g += LANES) {
        f32x16 acc{};
        for (int64_t k = 0; k < pair.depth; k++) acc = fma(splat(x[k]), load(pair.down + k * ranks + g), acc);
        store(inner.at + g, acc);
    }
    f32x16 probe{};
    for (int64_t n = 0; n < width; n += LANES) {
        f32x16 acc{}, old{};
        for (int64_t k = 0; k < pair.rank; k++)
            acc = fma(splat(inner.at[k]), load(pair.up + k * width + n), acc);
        int64_t size = std::min(LANES, pair.width - n) * int64_t(sizeof(float));
        std::memcpy(&old, y + n / LANES * step, size);
        acc += old;
        probe += acc * 0.0f;
        std::memcpy(y + n / LANES * step, &acc, size);
    }
    return sum(probe) == 0.0f;
}

class Decoder {
public:
    Decoder(const Model& model, const Step& step)
        : m(model), s(step), threads(choose_threads()), hidden_width(whole(m.hidden, PANEL)),
          head_width(m.heads * m.head_dim), kv_width(m.kv_heads * m.head_dim),
          x(s.count * hidden_width), kept(s.wanted_count * hidden_width), turns(s.count * m.head_dim),
          normed(s.count, hidden_width, m.kind),
          qkv(s.count * whole(head_width + 2 * kv_width, PANEL)),
          mixed(s.count, whole(head_width, PANEL), m.kind),
          gated(s.count, whole(m.intermediate, PANEL), m.kind),
          pairs(s.adapters ? s.count * pair_width() : 0) {
        plan_tiles();
    }

    int32_t run() {
#pragma omp parallel num_threads(threads)
        {
            embed();
            s.cache_bf16 ? run_layers<bf16>() : run_layers<float>();
            finish();
        }
        return bad == INT_MAX ? FINE : bad.load();
    }

private:
    // One thread for little work: starting and joining a team costs more than it saves.
    int choose_threads() const {
        int64_t layer = m.hidden * (m.heads + m.kv_heads) * m.head_dim * 2 + 3 * m.hidden * m.intermediate;
        int64_t work = s.count * m.layers * layer + (s.logits ? s.wanted_count * m.hidden * m.vocab : 0);
        for (int64_t n = 0; n < s.count; n++) work += 2 * m.layers * m.heads * m.head_dim * s.positions[n];
        return work < 2 * SMALL || s.threads < 2 ? 1 : s.threads;
    }

    // Lay sequences that share pages side by side and cut the queries into tiles that walk together.
    void plan_tiles() {
        std::vector<int32_t> last(s.rows, -1), order(s.rows), start(s.rows, -1);
        for (int64_t n = s.count; n--;) {
            start[s.row[n]] = int32_t(n);
            last[s.row[n]] = std::max(last[s.row[n]], s.positions[n]);
        }
        for (int64_t r = 0; r < s.rows; r++) order[r] = int32_t(r);
        auto pages = [&](int32_t r) { return s.tables + r * s.table_width; };
        std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
            return std::lexicographical_compare(pages(a), pages(a) + last[a] / PAGE + 1, pages(b),
                                                pages(b) + last[b] / PAGE + 1);
        });
        std::vector<int32_t> place(s.count, -1);
        for (int64_t i = 0; i < s.wanted_count; i++) place[s.wanted[i]] = int32_t(i);
        for (int32_t r : order)
            for (int64_t n = start[r]; n >= 0 && n < s.count && s.row[n] == r; n++) {
                all.queries.push_back({int32_t(n), int32_t(n), s.positions[n], pages(r)});
                if (place[n] >= 0) wanted.queries.push_back({int32_t(n), place[n], s.positions[n], pages(r)});
            }
        all.cut(m.heads / m.kv_heads);
        wanted.cut(m.heads / m.kv_heads);
    }

    // Queries in an order, tile t being [starts[t], starts[t + 1]).
    struct Plan {
        std::vector<Query> queries;
        std::vector<int64_t> starts;
        void cut(int64_t group) {
            int64_t most = std::max(TILE_ROWS / group, int64_t(1));
            for (int64_t i = 0; i < int64_t(queries.size()); i++)
                if (!i || i - starts.back() >= most || !walk_together(queries[i - 1], queries[i], 0))
                    starts.push_back(i);
            starts.push_back(int64_t(queries.size()));
        }
    };

    void blame(bool finite, int64_t layer) {
        if (finite) return;
        int seen = bad;
        while (layer < seen && !bad.compare_exchange_weak(seen, int(layer))) {
        }
    }

    void embed() {
#pragma omp for schedule(static)
        for (int64_t n = 0; n < s.count; n++) {
            float* to = x.at + n * hidden_width;
            int64_t from = s.tokens[n] * m.hidden;
            for (int64_t i = 0; i < m.hidden; i++)
                to[i] = m.embedding_bf16 ? widen(((const bf16*)m.embedding)[from + i])
                                         : ((const float*)m.embedding)[from + i];
            float* turn = turns.at + n * m.head_dim;
            for (int64_t i = 0; i < m.head_dim / 2; i++) {
                float angle = float(s.positions[n]) * m.frequencies[i];
                turn[i] = std::cos(angle);
                turn[m.head_dim / 2 + i] = std::sin(angle);
            }
        }
    }

    template <class T>
    void run_layers() {
        Walk<T> walk;
        for (int64_t l = 0; l < m.layers; l++) run_layer<T>(l, walk);
    }

    template <class T>
    void run_layer(int64_t l, Walk<T>& walk) {
        const Layer& layer = m.layer[l];
        Kind kind = Kind(m.kind);
        int64_t width = whole(head_width + 2 * kv_width, PANEL);
        normalise_rows(x.at, layer.attention_norm, s.count);
        blame(multiply(kind, layer.qkv, normed.rows(), s.count, {STORE, qkv.at, width, width}, threads), l);
        bool last = l == m.layers - 1 && s.wanted_count < s.count;  // then only the wanted rows go on
        adapt(l, {{Q, 0}, {K, head_width}, {V, head_width + kv_width}}, normed, qkv.at, width, false);
        place<T>(layer, l);
        int64_t count = last ? s.wanted_count : s.count;
        float* stream = last ? keep_wanted() : x.at;
        mix<T>(layer, l, last ? wanted : all, walk);
        prepare_rows(mixed, count);
        Target sum = {ADD, stream, hidden_width, hidden_width};
        blame(multiply(kind, layer.out, mixed.rows(), count, sum, threads), l);
        adapt(l, {{O, 0}}, mixed, stream, hidden_width, last);
        normalise_rows(stream, layer.mlp_norm, count);
        expand(layer, l, last);
        prepare_rows(gated, count);
        blame(multiply(kind, layer.down, gated.rows(), count, sum, threads), l);
        adapt(l, {{DOWN, 0}}, gated, stream, hidden_width, last);
    }

    // gated = silu(gate) * up of the normed rows.
    void expand(const Layer& layer, int64_t l, bool last) {
        int64_t count = last ? s.wanted_count : s.count, width = pair_width();
        Target product = {SWIGLU, gated.data.at, gated.width, gated.width};
        if (s.adapters) product = {STORE, pairs.at, width, width};
        multiply(Kind(m.kind), layer.gate_up, normed.rows(), count, product, threads);
        if (!s.adapters) return;
        adapt(l, {{GATE, 0}, {UP, LANES}}, normed, pairs.at, width, last, 2 * LANES);
#pragma omp for schedule(static)
        for (int64_t n = 0; n < count; n++)
            for (int64_t i = 0; i < width; i += 2 * LANES)
                store(gated.data.at + n * gated.width + i / 2,
                      swiglu(load(pairs.at + n * width + i), load(pairs.at + n * width + i + LANES)));
    }

    int64_t pair_width() const { return whole(2 * whole(m.intermediate, LANES), PANEL); }

    // A linear layer, and where its output begins in a row.
    struct Place {
        Module module;
        int64_t offset;
    };

    // Add what the rows' adapters make of `from` to `to`.
    void adapt(int64_t l, std::initializer_list<Place> places, const Activations& from, float* to,
               int64_t stride, bool last, int64_t step = LANES) {
        if (!s.adapters) return;
        int64_t count = last ? s.wanted_count : s.count;
#pragma omp for schedule(dynamic)
        for (int64_t n = 0; n < count; n++) {
            int64_t number = s.adapters[last ? s.wanted[n] : n];
            if (number < 0) continue;
            for (Place each : places) {
                const LowRank& pair = m.adapters[(number * m.layers + l) * MODULES + each.module];
                const float* x_row = from.data.at + n * from.width;
                if (pair.down) blame(add_low_rank(pair, x_row, to + n * stride + each.offset, step), l);
            }
        }
    }

    void normalise_rows(const float* stream, const float* weight, int64_t count) {
#pragma omp for schedule(static)
        for (int64_t n = 0; n < count; n++) {
            normalise(stream + n * hidden_width, weight, normed.data.at + n * hidden_width, m.hidden, m.eps);
            prepare(Kind(m.kind), normed.rows(), n, hidden_width);
        }
    }

    void prepare_rows(const Activations& activations, int64_t count) {
        if (m.kind == FLOAT32) return;
#pragma omp for schedule(static)
        for (int64_t n = 0; n < count; n++) prepare(Kind(m.kind), activations.rows(), n, activations.width);
    }

    // Turn q and k by their positions, scale q, and write k and v to their pages.
    template <class T>
    void place(const Layer& layer, int64_t l) {
        int64_t width = whole(head_width + 2 * kv_width, PANEL), size = m.head_dim * PAGE;
        float scale = 1.0f / std::sqrt(float(m.head_dim));
#pragma omp for schedule(static)
        for (int64_t n = 0; n < s.count; n++) {
            float* q = qkv.at + n * width;
            for (int64_t h = 0; h < m.heads; h++) {
                turn(q + h * m.head_dim, layer.q_norm, n);
                for (int64_t d = 0; d < m.head_dim; d++) q[h * m.head_dim + d] *= scale;
            }
            int64_t page = s.tables[s.row[n] * s.table_width + s.positions[n] / PAGE];
            int64_t slot = s.positions[n] % PAGE;
            for (int64_t h = 0; h < m.kv_heads; h++) {
                float* k = q + head_width + h * m.head_dim;
                turn(k, layer.k_norm, n);
                int64_t at = ((l * s.pages + page) * m.kv_heads + h) * size;
                T *keys = (T*)s.keys + at, *values = (T*)s.values + at;
                for (int64_t d = 0; d < m.head_dim; d++) {
                    narrow(keys + d * PAGE + slot, k[d]);
                    narrow(values + slot * m.head_dim + d, k[kv_width + d]);
                }
            }
        }
    }

    // Rotary positions in halves (Su et al. 2021; pairs (i, i + head_dim / 2) as Hugging Face lays them).
    void turn(float* head, const float* norm, int64_t n) {
        if (norm) normalise(head, norm, head, m.head_dim, m.eps);
        int64_t half = m.head_dim / 2;
        const float *cosine = turns.at + n * m.head_dim, *sine = cosine + half;
        for (int64_t i = 0; i < half; i++) {
            float left = head[i], right = head[half + i];
            head[i] = left * cosine[i] - right * sine[i];
            head[half + i] = right * cosine[i] + left * sine[i];
        }
    }

    template <class T>
    void mix(const Layer& layer, int64_t l, const Plan& plan, Walk<T>& walk) {
        Heads heads = {m.head_dim, m.heads / m.kv_heads, layer.window};
        int64_t width = whole(head_width + 2 * kv_width, PANEL), size = m.head_dim * PAGE;
        int64_t tiles = int64_t(plan.starts.size()) - 1, group = heads.group * m.head_dim;
        if (!tiles) return;
#pragma omp for schedule(dynamic)
        for (int64_t task = 0; task < tiles * m.kv_heads; task++) {
            int64_t head = task / tiles, tile = task % tiles, at = (l * s.pages * m.kv_heads + head) * size;
            Cache<T> cache = {(const T*)s.keys + at, (const T*)s.values + at, m.kv_heads * size};
            attend(walk, cache, heads, plan.queries.data() + plan.starts[tile],
                   plan.starts[tile + 1] - plan.starts[tile], qkv.at + head * group, width,
                   mixed.data.at + head * group, mixed.width);
        }
    }

    float* keep_wanted() {
#pragma omp for schedule(static)
        for (int64_t i = 0; i < s.wanted_count; i++)
            std::copy_n(x.at + s.wanted[i] * hidden_width, hidden_width, kept.at + i * hidden_width);
        return kept.at;
    }

    void finish() {
        const float* stream = s.wanted_count < s.count ? kept.at : x.at;
        normalise_rows(stream, m.final_norm, s.wanted_count);
        if (s.states) {
#pragma omp for schedule(static)
            for (int64_t i = 0; i < s.wanted_count; i++)
                std::copy_n(normed.data.at + i * hidden_width, m.hidden, s.states + i * m.hidden);
        }
        if (!s.logits) return;
        Target target = {STORE, s.logits, m.vocab, m.vocab};
        blame(multiply(Kind(m.kind), m.head, normed.rows(), s.wanted_count, target, threads), m.layers);
    }

    const Model& m;
    const Step& s;
    int threads;
    int64_t hidden_width, head_width, kv_width;
    Buffer<float> x, kept, turns;
    Activations normed;
    Buffer<float> qkv;
    Activations mixed, gated;
    Buffer<float> pairs;  // gate and up before they are multiplied, only where adapters come between
    Plan all, wanted;
    std::atomic<int> bad{INT_MAX};
};

int32_t check(const Model& m, const Step& s) {
    std::vector<bool> seen(s.rows);
    for (int64_t n = 0; n < s.count; n++) {
        if (s.tokens[n] < 0 || s.tokens[n] >= m.vocab) return BAD_TOKEN;
        if (s.row[n] < 0 || s.row[n] >= s.rows || s.positions[n] < 0) return BAD_POSITION;
        if (s.positions[n] / PAGE >= s.table_width) return BAD_POSITION;
        bool next = n && s.row[n] == s.row[n - 1];
        if (next ? s.positions[n] != s.positions[n - 1] + 1 : seen[s.row[n]]) return BAD_POSITION;
        seen[s.row[n]] = true;
    }
    for (int64_t n = 0; s.adapters && n < s.count; n++)
        if (s.adapters[n] >= m.adapter_count) return BAD_ADAPTER;
    for (int64_t i = 0; i < s.rows * s.table_width; i++)
        if (s.tables[i] < 0 || s.tables[i] >= s.pages) return BAD_PAGE;
    for (int64_t i = 0; i < s.wanted_count; i++)
        if (s.wanted[i] < (i ? s.wanted[i - 1] + 1 : 0) || s.wanted[i] >= s.count) return BAD_WANTED;
    return FINE;
}

}  // namespace

extern "C" int32_t punchlist_decode(const Model* model, const Step* step) {
    try {
        int32_t outcome = check(*model, *step);
        if (outcome != FINE || !step->count) return outcome;
        return Decoder(*model, *step).run();
    } catch (const std::bad_alloc&) {
        return NO_MEMORY;
    }
}

// out (rows, width) = x (rows, depth) times a matrix: for tests and measurements.
extern "C" void punchlist_multiply(int32_t kind, const Matrix* matrix, const float* x, int64_t rows, float* out,
                                   int32_t threads) {
    Activations activations(rows, matrix->depth, kind);
    std::copy_n(x, rows * matrix->depth, activations.data.at);
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int64_t n = 0; n < rows; n++) prepare(Kind(kind), activations.rows(), n, matrix->depth);
        Target target = {STORE, out, matrix->width, matrix->width};
        multiply(Kind(kind), *matrix, activations.rows(), rows, target, threads);
    }
}
