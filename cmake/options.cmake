# Compiler options that hold for every target of the project.
add_library(polymq_options INTERFACE)
target_compile_options(polymq_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  -Wold-style-cast -Wimplicit-fallthrough -Werror
  -fno-omit-frame-pointer -fvisibility=hidden)
target_compile_definitions(polymq_options INTERFACE
  POLYMQ_VERSION="${PROJECT_VERSION}"
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_HAS_CO_AWAIT BOOST_ERROR_CODE_HEADER_ONLY)
target_link_libraries(polymq_options INTERFACE Threads::Threads)
target_link_options(polymq_options INTERFACE -fuse-ld=lld)

if(POLYMQ_SANITIZE)
  target_compile_options(polymq_options INTERFACE
    -fsanitize=${POLYMQ_SANITIZE} -fno-sanitize-recover=all
    # It needs a free file descriptor to look at an object, and takes every one for damaged when
    # there is none: a server must be testable without descriptors.
    -fno-sanitize=vptr)
  target_link_options(polymq_options INTERFACE -fsanitize=${POLYMQ_SANITIZE})
endif()
if(POLYMQ_FUZZ)
  # Coverage feedback everywhere; the fuzz targets themselves link the fuzzer's main.
  target_compile_options(polymq_options INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(polymq_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
