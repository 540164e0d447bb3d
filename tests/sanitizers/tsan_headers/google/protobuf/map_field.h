#pragma once

// The class MapFieldBase of protobuf 3.21 has two more members where the compiler says that it
// builds for the thread sanitizer. The installed library was built without them, and both sides
// reach into the same objects: reading a text with a map then writes beside its members. Builds for
// the thread sanitizer find this header before the library's, so that both agree.
#pragma push_macro("__SANITIZE_THREAD__")
#undef __SANITIZE_THREAD__
#include_next <google/protobuf/map_field.h>  // IWYU pragma: export
#pragma pop_macro("__SANITIZE_THREAD__")
