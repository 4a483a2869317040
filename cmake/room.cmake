# A room is a folder under src: one library, its own include root, and a list of what it may know.
#
#   polymq_room(engine
#     SOURCES  queue.cc router.cc        # its own files
#     MAY_USE  base storage              # the rooms below it; nothing else can be included
#     LIBS     re2::re2                  # libraries from outside
#     TESTS    queue_test.cc)            # GoogleTest files beside the code
#
# Besides the library this makes: NAME_test (the tests), NAME_headers (headers compiled alone; not
# those that a source file of their name begins with, which the tidy test sees to) and NAME_link (a
# do-nothing main that links the whole room, so that a missing MAY_USE shows).

function(polymq_room NAME)
  cmake_parse_arguments(ROOM "" "" "SOURCES;MAY_USE;LIBS;TESTS;TEST_LIBS" ${ARGN})

  # With src/ as everyone's include root a forbidden header would compile: hence a root per room.
  set(root ${CMAKE_BINARY_DIR}/rooms/${NAME})
  file(MAKE_DIRECTORY ${root})
  if(NOT EXISTS ${root}/${NAME})
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/${NAME} SYMBOLIC)
  endif()

  add_library(${NAME} STATIC ${ROOM_SOURCES})
  target_include_directories(${NAME} PUBLIC ${root})
  target_link_libraries(${NAME} PUBLIC polymq_options ${ROOM_MAY_USE} ${ROOM_LIBS})

  file(GLOB_RECURSE headers RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS *.h)
  set(alone "")
  foreach(header IN LISTS headers)
    string(REGEX REPLACE "h$" "cc" source ${header})
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${source})
      continue()
    endif()
    string(REPLACE "/" "_" stem ${header})
    set(file ${root}/alone/${stem}.cc)
    file(CONFIGURE OUTPUT ${file} CONTENT "#include \"${NAME}/${header}\"\n")
    list(APPEND alone ${file})
  endforeach()
  if(alone)
    add_library(${NAME}_headers OBJECT EXCLUDE_FROM_ALL ${alone})
    target_link_libraries(${NAME}_headers PRIVATE ${NAME})
    target_compile_options(${NAME}_headers PRIVATE -O0)
    if(ROOM_TEST_LIBS)
      target_link_libraries(${NAME}_headers PRIVATE GTest::gmock)
    endif()
    set_property(GLOBAL APPEND PROPERTY POLYMQ_CHECKS ${NAME}_headers)
  endif()

  file(CONFIGURE OUTPUT ${root}/link_main.cc CONTENT "int main() { return 0; }\n")
  add_executable(${NAME}_link EXCLUDE_FROM_ALL ${root}/link_main.cc)
  target_link_libraries(${NAME}_link PRIVATE "$<LINK_LIBRARY:WHOLE_ARCHIVE,${NAME}>")
  set_property(GLOBAL APPEND PROPERTY POLYMQ_CHECKS ${NAME}_link)

  if(ROOM_TESTS)
    polymq_test(${NAME}_test SOURCES ${ROOM_TESTS} LIBS ${NAME} ${ROOM_TEST_LIBS})
  endif()
endfunction()

# A GoogleTest program; each of its tests is a test of ctest's.
function(polymq_test NAME)
  cmake_parse_arguments(TEST "" "" "SOURCES;LIBS" ${ARGN})
  include(GoogleTest)
  add_executable(${NAME} EXCLUDE_FROM_ALL ${TEST_SOURCES})
  target_link_libraries(${NAME} PRIVATE ${TEST_LIBS} GTest::gmock_main)
  # Matchers are large and run for a moment: optimizing them takes longer than it saves.
  target_compile_options(${NAME} PRIVATE $<$<CONFIG:Debug>:-O0>)
  # A test file is mostly this header. Only tests have it ready: the product's own files, which are
  # compiled without, keep saying what they need. ccache does not know it by its time.
  target_precompile_headers(${NAME} PRIVATE <gmock/gmock.h>)
  target_compile_options(${NAME} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  gtest_discover_tests(${NAME} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
  set_property(GLOBAL APPEND PROPERTY POLYMQ_TESTS ${NAME})
endfunction()

# After the last room: `ninja tests` builds every test, `ninja checks` the header and link checks.
function(polymq_collect_targets)
  get_property(tests GLOBAL PROPERTY POLYMQ_TESTS)
  get_property(checks GLOBAL PROPERTY POLYMQ_CHECKS)
  add_custom_target(tests DEPENDS ${tests})
  add_custom_target(checks DEPENDS ${checks})
endfunction()
