// Batched products of strided matrices on a CPU: what torch.bmm does, but every operand is read, and the result written,
// in the layout it already has. And the transpose, for arguments whose innermost axis is not the batch.
//
// Each sum runs over k = 0, 1, … in one register, so that a result does not depend on the threads or on its neighbours.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#if defined(__AVX512F__)
constexpr int BYTES = 64, ROWS = 12;  // of 32 registers: 12 × 2 sums, 2 of a panel, 1 of a
#elif defined(__aarch64__)
constexpr int BYTES = 16, ROWS = 12;
#elif defined(__AVX__)
constexpr int BYTES = 32, ROWS = 6;  // of 16 registers: 6 × 2, 2, 1
#else
constexpr int BYTES = 16, ROWS = 6;
#endif
constexpr int VECTORS = 2;         // a tile of c is ROWS × VECTORS registers
constexpr int PANELS = 2;          // tiles side by side that share what is fetched of a
constexpr int DEPTH = 1024;        // of a panel, which then stays in the second-level cache
constexpr int CHUNK = 50 * ROWS;   // rows that one thread takes at a time
constexpr int DIMS = 8;            // block axes
constexpr double ALONE = 3e5;      // operations that a second thread does not make faster

// One operand: where its pointer is found, and its strides in elements.
struct View {
    int64_t slot, row, column, block[DIMS];
};

// c = a b for every block: a is rows × inner, b inner × columns. Neighbouring columns of c are neighbours in memory.
struct Product {
    View a, b, c;
    int64_t rows, inner, columns, blocks[DIMS];
};

template <typename T> struct Lanes {
    static constexpr int count = BYTES / sizeof(T), width = VECTORS * count;
    typedef T vector __attribute__((vector_size(BYTES)));
    typedef T anywhere __attribute__((vector_size(BYTES), aligned(alignof(T)), may_alias));
    static vector load(const T* p) { return *(const anywhere*)p; }
    static void store(T* p, vector v) { *(anywhere*)p = v; }

    template <std::size_t... I> static vector interleave(vector x, vector y, std::size_t from, std::index_sequence<I...>) {
        constexpr std::size_t n = sizeof...(I);
        if (from == 0) return __builtin_shufflevector(x, y, (I % 2 ? n + I / 2 : I / 2)...);
        return __builtin_shufflevector(x, y, (I % 2 ? n + n / 2 + I / 2 : n / 2 + I / 2)...);
    }
};

// As many rows as a vector has lanes: interleaving the first half of them with the second log2(lanes) times transposes.
template <typename T> static void transpose_square(const T* in, int64_t in_row, T* out, int64_t out_row) {
    using L = Lanes<T>;
    constexpr int n = L::count;
    constexpr auto lanes = std::make_index_sequence<n>();
    typename L::vector x[n], y[n];
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) x[i] = L::load(in + i * in_row);
#pragma GCC unroll 4
    for (int round = 1; round < n; round *= 2) {
#pragma GCC unroll 16
        for (int i = 0; i < n; ++i) y[i] = L::interleave(x[i / 2], x[i / 2 + n / 2], i % 2, lanes);
#pragma GCC unroll 16
        for (int i = 0; i < n; ++i) x[i] = y[i];
    }
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) L::store(out + i * out_row, x[i]);
}

// out[j][i] = in[i][j]
template <typename T>
static void transpose(int64_t rows, int64_t columns, const T* in, int64_t in_row, T* out, int64_t out_row) {
    constexpr int n = Lanes<T>::count;
    const int64_t whole_rows = rows / n * n, whole_columns = columns / n * n;
    for (int64_t j = 0; j < whole_columns; j += n)
        for (int64_t i = 0; i < whole_rows; i += n)
            transpose_square(in + i * in_row + j, in_row, out + j * out_row + i, out_row);
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j) out[j * out_row + i] = in[i * in_row + j];
}

// `width` columns of b, one row after another as a tile reads them; zeros fill the panel up.
template <typename T>
static void pack(int64_t inner, int64_t width, const T* b, int64_t row, int64_t column, T* panel) {
    using L = Lanes<T>;
    if (column == 1 && width == L::width) {
        for (int64_t k = 0; k < inner; ++k)
#pragma GCC unroll 4
            for (int v = 0; v < L::width; v += L::count) L::store(panel + k * L::width + v, L::load(b + k * row + v));
        return;
    }
    if (row == 1 && column != 1)
        transpose(width, inner, b, column, panel, L::width);
    else
        for (int64_t k = 0; k < inner; ++k)
            for (int64_t j = 0; j < width; ++j) panel[k * L::width + j] = b[k * row + j * column];
    for (int64_t k = 0; k < inner; ++k) std::fill(panel + k * L::width + width, panel + (k + 1) * L::width, T(0));
}

// What is needed next, fetched meanwhile: at every step of a tile, the line of memory with this element.
template <typename T> struct Ahead {
    const T* first;
    int64_t stride;
};

