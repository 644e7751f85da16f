// A driver that says how it is called. Only what runtime/device/driver.py calls, and the function by
// which cuda-bindings finds the others.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define SAY(...) (printf(__VA_ARGS__), printf("\n"), fflush(stdout), 0)
typedef unsigned long long Address;

int cuInit(unsigned flags) { return SAY("cuInit %u", flags); }
int cuDriverGetVersion(int* version) { return *version = 13000, 0; }
int cuDeviceGet(int* device, int number) { return *device = 0, SAY("cuDeviceGet %d", number); }
int cuDeviceGetName(char* name, int size, int device) {
  strncpy(name, "NVIDIA Example", (size_t)size);
  return SAY("cuDeviceGetName %d %d", size, device);
}
int cuDeviceGetAttribute(int* value, int attribute, int device) {
  return *value = attribute - 66, SAY("cuDeviceGetAttribute %d %d", attribute, device);
}
int cuDevicePrimaryCtxRetain(void** context, int device) {
  return *context = (void*)0x77, SAY("cuDevicePrimaryCtxRetain %d", device);
}
int cuCtxSetCurrent(void* context) { return SAY("cuCtxSetCurrent %p", context); }
int cuStreamCreate(void** stream, unsigned flags) {
  return *stream = (void*)0x1234, SAY("cuStreamCreate %u", flags);
}
int cuMemcpyHtoDAsync_v2(Address to, const void* from, size_t size, void* stream) {
  return memcpy((void*)to, from, size), SAY("cuMemcpyHtoDAsync_v2 %zu %p", size, stream);
}
int cuMemcpyDtoHAsync_v2(void* to, Address from, size_t size, void* stream) {
  return memcpy(to, (void*)from, size), SAY("cuMemcpyDtoHAsync_v2 %zu %p", size, stream);
}
int cuStreamSynchronize(void* stream) { return SAY("cuStreamSynchronize %p", stream); }
int cuStreamBeginCapture_v2(void* stream, int mode) {
  return SAY("cuStreamBeginCapture_v2 %p %d", stream, mode);
}
int cuStreamEndCapture(void* stream, void** graph) {
  return *graph = (void*)0x55, SAY("cuStreamEndCapture %p", stream);
}
int cuGraphInstantiateWithFlags(void** executable, void* graph, Address flags) {
  return *executable = (void*)0x66, SAY("cuGraphInstantiateWithFlags %p %llu", graph, flags);
}
int cuGraphDestroy(void* graph) { return SAY("cuGraphDestroy %p", graph); }
int cuGraphLaunch(void* executable, void* stream) {
  return SAY("cuGraphLaunch %p %p", executable, stream);
}

// As the driver does, gives the newest form of a function.
int cuGetProcAddress_v2(const char* name, void** found, int version, Address flags, int* status) {
  void* self = dlopen("libcuda.so.1", RTLD_NOW);
  const char* const endings[] = {"_v2", "WithFlags", ""};
  char symbol[256];
  *found = NULL;
  for (int i = 0; i < 3 && *found == NULL; ++i) {
    snprintf(symbol, sizeof symbol, "%s%s", name, endings[i]);
    *found = dlsym(self, symbol);
  }
  if (status != NULL) *status = *found == NULL;
  return *found == NULL ? 500 : 0;  // CUDA_ERROR_NOT_FOUND
}
