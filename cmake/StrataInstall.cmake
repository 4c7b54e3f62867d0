# Headers as include/strata/<folder>/..., the library of every level, the package files of find_package(strata).

include(CMakePackageConfigHelpers)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/strata)

get_property(STRATA_INTERNAL_HEADERS GLOBAL PROPERTY STRATA_INTERNAL_HEADERS)
set(exclusions PATTERN "data/mnist" EXCLUDE)
foreach(header IN LISTS STRATA_INTERNAL_HEADERS)
  list(APPEND exclusions PATTERN "${header}" EXCLUDE)
endforeach()
foreach(folder core layers optim data distributed models)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/strata
          FILES_MATCHING PATTERN "*.h" ${exclusions})
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/strata/strata.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/strata)
install(FILES ${PROJECT_BINARY_DIR}/generated/core/base/version.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/strata/core/base)
install(FILES ${PROJECT_BINARY_DIR}/generated/core/device/cuda_build.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/strata/core/device)

foreach(level IN LISTS STRATA_LEVELS_USED)
  strata_level_suffix(${level} suffix)
  strata_level_folder(${level} folder)
  if(suffix)
    install(TARGETS strata${suffix} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}${folder} NAMELINK_SKIP)
  else()
    install(TARGETS strata EXPORT strataTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  endif()
endforeach()
install(TARGETS strata_read RUNTIME DESTINATION ${CMAKE_INSTALL_LIBDIR}/strata)
get_property(modules GLOBAL PROPERTY STRATA_MODULES)
foreach(name IN LISTS modules)
  install(TARGETS strata_module_${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/strata)
endforeach()
install(FILES ${STRATA_ONEDNN_FILES} DESTINATION ${CMAKE_INSTALL_LIBDIR})

install(EXPORT strataTargets NAMESPACE strata:: DESTINATION ${package_folder})
file(WRITE ${PROJECT_BINARY_DIR}/strataConfig.cmake
     "include(\"\${CMAKE_CURRENT_LIST_DIR}/strataTargets.cmake\")\n")
write_basic_package_version_file(${PROJECT_BINARY_DIR}/strataConfigVersion.cmake
                                 VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/strataConfig.cmake ${PROJECT_BINARY_DIR}/strataConfigVersion.cmake
        DESTINATION ${package_folder})
install(FILES LICENSE THIRD_PARTY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
