// The gated long convolution: y = gate * (k * v + skip v), v = pre_gate u, by the order-2 Monarch DFT of length N0 N1.
//
// A thread block owns one signal, which never leaves shared memory between loading and storing. Two real signals would fit
// one complex one, but then a NaN, or the rounding of a louder signal, crosses over.
#ifdef MONARCH_HOST
#include "host.h"
#else
extern __shared__ __align__(16) unsigned char dynamic_shared[];
#endif
#include "scalars.h"

// u, gate, pre_gate, y: (batch, channels, n). spectrum: (channels, N0, N1), the DFT of the filters over N, digits (i0, i1).
// roots: N entries exp(-2 pi i e / N). gate, skip, pre_gate may be null. Causal if N >= 2n - 1, circular if N = n.
// Grid (channels, batch), any number of threads, 2 N sizeof(Complex64) bytes of shared memory.
extern "C" __global__ void long_convolution_float32(
    const float* u, const Complex64* spectrum, const Complex64* roots, const float* gate, const float* skip,
    const float* pre_gate, float* y, int channels, int n, int N0, int N1) {
    const int N = N0 * N1, channel = blockIdx.x;
    const long long first = ((long long)blockIdx.y * channels + channel) * n;
    Complex64* signal = reinterpret_cast<Complex64*>(dynamic_shared);
    Complex64* scratch = signal + N;

    for (int j = threadIdx.x; j < N; j += blockDim.x) {
        Complex64 v{0.0f, 0.0f};
        if (j < n) v.re = u[first + j] * (pre_gate ? pre_gate[first + j] : 1.0f);
        signal[j] = v;
    }
    __syncthreads();
    // stage 0 along a0, then the twiddles: scratch[i0, a1]
    for (int e = threadIdx.x; e < N; e += blockDim.x) {
        const int i0 = e / N1, a1 = e % N1;
        Complex64 sum{0.0f, 0.0f};
        for (int a0 = 0; a0 < N0; ++a0) sum = sum + roots[(i0 * a0 % N0) * N1] * signal[a0 * N1 + a1];
        scratch[e] = sum * roots[i0 * a1];
    }
    __syncthreads();
    // stage 1 along a1, then the filter: signal[i0, i1]
    for (int e = threadIdx.x; e < N; e += blockDim.x) {
        const int i0 = e / N1, i1 = e % N1;
        Complex64 sum{0.0f, 0.0f};
        for (int a1 = 0; a1 < N1; ++a1) sum = sum + scratch[i0 * N1 + a1] * roots[(a1 * i1 % N1) * N0];
        signal[e] = sum * spectrum[(long long)channel * N + e];
    }
    __syncthreads();
    // the adjoint of both stages, in reverse order
    for (int e = threadIdx.x; e < N; e += blockDim.x) {
        const int i0 = e / N1, a1 = e % N1;
        Complex64 sum{0.0f, 0.0f};
        for (int i1 = 0; i1 < N1; ++i1) sum = sum + signal[i0 * N1 + i1] * conjugate(roots[(a1 * i1 % N1) * N0]);
        scratch[e] = sum * conjugate(roots[i0 * a1]);
    }
    __syncthreads();
    for (int j = threadIdx.x; j < n; j += blockDim.x) {
        const int a0 = j / N1, a1 = j % N1;
        Complex64 sum{0.0f, 0.0f};
        for (int i0 = 0; i0 < N0; ++i0) sum = sum + conjugate(roots[(i0 * a0 % N0) * N1]) * scratch[i0 * N1 + a1];
        float value = sum.re;
        if (skip) value += skip[channel] * (u[first + j] * (pre_gate ? pre_gate[first + j] : 1.0f));
        y[first + j] = gate ? gate[first + j] * value : value;
    }
}

#define MONARCH_KERNELS(KERNEL) KERNEL(long_convolution_float32)