// R rows of c, `width` columns, added to what is there if `more`; all sums in registers.
template <typename T, int R>
static void tile(int64_t inner, const T* a, int64_t a_row, int64_t a_column, const T* panel, T* c, int64_t c_row,
                 int64_t width, bool more, Ahead<T> ahead) {
    using L = Lanes<T>;
    typename L::vector sum[R][VECTORS] = {};
    if (more)
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) std::memcpy(&sum[r][0], c + r * c_row, width * sizeof(T));
    for (int64_t k = 0; k < inner; ++k, a += a_column, panel += L::width) {
        __builtin_prefetch(ahead.first + k * ahead.stride);
        typename L::vector b[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) b[v] = L::load(panel + v * L::count);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            const typename L::vector x = a[r * a_row] - typename L::vector{};
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) sum[r][v] += x * b[v];
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
        if (width == L::width)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) L::store(c + r * c_row + v * L::count, sum[r][v]);
        else
            std::memcpy(c + r * c_row, &sum[r][0], width * sizeof(T));
}

// A tile of the `rows` that are left, at most ROWS of them.
template <typename T, int R = ROWS, typename... Rest> static void tile_of(int64_t rows, Rest... rest) {
    if constexpr (R == 1)
        tile<T, 1>(rest...);
    else if (rows >= R)
        tile<T, R>(rest...);
    else
        tile_of<T, R - 1>(rows, rest...);
}

template <typename T> static T* block_of(const View& view, const Product& p, int64_t block, void* const* slots) {
    T* pointer = (T*)slots[view.slot];
    for (int d = DIMS - 1; d >= 0 && block; --d) {
        pointer += block % p.blocks[d] * view.block[d];
        block /= p.blocks[d];
    }
    return pointer;
}

// One product, by all threads of the team; `panels` is a thread's own memory.
template <typename T> static void product(const Product& p, void* const* slots, T* panels) {
    constexpr int64_t width = Lanes<T>::width, strip = PANELS * width;
    int64_t blocks = 1;
    for (const int64_t n : p.blocks) blocks *= n;
    const int64_t chunks = (p.rows + CHUNK - 1) / CHUNK, strips = (p.columns + strip - 1) / strip;
#pragma omp for schedule(static)
    for (int64_t item = 0; item < blocks * strips * chunks; ++item) {
        const int64_t block = item / (strips * chunks);
        const int64_t first = item / chunks % strips * strip, last = std::min(first + strip, p.columns);
        const int64_t top = item % chunks * CHUNK, bottom = std::min(top + CHUNK, p.rows);
        const T* a = block_of<T>(p.a, p, block, slots);
        const T* b = block_of<T>(p.b, p, block, slots);
        T* c = block_of<T>(p.c, p, block, slots);
        for (int64_t k = 0; k < p.inner; k += DEPTH) {
            const int64_t depth = std::min<int64_t>(DEPTH, p.inner - k);
            for (int64_t j = first; j < last; j += width)
                pack(depth, std::min(width, last - j), b + k * p.b.row + j * p.b.column, p.b.row, p.b.column,
                     panels + (j - first) * DEPTH);
            for (int64_t i = top; i < bottom; i += ROWS)
                for (int64_t j = first; j < last; j += width) {
                    const T* left = a + i * p.a.row + k * p.a.column;
                    // of the next rows of a, every one of the tiles side by side fetches its share
                    const bool along = p.a.column == 1;
                    const int64_t share = ROWS / PANELS, before = (j - first) / width * share * depth;
                    const Ahead<T> ahead{left + ROWS * p.a.row + (along ? before : 0), along ? share : p.a.column};
                    tile_of<T>(bottom - i, depth, left, p.a.row, p.a.column, panels + (j - first) * DEPTH,
                               c + i * p.c.row + j, p.c.row, std::min(width, last - j), k > 0, ahead);
                }
        }
    }
}

static double work(const Product& p) {
    double found = 2.0 * p.rows * p.inner * p.columns;
    for (const int64_t n : p.blocks) found *= n;
    return found;
}

template <typename T> static void products(const Product* all, int64_t count, void* const* slots) {
    double total = 0;
    for (int64_t i = 0; i < count; ++i) total += work(all[i]);
#pragma omp parallel if (total > ALONE)
    {
        T* panels = (T*)std::aligned_alloc(BYTES, DEPTH * PANELS * Lanes<T>::width * sizeof(T));
        for (int64_t i = 0; i < count; ++i) product<T>(all[i], slots, panels);
        std::free(panels);
    }
}

template <typename T>
static void transposes(int64_t count, int64_t rows, int64_t columns, const T* in, int64_t in_row, T* out) {
    constexpr int64_t strip = Lanes<T>::count;
    const bool wide = rows < columns;
    const int64_t strips = (std::max(rows, columns) + strip - 1) / strip;
#pragma omp parallel for collapse(2) if (count * rows * columns > ALONE / 10)
    for (int64_t i = 0; i < count; ++i)
        for (int64_t s = 0; s < strips * strip; s += strip) {
            const T* from = in + i * rows * in_row;
            T* to = out + i * rows * columns;
            if (wide)
                transpose(rows, std::min(strip, columns - s), from + s, in_row, to + s * rows, rows);
            else
                transpose(std::min(strip, rows - s), columns, from + s * in_row, in_row, to + s, rows);
        }
}

#define EXPORT(T, NAME)                                                                                            \
    extern "C" void products_##NAME(const Product* all, int64_t count, void* const* slots) {                       \
        products<T>(all, count, slots);                                                                            \
    }                                                                                                              \
    extern "C" void transpose_##NAME(int64_t n, int64_t rows, int64_t columns, const T* in, int64_t in_row, T* out) { \
        transposes<T>(n, rows, columns, in, in_row, out);                                                          \
    }
EXPORT(float, float32)
EXPORT(double, float64)
