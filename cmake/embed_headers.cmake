# cmake -D OUTPUT=<file> -D ROOT=<folder> -D HEADERS=<path>... -P embed_headers.cmake
# Writes the headers, named from ROOT, as lines of an array of {name, text}.

set(text "")
foreach(header IN LISTS HEADERS)
  file(READ ${ROOT}/${header} content)
  string(APPEND text "{\"${header}\", R\"header(${content})header\"},\n")
endforeach()
file(WRITE ${OUTPUT} "${text}")
