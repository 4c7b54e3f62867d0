# The functions the folders' CMakeLists.txt are written with.

# strata_sources(<folder> <file>...): the folder's sources, compiled once per level. The target is named
# after the folder ("core_ops"); further levels carry their name ("core_ops-v3").
function(strata_sources folder)
  if(NOT ARGN)
    return()
  endif()
  string(REPLACE "/" "_" name ${folder})
  foreach(level IN LISTS STRATA_LEVELS_USED)
    strata_level_suffix(${level} suffix)
    add_library(${name}${suffix} OBJECT ${ARGN})
    target_link_libraries(${name}${suffix} PRIVATE strata_library_flags strata_level_${level})
    if(STRATA_FUZZ AND folder IN_LIST STRATA_FUZZED_FOLDERS)
      target_link_libraries(${name}${suffix} PRIVATE strata_fuzzed_code)
    endif()
    set_property(GLOBAL APPEND PROPERTY STRATA_OBJECTS_${level} ${name}${suffix})
  endforeach()
endfunction()

# strata_link(<folder> <target>...): libraries that only this folder's sources may include. They stay
# private to libstrata. Call it after strata_sources.
function(strata_link folder)
  string(REPLACE "/" "_" name ${folder})
  foreach(level IN LISTS STRATA_LEVELS_USED)
    strata_level_suffix(${level} suffix)
    target_link_libraries(${name}${suffix} PRIVATE ${ARGN})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY STRATA_PRIVATE_LIBRARIES ${ARGN})
endfunction()

# strata_module(<name> <folder> [APART] SOURCES <file>... LINK <target>...): sources of the folder that libstrata loads when
# it first needs them (core/base/module.h), and the libraries that only they may include. Compiled once, for the lowest level.
# APART: programs that are made of the library's objects go without it.
function(strata_module name folder)
  cmake_parse_arguments(PARSE_ARGV 2 arg "APART" "" "SOURCES;LINK")
  add_library(${name}_module OBJECT ${arg_SOURCES})
  target_link_libraries(${name}_module PRIVATE strata_library_flags strata_level_${STRATA_LOWEST_LEVEL} ${arg_LINK})
  if(STRATA_FUZZ AND folder IN_LIST STRATA_FUZZED_FOLDERS)
    target_link_libraries(${name}_module PRIVATE strata_fuzzed_code)
  endif()
  set_property(GLOBAL APPEND PROPERTY STRATA_MODULES ${name})
  if(arg_APART)
    set_property(GLOBAL APPEND PROPERTY STRATA_MODULES_APART ${name})
  endif()
  set_property(GLOBAL PROPERTY STRATA_MODULE_LIBRARIES_${name} ${arg_LINK})
endfunction()

# strata_everything(<level> <objects> <modules> <libraries>): what a program is made of that holds the library's own code:
# the folders' objects, the modules' (linked by name, since nothing refers to them), and the libraries of both.
function(strata_everything level objects_result modules_result libraries_result)
  get_property(objects GLOBAL PROPERTY STRATA_OBJECTS_${level})
  get_property(libraries GLOBAL PROPERTY STRATA_PRIVATE_LIBRARIES)
  get_property(modules GLOBAL PROPERTY STRATA_MODULES)
  get_property(apart GLOBAL PROPERTY STRATA_MODULES_APART)
  list(REMOVE_ITEM modules ${apart})
  foreach(name IN LISTS modules)
    get_property(own GLOBAL PROPERTY STRATA_MODULE_LIBRARIES_${name})
    list(APPEND libraries ${own})
  endforeach()
  list(TRANSFORM objects REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>")
  list(TRANSFORM modules REPLACE "(.+)" "$<TARGET_OBJECTS:\\1_module>")
  set(${objects_result} ${objects} PARENT_SCOPE)
  set(${modules_result} ${modules} PARENT_SCOPE)
  set(${libraries_result} ${libraries} PARENT_SCOPE)
endfunction()

# strata_internal_headers(<folder> [<file>...]): headers of this folder, all of them if none is named, that
# are not installed. They may include third-party headers; no public header may include them.
function(strata_internal_headers folder)
  if(ARGN)
    list(TRANSFORM ARGN PREPEND ${folder}/)
  else()
    set(ARGN ${folder})
  endif()
  set_property(GLOBAL APPEND PROPERTY STRATA_INTERNAL_HEADERS ${ARGN})
endfunction()

# strata_messages(<file.proto> <variable>): the C++ source that protoc makes of the file. It and its header lie outside
# our include folders; strata_use_messages(<folder>), after strata_sources, lets that folder include the header
# as <file.pb.h>, as a system header: it is not ours to warn about.
function(strata_messages file result)
  get_filename_component(name ${file} NAME_WE)
  set(folder ${PROJECT_BINARY_DIR}/messages)
  file(MAKE_DIRECTORY ${folder})
  get_filename_component(source_folder ${CMAKE_CURRENT_SOURCE_DIR}/${file} DIRECTORY)
  add_custom_command(
    OUTPUT ${folder}/${name}.pb.cc ${folder}/${name}.pb.h
    COMMAND ${STRATA_PROTOC} --cpp_out=${folder} --proto_path=${source_folder} ${name}.proto
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file}
    COMMENT "Generating ${name}.pb.cc" VERBATIM)
  set_source_files_properties(${folder}/${name}.pb.cc PROPERTIES COMPILE_OPTIONS -w)
  add_custom_target(${name}_messages DEPENDS ${folder}/${name}.pb.h)
  set(${result} ${folder}/${name}.pb.cc PARENT_SCOPE)
