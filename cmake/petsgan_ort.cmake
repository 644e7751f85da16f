# The shared library petsgan_ort: pets::PatchTransfer for ONNX Runtime. It needs none of the runtime's
# files and exports one function.

add_library(
  petsgan_ort SHARED
  csrc/ort/executor.cpp
  csrc/ort/patch_transfer_cpu.cpp
  csrc/ort/patch_transfer_op.cpp
  csrc/ort/register_custom_ops.cpp
  csrc/ort/tensor.cpp)
target_include_directories(petsgan_ort PRIVATE csrc)
target_link_libraries(petsgan_ort PRIVATE petsgan_core petsgan_flags)
set_target_properties(
  petsgan_ort
  PROPERTIES CXX_VISIBILITY_PRESET hidden
             VISIBILITY_INLINES_HIDDEN ON
             INSTALL_RPATH "$ORIGIN")
if(TARGET petsgan_cuda)
  target_sources(petsgan_ort PRIVATE csrc/ort/patch_transfer_cuda.cpp)
  target_compile_definitions(petsgan_ort PRIVATE PETSGAN_ORT_CUDA)
  target_link_libraries(petsgan_ort PRIVATE petsgan_cuda)
endif()
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  # Hidden visibility leaves the standard library's template instances in sight.
  set(exports "${CMAKE_CURRENT_SOURCE_DIR}/csrc/ort/exports.map")
  target_link_options(petsgan_ort PRIVATE "LINKER:--version-script=${exports}")
  set_property(TARGET petsgan_ort APPEND PROPERTY LINK_DEPENDS "${exports}")
endif()
install(TARGETS petsgan_ort LIBRARY DESTINATION petsgan_sdk COMPONENT python)
