// The fused order-2 Monarch product: y[i1, i0] = sum over a1 of L[i0][i1, a1] * sum over a0 of R[a1][i0, a0] * x[a0, a1].
//
// A thread block owns one digit i0 and a tile of the batch. The state between the stages, n1 numbers for each column of
// the tile, stays in shared memory. Strides say where every digit of x and y lies, so that layout and convention are the
// caller's choice and cost no copy.
#ifdef MONARCH_HOST
#include "host.h"
#else
extern __shared__ __align__(16) unsigned char dynamic_shared[];
#endif
#include "scalars.h"

// Grid (m0, ceil(batch / tile)), any number of threads, n1 * tile * sizeof(T) bytes of shared memory.
template <typename T>
__device__ void multiply(
    const T* x, const T* right, const T* left, T* y, int batch, int n0, int n1, int m0, int m1, int tile,
    long long x_a0, long long x_a1, long long x_batch, long long y_i1, long long y_i0, long long y_batch) {
    typedef typename Arithmetic<T>::Accumulator Sum;
    T* state = reinterpret_cast<T*>(dynamic_shared);
    const int i0 = blockIdx.x, first = blockIdx.y * tile;

    for (int element = threadIdx.x; element < n1 * tile; element += blockDim.x) {
        const int a1 = element / tile, column = first + element % tile;
        Sum sum = Arithmetic<T>::zero();
        if (column < batch) {
            const T* row = right + ((long long)a1 * m0 + i0) * n0;
            const T* signal = x + a1 * x_a1 + column * x_batch;
            for (int a0 = 0; a0 < n0; ++a0) sum = sum + (Sum)row[a0] * (Sum)signal[a0 * x_a0];
        }
        state[element] = Arithmetic<T>::stored(sum);
    }
    __syncthreads();

    for (int element = threadIdx.x; element < m1 * tile; element += blockDim.x) {
        const int i1 = element / tile, column = first + element % tile;
        if (column >= batch) continue;
        const T* row = left + ((long long)i0 * m1 + i1) * n1;
        Sum sum = Arithmetic<T>::zero();
        for (int a1 = 0; a1 < n1; ++a1) sum = sum + (Sum)row[a1] * (Sum)state[a1 * tile + element % tile];
        y[i1 * y_i1 + i0 * y_i0 + column * y_batch] = Arithmetic<T>::stored(sum);
    }
}

#define MULTIPLY(name, T)                                                                                          \
    extern "C" __global__ void name(                                                                               \
        const T* x, const T* right, const T* left, T* y, int batch, int n0, int n1, int m0, int m1, int tile,      \
        long long x_a0, long long x_a1, long long x_batch, long long y_i1, long long y_i0, long long y_batch) {    \
        multiply<T>(x, right, left, y, batch, n0, n1, m0, m1, tile, x_a0, x_a1, x_batch, y_i1, y_i0, y_batch);     \
    }

MULTIPLY(multiply_float32, float)
MULTIPLY(multiply_float64, double)
MULTIPLY(multiply_bfloat16, Bfloat16)
MULTIPLY(multiply_complex64, Complex64)

#define MONARCH_KERNELS(KERNEL) \
    KERNEL(multiply_float32) KERNEL(multiply_float64) KERNEL(multiply_bfloat16) KERNEL(multiply_complex64)
