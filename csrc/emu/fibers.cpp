#include "emu/fibers.h"

#include <ucontext.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "petsgan/errors.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

namespace petsgan::emu {
namespace {

constexpr std::size_t kStackBytes = 256 * 1024;
constexpr int kWarp = 32;
constexpr unsigned char kPoison = 0xFF;  // NaN as float16, bfloat16, float32 and float64

enum class State { kReady, kAtBlockBarrier, kAtWarpBarrier, kDone };

struct Fiber {
  ucontext_t context;
  std::unique_ptr<unsigned char[]> stack{new unsigned char[kStackBytes]};
  void* fake_stack = nullptr;  // of the address sanitizer
  State state = State::kReady;
  const char* file = "";
  int line = 0;
};

// Where a fiber waits is its barrier; every barrier of a block or warp must be the same one.
bool same_place(const Fiber& a, const Fiber& b) {
  return a.line == b.line && std::strcmp(a.file, b.file) == 0;
}

const char* file_name(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash ? slash + 1 : path;
}

std::string place(const Fiber& fiber) {
  if (fiber.state == State::kDone) return "its end";
  return std::string(file_name(fiber.file)) + ":" + std::to_string(fiber.line);
}

class Machine {
 public:
  void set_seed(std::uint64_t seed) { seed_ = seed; }

  void drop_barrier(const char* file, int line) {
    dropped_file_ = file;
    dropped_line_ = line;
  }

  void run_grid(std::int64_t blocks, int threads, std::size_t shared_bytes,
                const std::function<void()>& body) {
    random_.seed(seed_);
    body_ = &body;
    fibers_.resize(static_cast<std::size_t>(threads));
    // Whole warps, though the last one may lack threads.
    handed_.assign(static_cast<std::size_t>((threads + kWarp - 1) / kWarp * kWarp), 0);
    std::vector<std::int64_t> order(static_cast<std::size_t>(blocks));
    std::iota(order.begin(), order.end(), 0);
    if (seed_ != 0) std::shuffle(order.begin(), order.end(), random_);
    for (const std::int64_t block : order) run_block(block, shared_bytes);
  }

  unsigned thread_index() const { return static_cast<unsigned>(current_); }
  unsigned block_index() const { return static_cast<unsigned>(block_); }
  unsigned char* shared_memory() const { return shared_.get(); }

  void wait(State barrier, const char* file, int line) {
    if (line == dropped_line_ && dropped_file_ == file_name(file)) return;
    Fiber& fiber = fibers_[static_cast<std::size_t>(current_)];
    fiber.state = barrier;
    fiber.file = file;
    fiber.line = line;
    leave(fiber, false);
  }

  std::array<std::uint64_t, kWarp> gather(std::uint64_t value) {
    const auto self = static_cast<std::size_t>(current_);
    handed_[self] = value;
    wait(State::kAtWarpBarrier, __FILE__, __LINE__);
    std::array<std::uint64_t, kWarp> lanes;
    std::copy_n(handed_.data() + self / kWarp * kWarp, lanes.size(), lanes.data());
    wait(State::kAtWarpBarrier, __FILE__, __LINE__);
    return lanes;
  }

 private:
  struct Free {
    void operator()(unsigned char* memory) const {
      ::operator delete(memory, std::align_val_t{128});
    }
  };

  void run_block(std::int64_t block, std::size_t shared_bytes) {
    block_ = block;
    // Exactly as large as asked for, so that the address sanitizer sees what lies beyond.
    shared_.reset(static_cast<unsigned char*>(::operator new(shared_bytes, std::align_val_t{128})));
    std::memset(shared_.get(), kPoison, shared_bytes);
    for (Fiber& fiber : fibers_) start(fiber);
    std::vector<int> order(fibers_.size());
    std::iota(order.begin(), order.end(), 0);
    for (;;) {
      if (seed_ != 0) std::shuffle(order.begin(), order.end(), random_);
      bool ran = false;
      for (const int thread : order) {
        if (fibers_[static_cast<std::size_t>(thread)].state != State::kReady) continue;
        resume(thread);
        ran = true;
      }
      if (ran) continue;
      if (count(State::kDone) == fibers_.size()) return;
      if (!release_warps()) release_block();
    }
  }

  void start(Fiber& fiber) {
    fiber.state = State::kReady;
    fiber.fake_stack = nullptr;
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = kStackBytes;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, &Machine::enter, 0);
  }

  static void enter();

  void run_body() {
    Fiber& fiber = fibers_[static_cast<std::size_t>(current_)];
    finish_switch(nullptr);
    (*body_)();
    fiber.state = State::kDone;
    leave(fiber, true);
  }