endfunction()
function(strata_use_messages folder)
  string(REPLACE "/" "_" name ${folder})
  foreach(level IN LISTS STRATA_LEVELS_USED)
    strata_level_suffix(${level} suffix)
    target_include_directories(${name}${suffix} SYSTEM PRIVATE ${PROJECT_BINARY_DIR}/messages)
    add_dependencies(${name}${suffix} events_messages)
  endforeach()
endfunction()

# strata_add_library(): libstrata of every level out of the folders' objects, and strata::strata.
function(strata_add_library)
  get_property(libraries GLOBAL PROPERTY STRATA_PRIVATE_LIBRARIES)
  foreach(level IN LISTS STRATA_LEVELS_USED)
    strata_level_suffix(${level} suffix)
    strata_level_folder(${level} folder)
    get_property(objects GLOBAL PROPERTY STRATA_OBJECTS_${level})
    list(TRANSFORM objects REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>")
    add_library(strata${suffix} SHARED ${objects})
    target_link_libraries(strata${suffix} PRIVATE strata_library_flags ${libraries})
    target_link_options(strata${suffix} PRIVATE
      -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map -Wl,-z,defs)
    if(STRATA_SANITIZE)  # Clang links the sanitizer runtime into programs only
      target_link_options(strata${suffix} PRIVATE -Wl,-z,undefs)
    endif()
    set_target_properties(strata${suffix} PROPERTIES
      LINKER_LANGUAGE CXX
      OUTPUT_NAME strata
      VERSION ${PROJECT_VERSION}
      SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
      LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/exports.map
      LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib${folder}
      INSTALL_RPATH "$ORIGIN;$ORIGIN/../..")
    if(suffix)
      add_dependencies(strata strata${suffix})
    endif()
  endforeach()
  target_include_directories(strata INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/generated>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/strata>)
  target_compile_features(strata INTERFACE cxx_std_20)
  add_library(strata::strata ALIAS strata)
endfunction()

# strata_add_modules(): the shared libraries of the modules, in strata/ beside the library, where it looks for them.
function(strata_add_modules)
  get_property(modules GLOBAL PROPERTY STRATA_MODULES)
  foreach(name IN LISTS modules)
    get_property(libraries GLOBAL PROPERTY STRATA_MODULE_LIBRARIES_${name})
    add_library(strata_module_${name} MODULE $<TARGET_OBJECTS:${name}_module>)
    target_link_libraries(strata_module_${name} PRIVATE strata_library_flags strata ${libraries})
    # What it shares with libstrata is libstrata's; it registers itself, so nothing leaves it.
    target_link_options(strata_module_${name} PRIVATE
      -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/module_exports.map -Wl,-z,defs)
    if(STRATA_SANITIZE)
      target_link_options(strata_module_${name} PRIVATE -Wl,-z,undefs)
    endif()
    set_target_properties(strata_module_${name} PROPERTIES
      LINKER_LANGUAGE CXX
      PREFIX "" OUTPUT_NAME ${name}
      LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/module_exports.map
      LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib/strata
      INSTALL_RPATH "$ORIGIN/..")
    add_dependencies(strata_companions strata_module_${name})
  endforeach()
endfunction()

# strata_add_reader(): the program strata-read, which the library starts to read files in a process of its own. It lies in
# strata/ beside the library, where the library looks for it. It is started for each file, so it takes from the library's
# objects only what reading needs, the modules' included, and links HDF5 statically where it can: loading libstrata, and what
# the shared HDF5 brings along (libcurl and 30 more), takes 13 of 16 milliseconds.
function(strata_add_reader)
  add_library(strata_read_parts STATIC
    $<TARGET_OBJECTS:core_base> $<TARGET_OBJECTS:core_device> $<TARGET_OBJECTS:models>)
  set_target_properties(strata_read_parts PROPERTIES LINKER_LANGUAGE CXX)
  # It allocates tensors, but never on a GPU.
  add_executable(strata_read
    ${PROJECT_SOURCE_DIR}/models/saving/strata_read.cpp ${PROJECT_SOURCE_DIR}/core/device/cuda_runtime_none.cpp
    $<TARGET_OBJECTS:zip_module> $<TARGET_OBJECTS:hdf5_module>)
  target_link_libraries(strata_read PRIVATE
    strata_library_flags strata_read_parts ${STRATA_HDF5_OF_READER} strata::libzip ZLIB::ZLIB)
  set_target_properties(strata_read PROPERTIES
    OUTPUT_NAME strata-read
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib/strata)
  add_dependencies(strata_companions strata_read)
endfunction()

# strata_program(<name> <file>... [LINK <target>...]): an example, a tool or a benchmark, in bin/.
function(strata_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" LINK)
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE strata::strata strata_common ${arg_LINK})
  add_dependencies(${name} strata_companions)
  set_target_properties(${name} PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
endfunction()
