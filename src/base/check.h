#pragma once

namespace hadron::base {

/// Prints "file:line: check failed: text" to stderr and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* text);

}  // namespace hadron::base

/// A broken invariant of our own code: aborts in every build. Never for input from outside.
#define HADRON_CHECK(condition)                                    \
  do {                                                             \
    if (!(condition)) [[unlikely]] {                               \
      ::hadron::base::CheckFailed(__FILE__, __LINE__, #condition); \
    }                                                              \
  } while (false)

#ifdef NDEBUG
#define HADRON_DCHECK(condition) \
  do {                           \
  } while (false && (condition))
#else
#define HADRON_DCHECK(condition) HADRON_CHECK(condition)
#endif
