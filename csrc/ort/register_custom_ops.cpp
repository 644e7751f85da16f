// The one function that the library exports, called by the runtime that loads it.
#include "ort/register_custom_ops.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "ort/api.h"

namespace petsgan::ort {
namespace {

struct ReleaseDomain {
  Api api;
  void operator()(OrtCustomOpDomain* domain) const { api.call(kReleaseCustomOpDomain, domain); }
};
using Domain = std::unique_ptr<OrtCustomOpDomain, ReleaseDomain>;

Domain make_domain(const Api& api) {
  OrtCustomOpDomain* domain = nullptr;
  api.check(kCreateCustomOpDomain, "pets", &domain);
  Domain owner(domain, ReleaseDomain{api});
  api.check(kCustomOpDomain_Add, domain, &cpu_patch_transfer());
#ifdef PETSGAN_ORT_CUDA
  api.check(kCustomOpDomain_Add, domain, &cuda_patch_transfer());
#endif
  return owner;
}

// One domain for each runtime in the process, shared by its sessions. The runtime does not own it
// and needs it as long as it keeps this library loaded: it goes with the library.
OrtCustomOpDomain* shared_domain(const OrtApi* table) {
  static std::mutex mutex;
  static std::map<const OrtApi*, Domain> domains;
  const std::lock_guard<std::mutex> lock(mutex);
  auto found = domains.find(table);
  if (found == domains.end()) found = domains.emplace(table, make_domain(Api(table))).first;
  return found->second.get();
}

OrtStatus* add_ops(OrtSessionOptions* options, const OrtApiBase* base) {
  if (const OrtApi* table = base->GetApi(kApiVersion)) {
    const Api api(table);
    return api.guarded([&] { api.check(kAddCustomOpDomain, options, shared_domain(table)); });
  }
  const Api oldest(base->GetApi(1));
  return oldest.guarded([&] {
    throw RuntimeFailure("pets::PatchTransfer needs ONNX Runtime 1." + std::to_string(kApiVersion) +
                         " or newer, got " + base->GetVersionString());
  });
}

}  // namespace
}  // namespace petsgan::ort

extern "C" __attribute__((visibility("default"))) petsgan::ort::OrtStatus* RegisterCustomOps(
    petsgan::ort::OrtSessionOptions* options, const petsgan::ort::OrtApiBase* base) {
  return petsgan::ort::add_ops(options, base);
}
