// In GCC's and clang's portable vector notation: the arrays may overlap as far as a compiler knows,
// so that it would not make vectors itself. Included only by the per-instruction-set files; all but
// the kernel lies in an anonymous namespace, as in similarity/vector.h.
#include <cstring>

#include "cpu/relax_row/kernel.h"

namespace petsgan {
namespace {

#if defined(__AVX512F__)
constexpr std::int64_t kLanes = 16;
#elif defined(__AVX2__)
constexpr std::int64_t kLanes = 8;
#else
constexpr std::int64_t kLanes = 4;
#endif
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));

template <typename T>
inline T load(const float* from) {
  T values;
  std::memcpy(&values, from, sizeof values);
  return values;
}
template <typename T>
inline void store(float* to, T values) {
  std::memcpy(to, &values, sizeof values);
}

// As many pixels as T has numbers.
template <typename T>
inline void relax(const RelaxRow& row, std::int64_t x) {
  const T here = load<T>(row.direction + x);
  const T beside = load<T>(row.direction + x - 1) + load<T>(row.direction + x + 1);
  const T around = beside + (load<T>(row.above + x) + load<T>(row.below + x));
  const T left = load<T>(row.rest + x) - (row.centre * here - around);
  store<T>(row.rest + x, left);
  store<T>(row.image + x, load<T>(row.image + x) + here);
  store<T>(row.next + x, row.keep * here + row.take * left);
}

}  // namespace

void PETSGAN_RELAX_ROW(const RelaxRow& row) {
  const RelaxRow own = row;
  std::int64_t x = 0;
  for (; x + kLanes <= own.count; x += kLanes) relax<Lanes>(own, x);
  for (; x < own.count; ++x) relax<float>(own, x);
}

}  // namespace petsgan
