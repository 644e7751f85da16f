// Runs the threads of a CUDA block on one CPU thread, one fiber each, so that the kernels can be
// tested where there is no GPU. Blocks run one after another.
//
// A fiber runs until it reaches a barrier; the next one is then taken in a shuffled order. So code
// that lacks a barrier reads what was not written yet for most seeds, and shared memory that was
// never written is NaN. There is no memory model and no timing: what only real concurrency shows,
// this does not.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace petsgan::emu {

// The order of blocks, and of threads between barriers. 0: ascending; any other number: shuffled.
void set_seed(std::uint64_t seed);

// Makes the barriers at this line of a file (its name without folders) do nothing; "" : none.
void drop_barrier(const char* file, int line);

// Runs `body` for every thread of every block. Throws petsgan::Error when the threads of a block
// wait at different barriers, or some end while others wait.
void run_grid(std::int64_t blocks, int threads, std::size_t shared_bytes,
              const std::function<void()>& body);

// For the fiber that runs.
unsigned thread_index();
unsigned block_index();
unsigned char* shared_memory();
void sync_threads(const char* file, int line);
void sync_warp(const char* file, int line);
// What the lanes of the warp hand over, `value` among it.
std::array<std::uint64_t, 32> gather(std::uint64_t value);
// Hands `value` to the other lanes of the warp and returns what `source_lane` handed over.
std::uint64_t exchange(std::uint64_t value, unsigned source_lane);

}  // namespace petsgan::emu
