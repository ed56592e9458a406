// Storage types of the kernels, the same on a GPU and on the host: each converts to and from its accumulation type.
#pragma once

struct Bfloat16 {
    unsigned short bits;
    typedef float Accumulator;
    __device__ operator float() const { return from_bits((unsigned int)bits << 16); }
    __device__ static Bfloat16 rounded(float value) {
        unsigned int wide = to_bits(value);
        // a NaN must not be rounded into an infinity
        if ((wide & 0x7fffffffu) > 0x7f800000u) return Bfloat16{(unsigned short)((wide >> 16) | 0x40u)};
        return Bfloat16{(unsigned short)((wide + 0x7fffu + ((wide >> 16) & 1u)) >> 16)};
    }
    __device__ static unsigned int to_bits(float value) {
        union { float value; unsigned int bits; } both;
        both.value = value;
        return both.bits;
    }
    __device__ static float from_bits(unsigned int bits) {
        union { float value; unsigned int bits; } both;
        both.bits = bits;
        return both.value;
    }
};

struct Complex64 {
    float re, im;
    typedef Complex64 Accumulator;
};

__device__ inline Complex64 operator*(Complex64 a, Complex64 b) {
    return Complex64{a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

__device__ inline Complex64 operator+(Complex64 a, Complex64 b) { return Complex64{a.re + b.re, a.im + b.im}; }

__device__ inline Complex64 conjugate(Complex64 a) { return Complex64{a.re, -a.im}; }

// What a storage type is summed in, and how a sum is stored.
template <typename T> struct Arithmetic {
    typedef T Accumulator;
    __device__ static T stored(T sum) { return sum; }
    __device__ static T zero() { return T(); }
};

template <> struct Arithmetic<Bfloat16> {
    typedef float Accumulator;
    __device__ static Bfloat16 stored(float sum) { return Bfloat16::rounded(sum); }
    __device__ static float zero() { return 0.0f; }
};
