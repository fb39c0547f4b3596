# The CUDA back end needs two headers, cuda.h and nvrtc.h, and no library: those are loaded when a program runs.
# A toolkit has both in one folder, Python's nvidia-cuda-* packages in two (-D ADZE_CUDA_INCLUDE_DIR=...,
# -D ADZE_NVRTC_INCLUDE_DIR=...).
option(ADZE_CUDA "Build the CUDA back end where its headers are found" ON)
if(ADZE_CUDA)
  foreach(header cuda nvrtc)
    string(TOUPPER ${header} upper)
    find_path(ADZE_${upper}_INCLUDE_DIR ${header}.h
              HINTS ${CUDAToolkit_ROOT} $ENV{CUDAToolkit_ROOT} $ENV{CUDA_HOME} $ENV{CUDA_PATH} /usr/local/cuda
              PATH_SUFFIXES include targets/x86_64-linux/include)
  endforeach()
endif()
set(ADZE_HAS_CUDA OFF)
if(NOT ADZE_CUDA)
  message(STATUS "CUDA back end: left out (ADZE_CUDA is off)")
elseif(NOT ADZE_CUDA_INCLUDE_DIR OR NOT ADZE_NVRTC_INCLUDE_DIR)
  message(STATUS "CUDA back end: left out, cuda.h or nvrtc.h was not found (CUDAToolkit_ROOT says where to look)")
else()
  file(STRINGS ${ADZE_CUDA_INCLUDE_DIR}/cuda.h version REGEX "^#define CUDA_VERSION [0-9]+")
  string(REGEX MATCH "[0-9]+" version "${version}")
  if(version LESS 12000)
    message(STATUS "CUDA back end: left out, ${ADZE_CUDA_INCLUDE_DIR}/cuda.h is of version ${version}, before 12000")
  else()
    set(ADZE_HAS_CUDA ON)
    message(STATUS "CUDA back end: headers of version ${version} in ${ADZE_CUDA_INCLUDE_DIR}")
  endif()
endif()

# Gives a target the headers, where they are.
function(adze_use_cuda_headers target)
  if(ADZE_HAS_CUDA)
    target_include_directories(${target} SYSTEM PRIVATE ${ADZE_CUDA_INCLUDE_DIR} ${ADZE_NVRTC_INCLUDE_DIR})
    target_compile_definitions(${target} PRIVATE ADZE_CUDA_HEADERS)
  endif()
endfunction()
