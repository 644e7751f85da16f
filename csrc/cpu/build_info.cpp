#include "petsgan/build_info.h"

#include "cpu/simd.h"

namespace petsgan {

BuildInfo build_info() {
  BuildInfo info;
  info.version = PETSGAN_VERSION;
#if defined(__clang__)
  info.compiler = "clang " __clang_version__;
#else
  info.compiler = "gcc " __VERSION__;
#endif
  info.simd = simd_name(simd_level());
  return info;
}

}  // namespace petsgan
