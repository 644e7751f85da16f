# The CUDA kernels: the shared library petsgan_cuda, which loads where there is no driver, and the
# Python module _cuda. Both are left out where CUDA is off or no nvcc is found.

set(PETSGAN_ENABLE_CUDA "AUTO" CACHE STRING "Build the CUDA kernels: AUTO (where nvcc is found), ON or OFF")
set_property(CACHE PETSGAN_ENABLE_CUDA PROPERTY STRINGS AUTO ON OFF)
set(PETSGAN_CUDA_ARCHITECTURES "" CACHE STRING "As CMAKE_CUDA_ARCHITECTURES; empty: all that nvcc can build for of 80, 90, 100, 120")

# Sets nvcc_root to the folder of a toolkit, or to "". An nvcc from PyPI lies among site-packages.
function(petsgan_find_cuda_toolkit)
  find_program(PETSGAN_NVCC nvcc HINTS ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin)
  set(nvcc "${PETSGAN_NVCC}")
  if(NOT nvcc)
    find_package(Python REQUIRED COMPONENTS Interpreter)
    execute_process(
      COMMAND
        "${Python_EXECUTABLE}" -c
        "import importlib.util, pathlib
spec = importlib.util.find_spec('nvidia')
for folder in spec.submodule_search_locations if spec else ():
    for nvcc in sorted(pathlib.Path(folder).glob('cu*/bin/nvcc'), reverse=True):
        print(nvcc)
        raise SystemExit"
      OUTPUT_VARIABLE nvcc
      OUTPUT_STRIP_TRAILING_WHITESPACE)
  endif()
  if(nvcc)
    get_filename_component(root "${nvcc}" REALPATH)
    get_filename_component(root "${root}" DIRECTORY)
    get_filename_component(root "${root}" DIRECTORY)
  else()
    set(root "")
  endif()
  set(nvcc_root "${root}" PARENT_SCOPE)
endfunction()

# Enables the language CUDA if a toolkit works, and sets PETSGAN_HAS_CUDA.
macro(petsgan_enable_cuda)
  set(PETSGAN_HAS_CUDA OFF)
  if(NOT CMAKE_CUDA_COMPILER)
    petsgan_find_cuda_toolkit()
    if(nvcc_root)
      set(ENV{CUDACXX} "${nvcc_root}/bin/nvcc")
      if(NOT EXISTS "${nvcc_root}/lib64" AND EXISTS "${nvcc_root}/lib/libcudart_static.a")
        set(ENV{CUDAFLAGS} "$ENV{CUDAFLAGS} -L${nvcc_root}/lib") # nvcc itself looks in lib64 only
      endif()
      include(CheckLanguage)
      check_language(CUDA) # in a process of its own, so a broken toolkit is no error yet
    endif()
  endif()
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    set(PETSGAN_HAS_CUDA ON)
  elseif(PETSGAN_ENABLE_CUDA STREQUAL "ON")
    message(
      FATAL_ERROR
        "PETSGAN_ENABLE_CUDA is ON, but no working nvcc was found on PATH, in CUDA_PATH, in "
        "/usr/local/cuda or among Python's packages (found: '${nvcc_root}'). Install the CUDA toolkit 12.8 or newer, or the "
        "PyPI packages nvidia-cuda-nvcc, nvidia-cuda-crt, nvidia-nvvm, nvidia-cuda-runtime and "
        "nvidia-cuda-cccl of one version, or set CMAKE_CUDA_COMPILER, or use AUTO.")
  else()
    message(STATUS "CUDA kernels: not built, no working nvcc was found")
  endif()
endmacro()

function(petsgan_add_cuda_targets)
  set(architectures "${PETSGAN_CUDA_ARCHITECTURES}")
  if(NOT architectures)
    # The last one also as PTX, from which a driver builds code for newer GPUs.
    if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12.8)
      set(architectures 80-real 90)
    else()
      set(architectures 80-real 90-real 100-real 120)
    endif()
  endif()
  list(TRANSFORM architectures REPLACE "-real" "" OUTPUT_VARIABLE names)
  list(JOIN names " " names)
  message(STATUS "CUDA kernels: for ${names} with ${CMAKE_CUDA_COMPILER}")

  add_library(
    petsgan_cuda SHARED
    csrc/cuda/composite_places.cu
    csrc/cuda/correct_places.cu
    csrc/cuda/device_memory.cu
    csrc/cuda/fold.cu
    csrc/cuda/merge.cu
    csrc/cuda/norms.cu
    csrc/cuda/patch_transfer.cu
    csrc/cuda/place_features.cu
    csrc/cuda/plan.cpp
    csrc/cuda/resize.cu
    csrc/cuda/similarity.cu
    csrc/cuda/sizes.cpp)
  target_include_directories(petsgan_cuda PUBLIC csrc/include PRIVATE csrc)
  target_compile_features(petsgan_cuda PRIVATE cxx_std_17 cuda_std_17)
  target_compile_definitions(petsgan_cuda PRIVATE PETSGAN_CUDA_ARCHITECTURES="${names}")
  set(warnings -Wall -Wextra -Wconversion)
  if(PETSGAN_WERROR)
    list(APPEND warnings -Werror)
  endif()
  list(JOIN warnings "," warnings_of_host)
  target_compile_options(
    petsgan_cuda
    PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${warnings}>
            $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=${warnings_of_host}>)
  set_target_properties(
    petsgan_cuda
    PROPERTIES CUDA_ARCHITECTURES "${architectures}"
               CUDA_RUNTIME_LIBRARY Static
               CUDA_VISIBILITY_PRESET hidden
               CXX_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON)

  pybind11_add_module(_cuda csrc/python/cuda_module.cpp csrc/python/cuda_synthesis.cpp
                           csrc/python/dlpack.cpp)
  target_include_directories(_cuda PRIVATE csrc)
  target_link_libraries(_cuda PRIVATE petsgan_cuda petsgan_flags)
  set_target_properties(_cuda petsgan_cuda PROPERTIES INSTALL_RPATH "$ORIGIN")
  install(TARGETS _cuda petsgan_cuda LIBRARY DESTINATION petsgan_sdk COMPONENT python)
endfunction()

if(PETSGAN_ENABLE_CUDA STREQUAL "AUTO" OR PETSGAN_ENABLE_CUDA STREQUAL "ON")
  petsgan_enable_cuda()
  if(PETSGAN_HAS_CUDA)
    petsgan_add_cuda_targets()
  endif()
elseif(NOT PETSGAN_ENABLE_CUDA STREQUAL "OFF")
  message(FATAL_ERROR "PETSGAN_ENABLE_CUDA must be AUTO, ON or OFF, got '${PETSGAN_ENABLE_CUDA}'")
endif()
