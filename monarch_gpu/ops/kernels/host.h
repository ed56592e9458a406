// CUDA's names on the host, enough to run a kernel as it stands: one std::thread for each CUDA thread, a barrier for
// __syncthreads, blocks one after another. Buffers are allocated to the byte, so that a sanitizer sees every index error;
// built with the thread sanitizer instead, a missing __syncthreads is a reported race.
#pragma once

#include <barrier>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __restrict__

struct Dim3 {
    unsigned int x = 1, y = 1, z = 1;
};

inline thread_local Dim3 threadIdx, blockIdx;
inline Dim3 blockDim, gridDim;
inline unsigned char* dynamic_shared = nullptr;
inline std::barrier<>* block_barrier = nullptr;

inline void __syncthreads() { block_barrier->arrive_and_wait(); }

struct Argument {
    void* buffer = nullptr;
    long long number = 0;
};

template <typename P> P converted(const Argument& argument) {
    if constexpr (std::is_pointer_v<P>)
        return reinterpret_cast<P>(argument.buffer);
    else
        return static_cast<P>(argument.number);
}

template <typename... P, std::size_t... I>
void run(void (*kernel)(P...), const std::vector<Argument>& arguments, std::index_sequence<I...>) {
    kernel(converted<P>(arguments[I])...);
}

template <typename... P>
void launch(void (*kernel)(P...), Dim3 grid, unsigned int threads, std::size_t shared, const std::vector<Argument>& arguments) {
    if (arguments.size() != sizeof...(P)) throw std::runtime_error("wrong number of arguments");
    gridDim = grid;
    blockDim = Dim3{threads, 1, 1};
    for (unsigned int z = 0; z < grid.z; ++z)
        for (unsigned int y = 0; y < grid.y; ++y)
            for (unsigned int x = 0; x < grid.x; ++x) {
                // a fresh buffer full of NaN: what one block leaves behind is not there for the next
                dynamic_shared = static_cast<unsigned char*>(std::malloc(shared));
                std::memset(dynamic_shared, 0xff, shared);
                std::barrier<> barrier(threads);
                block_barrier = &barrier;
                std::vector<std::thread> running;
                for (unsigned int t = 0; t < threads; ++t)
                    running.emplace_back([=, &arguments, &barrier] {
                        threadIdx = Dim3{t, 0, 0};
                        blockIdx = Dim3{x, y, z};
                        run(kernel, arguments, std::index_sequence_for<P...>());
                        barrier.arrive_and_drop();
                    });
                for (std::thread& thread : running) thread.join();
                std::free(dynamic_shared);
            }
}