  void resume(int thread) {
    current_ = thread;
    Fiber& fiber = fibers_[static_cast<std::size_t>(thread)];
    void* fake_stack = nullptr;
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(&fake_stack, fiber.stack.get(), kStackBytes);
#endif
    swapcontext(&scheduler_, &fiber.context);
    finish_switch(fake_stack);
  }

  void leave(Fiber& fiber, bool for_good) {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(for_good ? nullptr : &fiber.fake_stack, scheduler_stack_,
                                   scheduler_stack_bytes_);
#else
    (void)for_good;
#endif
    swapcontext(&fiber.context, &scheduler_);
    finish_switch(fiber.fake_stack);
  }

  // Tells the address sanitizer which stack is in use now, and learns which one was left.
  void finish_switch(void* fake_stack) {
#ifdef __SANITIZE_ADDRESS__
    const void* left = nullptr;
    std::size_t left_bytes = 0;
    __sanitizer_finish_switch_fiber(fake_stack, &left, &left_bytes);
    const bool from_fiber = std::any_of(fibers_.begin(), fibers_.end(), [left](const Fiber& fiber) {
      return fiber.stack.get() == left;
    });
    if (from_fiber) return;
    scheduler_stack_ = left;
    scheduler_stack_bytes_ = left_bytes;
#else
    (void)fake_stack;
#endif
  }

  std::size_t count(State state) const {
    return static_cast<std::size_t>(std::count_if(
        fibers_.begin(), fibers_.end(), [state](const Fiber& f) { return f.state == state; }));
  }

  // Lets those warps go on whose lanes all wait at one warp barrier.
  bool release_warps() {
    bool released = false;
    for (std::size_t first = 0; first < fibers_.size(); first += kWarp) {
      const std::size_t last = std::min(first + kWarp, fibers_.size());
      const bool complete = std::all_of(
          fibers_.begin() + static_cast<std::ptrdiff_t>(first),
          fibers_.begin() + static_cast<std::ptrdiff_t>(last), [&](const Fiber& fiber) {
            return fiber.state == State::kAtWarpBarrier && same_place(fiber, fibers_[first]);
          });
      if (!complete) continue;
      for (std::size_t i = first; i < last; ++i) fibers_[i].state = State::kReady;
      released = true;
    }
    return released;
  }

  void release_block() {
    for (std::size_t i = 0; i < fibers_.size(); ++i) {
      const Fiber& fiber = fibers_[i];
      if (fiber.state == State::kAtBlockBarrier && same_place(fiber, fibers_[0])) continue;
      throw Error(
          "emulated kernel: all threads of a block must reach the same barrier, but thread 0 "
          "of block " +
          std::to_string(block_) + " is at " + place(fibers_[0]) + " and thread " +
          std::to_string(i) + " at " + place(fiber));
    }
    for (Fiber& fiber : fibers_) fiber.state = State::kReady;
  }

  std::uint64_t seed_ = 0;
  std::string dropped_file_;
  int dropped_line_ = -1;
  std::mt19937_64 random_;
  const std::function<void()>* body_ = nullptr;
  std::vector<Fiber> fibers_;
  std::vector<std::uint64_t> handed_;  // between the lanes of a warp
  std::unique_ptr<unsigned char, Free> shared_;
  ucontext_t scheduler_;
  const void* scheduler_stack_ = nullptr;
  std::size_t scheduler_stack_bytes_ = 0;
  std::int64_t block_ = 0;
  int current_ = 0;
};

Machine& machine() {
  static thread_local Machine instance;
  return instance;
}

void Machine::enter() { machine().run_body(); }

}  // namespace

void set_seed(std::uint64_t seed) { machine().set_seed(seed); }
void drop_barrier(const char* file, int line) { machine().drop_barrier(file, line); }

void run_grid(std::int64_t blocks, int threads, std::size_t shared_bytes,
              const std::function<void()>& body) {
  machine().run_grid(blocks, threads, shared_bytes, body);
}

unsigned thread_index() { return machine().thread_index(); }
unsigned block_index() { return machine().block_index(); }
unsigned char* shared_memory() { return machine().shared_memory(); }

void sync_threads(const char* file, int line) {
  machine().wait(State::kAtBlockBarrier, file, line);
}

void sync_warp(const char* file, int line) { machine().wait(State::kAtWarpBarrier, file, line); }

std::array<std::uint64_t, kWarp> gather(std::uint64_t value) { return machine().gather(value); }

std::uint64_t exchange(std::uint64_t value, unsigned source_lane) {
  return gather(value)[source_lane % kWarp];
}

}  // namespace petsgan::emu
